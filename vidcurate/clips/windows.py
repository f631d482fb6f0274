"""The rows of a video's signals that belong to a clip."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.records import Clip


def window(table: pa.Table, clip: Clip) -> pa.Table:
    """Return the rows of a clip's span, by the rising column `pts`."""
    pts = table["pts"].to_numpy()
    start, stop = np.searchsorted(pts, [clip.start_pts, clip.end_pts], "left")
    return table.slice(int(start), int(stop - start))


def column_numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a column's numbers, with NaN for nulls."""
    return np.asarray(table[name].to_numpy(zero_copy_only=False), np.float64)
