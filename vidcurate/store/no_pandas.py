"""Keeps Arrow from importing pandas, which takes a process of ours a third of a second for nothing.

Before its first array of Python values Arrow imports pandas, where it is installed, to know its
types. Nothing here makes arrays of those. Where pandas was hidden then, Arrow still finds it when
it is asked for a data frame.
"""

import functools
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


class Hidden(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise ModuleNotFoundError for pandas, and leave all else to others."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)
        return None


@functools.cache
def leave_pandas_out() -> None:
    """Have Arrow look for pandas now, and find none; for a process that is wholly ours."""
    if "pandas" in sys.modules:
        return
    hidden = Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(hidden)
