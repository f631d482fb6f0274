"""Files and objects that appear complete or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from vidcurate.store.storage import Location, Remote, put


@contextmanager
def atomic_write(where: Location) -> Iterator[Path]:
    """Give a path to write to; its content becomes the file `where` when the block ends.

    The path lies next to a local file and is renamed, or in a temporary folder and is uploaded.
    When the block raises, `where` stays as it was and nothing is left over.
    """
    if isinstance(where, Remote):
        with tempfile.TemporaryDirectory() as folder:
            partial = Path(folder, where.name)
            yield partial
            put(partial, where)
        return
    where.parent.mkdir(parents=True, exist_ok=True)
    partial = where.with_name(f".{where.name}.{os.getpid()}.{uuid4().hex[:8]}.partial")
    try:
        yield partial
        partial.replace(where)
    finally:
        partial.unlink(missing_ok=True)


def write_text(where: Location, text: str) -> None:
    """Write a UTF-8 text file, complete or not at all."""
    with atomic_write(where) as partial:
        partial.write_text(text, "utf-8")
