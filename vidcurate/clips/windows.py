"""The part of a video's signals that belongs to a clip."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.records import Clip


def window(table: pa.Table, clip: Clip) -> pa.Table:
    """The rows of a clip's span, by the column `pts`, which rises."""
    pts = table["pts"].to_numpy()
    start, stop = np.searchsorted(pts, [clip.start_pts, clip.end_pts], "left")
    return table.slice(int(start), int(stop - start))


def column(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column's numbers; what is not known is NaN."""
    return np.asarray(table[name].to_numpy(zero_copy_only=False), np.float64)
