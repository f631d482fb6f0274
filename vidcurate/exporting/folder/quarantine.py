"""The folder of clip files that failed a check, each with the reason, for people to look at."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vidcurate.exporting.folder.links import link
from vidcurate.store.atomic import write_text
from vidcurate.store.storage import Location

REASONS = "reasons.jsonl"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A clip's file that failed a check; `sha256` is that of the file when it was written."""

    clip_id: str
    video_id: str
    file: str
    sha256: str
    reason: str


def update_quarantine(folder: Location, source: Location, failed: Sequence[Quarantined]) -> None:
    """Make a folder hold exactly the files that failed, under their names, and REASONS.

    They are links to those in `source` where that is possible; a file that is gone has its reason
    alone. What an earlier run put there and passes by now is taken away, and what it did not put
    there stays. A run that is killed meanwhile is made good by the next.
    """
    reasons = "".join(f"{json.dumps(asdict(one), ensure_ascii=False)}\n" for one in failed)
    before = read_reasons(folder)
    there = [one.file for one in failed if (source / one.file).exists()]
    if before == reasons and all((folder / name).exists() for name in there):
        return
    for line in before.splitlines():
        (folder / json.loads(line)["file"]).unlink(missing_ok=True)
    if not failed:
        (folder / REASONS).unlink(missing_ok=True)
        remove_if_empty(folder)
        return
    # Said first, so that the next run knows what this one may have put there.
    write_text(folder / REASONS, reasons)
    for name in there:
        (folder / name).unlink(missing_ok=True)
        link(source / name, folder / name)


def remove_if_empty(folder: Location) -> None:
    """Remove a folder that holds nothing; one of objects is gone with the last of them."""
    if isinstance(folder, Path) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def read_reasons(folder: Location) -> str:
    """Read the reasons of an earlier run, "" where there are none."""
    try:
        return (folder / REASONS).read_bytes().decode()
    except FileNotFoundError:
        return ""
