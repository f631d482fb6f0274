"""What is said in a clip, from a subtitle file beside its video, and whether it changed."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from vidcurate.captioning.options import CaptionConfig, Script
from vidcurate.captioning.text.subtitles import (
    Subtitles,
    read_subtitles,
    subtitle_name,
    words_between,
)
from vidcurate.errors import MediaError
from vidcurate.records import CAPTIONS, SOURCES, VIDEOS, Clip, Source, Video
from vidcurate.stage import DatasetView, Workspace
from vidcurate.store.storage import Location, Remote, location

MAX_BYTES = 16 << 20  # ten thousand pages: more is no subtitle file
HASH_DIGITS = 12
MAX_LINES_NAMED = 5
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class VoiceOver:
    """The words of a clip, "" where nothing is said, and the faults of the file."""

    text: str
    hash: str
    faults: tuple[str, ...]


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

    def voice_over(self, clip: Clip, video: Video) -> VoiceOver:
        """The words of a clip; subtitles count from the video's start, not its clock's zero."""
        offset_s = video.container_start_us / MICROSECONDS
        text = words_between(self.subtitles.cues, clip.start_s - offset_s, clip.end_s - offset_s)
        return VoiceOver(text, self.hash, tuple(self.faults()))

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


def uses_subtitles(config: CaptionConfig) -> bool:
    """Whether captions use subtitles."""
    return config.chat is not None and isinstance(config.strategy, Script)


def voice_overs_of(
    clips: Iterable[Clip], workspace: Workspace
) -> dict[str, VoiceOver | MediaError]:
    """The words of each clip of a video that has subtitles, by `clip_id`."""
    files = subtitle_files(workspace.lookup(SOURCES).values())
    voice_overs: dict[str, VoiceOver | MediaError] = {}
    for clip in (c for c in clips if c.video_id in files):
        file = files[clip.video_id]
        video = workspace.lookup(VIDEOS)[clip.video_id]
        voice_overs[clip.clip_id] = (
            file if isinstance(file, MediaError) else file.voice_over(clip, video)
        )
    return voice_overs


def changed_subtitles(config: CaptionConfig, view: DatasetView) -> pa.Array:
    """The clips whose captions used other subtitles than are beside their video now."""
    if not uses_subtitles(config):
        return pa.array([], pa.string())
    captions = view.scan(CAPTIONS, ["clip_id", "video_id", "subtitles_hash"])
    videos = set(captions["video_id"].to_pylist())
    sources = (s for video_id, s in view.lookup(SOURCES).items() if video_id in videos)
    now = {
        video_id: None if isinstance(file, MediaError) else file.hash
        for video_id, file in subtitle_files(sources).items()
    }
    rows = captions.to_pylist()
    changed = [r["clip_id"] for r in rows if r["subtitles_hash"] != now.get(r["video_id"])]
    return pa.array(changed, pa.string())
