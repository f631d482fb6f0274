"""What the browser plays of a clip: its source, or a preview that is made for it."""

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidcurate.errors import MediaError
from vidcurate.media.io.content import video_path
from vidcurate.media.output.preview import is_playable, make_preview
from vidcurate.records import Clip, Source, Video
from vidcurate.review.answers import ConflictError, NotFoundError
from vidcurate.review.facts import Facts

TYPES: Mapping[str, str] = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",  # browsers play it as what it is, but refuse its own name
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ts": "video/mp2t",
    ".ogv": "video/ogg",
    ".avi": "video/x-msvideo",
}
# Whoever asks while so many wait is refused, so that threads are left for all else.
MAX_WAITING, MAX_PREVIEWS = 6, 200
# A file that young may still be on its way to a browser.
STILL_SENT_S = 60.0
CONTAINER_TYPES: Mapping[str, str] = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    "matroska,webm": "video/webm",
}
UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Media:
    """The sources and previews that one server gives out; previews lie in `folder`."""

    folder: Path
    paths: dict[tuple[str, tuple[str, ...]], tuple[Path, tuple[int, int]]] = field(
        default_factory=dict
    )
    making: threading.Lock = field(default_factory=threading.Lock)
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_WAITING))

    def source(self, facts: Facts, video_id: str) -> tuple[Path, str]:
        """The file of a video and its media type.

        Raises NotFoundError that says which file is gone, or was changed.
        """
        source = facts.source(video_id)
        if source is None:
            raise NotFoundError(f"there is no video {video_id!r} here")
        path = self.path_of(source)
        video = facts.video(video_id)
        return path, media_type(path, video)

    def path_of(self, source: Source) -> Path:
        """A source's file; its content is looked at again only where size or time changed."""
        key = (source.video_id, source.paths)
        if key in self.paths:
            path, before = self.paths[key]
            if stamp(path) == before:
                return path
        try:
            path = video_path(source)
        except MediaError as error:
            raise NotFoundError(
                f"{error}: put it back, or name where it is now to ingest"
            ) from error
        self.paths[key] = (path, stamp(path) or (0, 0))
        return path

    def preview(self, facts: Facts, clip: Clip) -> Path:
        """The preview of a clip, made where there is none yet.

        Raises NotFoundError where the source is gone, MediaError where it cannot be read, and
        ConflictError where too many others are being made.
        """
        video, scan = facts.video(clip.video_id), facts.scan(clip.video_id)
        source = facts.source(clip.video_id)
        if video is None or scan is None or source is None:
            raise NotFoundError(f"the video of {clip.clip_id} was not probed and scanned")
        out = self.folder / f"{hashlib.sha256(clip.clip_id.encode()).hexdigest()[:32]}.mp4"
        if out.exists():
            return out
        if not self.waiting.acquire(blocking=False):
            raise ConflictError("other previews are being made: come back to this clip later")
        try:
            with self.making:  # one at a time: each takes all that this machine has
                if not out.exists():
                    path = self.path_of(source)
                    make_preview(path, video, clip, out, scan.clock_offsets)
                    remove_oldest(self.folder)
        finally:
            self.waiting.release()
        return out


def remove_oldest(folder: Path) -> None:
    """Remove the previews that were made longest ago, where there are many."""
    files = sorted(folder.glob("*.mp4"), key=lambda file: file.stat().st_mtime_ns)
    for file in files[:-MAX_PREVIEWS]:
        if time.time() - file.stat().st_mtime > STILL_SENT_S:
            file.unlink()


def stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of a file; None where it is gone."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def media_type(path: Path, video: Video | None) -> str:
    """The media type of a file, by its name, or else by its container."""
    by_container = CONTAINER_TYPES.get(video.container if video else "", UNKNOWN_TYPE)
    return TYPES.get(path.suffix.lower(), by_container)


def media_of(facts: Facts, clip: Clip) -> dict[str, Any]:
    """Where a clip is played from: the source where browsers play it, else its preview.

    `offset_s` is the time on the browser's time line at which the video's clock, that of the
    tables, is 0; `start_s` and `end_s` are the clip's on the browser's time line.
    """
    preview = preview_of(clip)
    video, scan = facts.video(clip.video_id), facts.scan(clip.video_id)
    if video is None or scan is None or not is_playable(video, scan.clock_offsets):
        return {**preview, "preview": preview}
    source = facts.source(clip.video_id)
    path = Path(source.path) if source else Path()
    direct = timed(clip, 0.0, f"/media/{clip.video_id}", media_type(path, video))
    return {**direct, "preview": preview}


def preview_of(clip: Clip) -> dict[str, Any]:
    """Where a clip's preview is played from; it begins and ends with the clip."""
    return timed(clip, -clip.start_s, f"/preview/{clip.clip_id}.mp4", "video/mp4")


def timed(clip: Clip, offset_s: float, url: str, kind: str) -> dict[str, Any]:
    """A thing to play, with the clip's times in it."""
    start_s, end_s = clip.start_s + offset_s, clip.end_s + offset_s
    return {"url": url, "offset_s": offset_s, "start_s": start_s, "end_s": end_s, "type": kind}
