"""Files for sources to find."""

import os
from collections.abc import Sequence
from pathlib import Path

from vidcurate.records import FoundFile


def names(found: Sequence[FoundFile], base: Path) -> list[str]:
    """The files' places below a folder."""
    return [os.path.relpath(file.path, base) for file in found]


def touch(folder: Path, *files: str) -> None:
    """Files that hold their own name."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(file, "utf-8")
