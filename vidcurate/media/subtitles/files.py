"""Finds the subtitle file beside each video, and reads it with the faults that a user should know.

A file is known by its hash, so that rows made from it are made again when it changes.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from vidcurate.errors import MediaError
from vidcurate.media.subtitles.cues import Subtitles, read_subtitles, subtitle_name
from vidcurate.records import Source
from vidcurate.store.storage import Location, Remote, location

MAX_BYTES = 16 << 20  # ten thousand pages: more is no subtitle file
HASH_DIGITS = 12
MAX_LINES_NAMED = 5


@dataclass(frozen=True)
class SubtitleFile:
    """A video's subtitle file."""

    name: str
    data: bytes

    @cached_property
    def hash(self) -> str:
        """The first 12 hexadecimal digits of the file's SHA-256."""
        return hashlib.sha256(self.data).hexdigest()[:HASH_DIGITS]

    @cached_property
    def subtitles(self) -> Subtitles:
        """The cues."""
        return read_subtitles(self.data, self.name)

    def faults(self) -> Iterator[str]:
        """What a user should know about the file."""
        found = self.subtitles
        if not found.encoding.startswith("utf"):
            yield f"{self.name}: not UTF-8, read as {found.encoding}"
        if found.skipped_lines:
            shown = ", ".join(map(str, found.skipped_lines[:MAX_LINES_NAMED]))
            more = len(found.skipped_lines) - MAX_LINES_NAMED
            lines = f"{shown} and {more} more" if more > 0 else shown
            yield f"{self.name}: cues skipped for unusable times: line {lines}"
        if not found.cues:
            yield f"{self.name}: no cue found"


def subtitle_files(sources: Iterable[Source]) -> dict[str, SubtitleFile | MediaError]:
    """The subtitle file of each video that has one beside any of its paths, by `video_id`.

    A file that cannot be read gives its error. Each folder is listed once.
    """
    names: dict[Location, list[str]] = {}
    found: dict[str, SubtitleFile | MediaError] = {}
    for source in sources:
        for video in (location(path) for path in (source.path, *source.paths)):
            if video.parent not in names:
                names[video.parent] = list_subtitle_files(video.parent)
            name = subtitle_name(video.name, names[video.parent])
            if name is not None:
                found[source.video_id] = read_file(video.parent / name)
                break
    return found


def list_subtitle_files(folder: Location) -> list[str]:
    """The names of the files in a folder; none where it is gone."""
    if isinstance(folder, Remote):
        return list(folder.below(recursive=False))
    return [entry.name for entry in folder.iterdir() if entry.is_file()] if folder.is_dir() else []


def read_file(file: Location) -> SubtitleFile | MediaError:
    """A subtitle file, or why it cannot be read."""
    try:
        if file.stat().st_size > MAX_BYTES:
            return MediaError(f"{file.name} is too large for subtitles: move it away")
        return SubtitleFile(file.name, file.read_bytes())
    except OSError as error:
        return MediaError(f"cannot read the subtitles {file.name}: {error.strerror}")
