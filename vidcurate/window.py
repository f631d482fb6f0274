"""The part of a film's signals that belongs to a clip."""

import numpy as np
import pyarrow as pa

from vidcurate.records import Clip


def window(table: pa.Table, clip: Clip) -> pa.Table:
    """The rows of a clip's span, by the column `pts`, which rises."""
    pts = table["pts"].to_numpy()
    start, stop = np.searchsorted(pts, [clip.start_pts, clip.end_pts], "left")
    return table.slice(int(start), int(stop - start))
