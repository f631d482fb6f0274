"""Arrow does not import pandas in our processes, and finds it when it is asked for a data frame."""

import subprocess
import sys

import pytest

ARRAY = "import pyarrow as pa; column = pa.array(['a', 'b'])"
ASKED = "from vidcurate.store.no_pandas import leave_pandas_out; leave_pandas_out()"


def printed(*lines: str) -> str:
    """What a process of its own prints."""
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_arrays_are_made_without_pandas_which_data_frames_still_find() -> None:
    """Hiding pandas lasts for Arrow's first look only."""
    pytest.importorskip("pandas")
    loaded = "import sys; print('pandas' in sys.modules)"
    frame = "print(len(pa.table({'a': column}).to_pandas()), 'pandas' in sys.modules)"
    assert printed(ASKED, ARRAY, loaded, frame).split() == ["False", "2", "True"]
