"""Pictures of clips: strips from proxies, keyframes, and single frames of the source."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vidcurate.analysis.strips import clip_strip
from vidcurate.errors import MediaError, UsageError
from vidcurate.media.io.frames import read_images
from vidcurate.media.io.images import encode_jpeg, read_as_jpeg, shrink_image
from vidcurate.records import KEYFRAMES, SCANS, Clip
from vidcurate.review.answers import NotFoundError
from vidcurate.review.facts import Facts
from vidcurate.review.media import Media

MAX_KEPT = 2000
KEYFRAME_SIDE = 640
FRAME_SIDE = 240
FRAME_QUALITY = 80
MAX_FRAMES = 49
# So many frames on each side of one that is asked for are decoded with it.
AROUND = 4
# A strip's pictures: how many, and how high in pixels.
COUNTS, HEIGHTS = range(1, 25), range(24, 361)


@dataclass(frozen=True)
class Pictures:
    """The pictures that were made last; each is a JPEG by what it shows."""

    media: Media
    kept: OrderedDict[tuple[Any, ...], bytes] = field(default_factory=OrderedDict)
    guard: threading.Lock = field(default_factory=threading.Lock)
    decoding: threading.Lock = field(default_factory=threading.Lock)

    def cached(self, key: tuple[Any, ...], make: Callable[[], bytes]) -> bytes:
        """A picture that was made before, or is made now."""
        found = self.get(key)
        return found if found is not None else self.keep(key, make())

    def get(self, key: tuple[Any, ...]) -> bytes | None:
        """A picture that was made before."""
        with self.guard:
            if key in self.kept:
                self.kept.move_to_end(key)
            return self.kept.get(key)

    def keep(self, key: tuple[Any, ...], picture: bytes) -> bytes:
        """Keep a picture; the ones that were asked for longest ago go."""
        with self.guard:
            self.kept[key] = picture
            while len(self.kept) > MAX_KEPT:
                self.kept.popitem(last=False)
        return picture

    def strip(self, facts: Facts, clip: Clip, count: int, height: int) -> bytes:
        """A strip of a clip; raises NotFoundError where its video has no proxies any more."""
        if count not in COUNTS or height not in HEIGHTS:
            raise UsageError(
                f"a strip has {COUNTS[0]} to {COUNTS[-1]} pictures of {HEIGHTS[0]} to "
                f"{HEIGHTS[-1]} pixels, and not {count} of {height}"
            )
        scan = facts.scan(clip.video_id)
        if scan is None:
            raise NotFoundError(f"the video of {clip.clip_id} was not scanned")
        file = facts.file(SCANS, scan.samples_file)
        key = ("strip", str(file), clip.clip_id, count, height)
        try:
            return self.cached(key, lambda: clip_strip(file, clip, count, height))
        except MediaError as error:
            raise NotFoundError(str(error)) from error

    def keyframe(self, facts: Facts, clip_id: str, number: int) -> bytes:
        """One of a clip's keyframes; raises NotFoundError where there is none."""
        row = facts.row(KEYFRAMES, clip_id)
        if row is None or not 0 <= number < len(row.keyframes):
            raise NotFoundError(f"the clip {clip_id!r} has no keyframe {number}")
        file = facts.file(KEYFRAMES, row.keyframes[number].file)
        try:
            return self.cached(("keyframe", str(file)), lambda: read_as_jpeg(file, KEYFRAME_SIDE))
        except MediaError as error:
            raise NotFoundError(str(error)) from error

    def frame(self, facts: Facts, video_id: str, pts: int) -> bytes:
        """A frame of the source; its neighbours are decoded with it, as they are seen next.

        Raises NotFoundError where there is no such frame, and what reading the source raises.
        """
        edges = frame_edges(facts, video_id)
        number = int(np.searchsorted(edges, pts))
        if number >= len(edges) - 1 or edges[number] != pts:
            raise NotFoundError(f"the video {video_id!r} has no frame at {pts} ticks")
        found = self.get(("frame", video_id, pts))
        if found is not None:
            return found
        with self.decoding:
            found = self.get(("frame", video_id, pts))
            return found if found is not None else self.decode(facts, video_id, number)

    def decode(self, facts: Facts, video_id: str, number: int) -> bytes:
        """Decode a frame with its neighbours, and keep them all."""
        video, scan = facts.video(video_id), facts.scan(video_id)
        source = facts.source(video_id)
        if video is None or scan is None or source is None:
            raise NotFoundError(f"the video {video_id!r} was not probed and scanned")
        edges = frame_edges(facts, video_id)
        first, last = max(0, number - AROUND), min(len(edges) - 1, number + AROUND + 1)
        wanted = [int(pts) for pts in edges[first:last]]
        path = self.media.path_of(source)
        for pts, image in read_images(path, video, wanted, scan.clock_offsets):
            picture = encode_jpeg(shrink_image(image, FRAME_SIDE), FRAME_QUALITY)
            self.keep(("frame", video_id, pts), picture)
        made = self.get(("frame", video_id, int(edges[number])))
        assert made is not None
        return made


def frame_edges(facts: Facts, video_id: str) -> Any:
    """The times of a video's frames and its end; raises NotFoundError where none are known."""
    try:
        return facts.edges(video_id)
    except MediaError as error:
        raise NotFoundError(f"{video_id!r}: {error}") from error


def frames_around(facts: Facts, clip: Clip, around: str, count: int) -> list[dict[str, Any]]:
    """The frames about a clip's start or end, with their times and the addresses of pictures.

    `is_in_clip` tells those of the clip. Raises UsageError for another place or count.
    """
    if around not in ("start", "end") or not 1 <= count <= MAX_FRAMES:
        raise UsageError(
            f"frames are around start or end, at most {MAX_FRAMES}: not {count} around {around!r}"
        )
    edges = frame_edges(facts, clip.video_id)
    at = int(np.searchsorted(edges, clip.start_pts if around == "start" else clip.end_pts))
    first = max(0, min(at - count // 2, len(edges) - 1 - count))
    return [
        {
            "pts": int(pts),
            "time_s": float(int(pts) * clip.time_base),
            "url": f"/frames/{clip.video_id}/{int(pts)}.jpg",
            "is_in_clip": bool(clip.start_pts <= pts < clip.end_pts),
        }
        for pts in edges[first : min(first + count, len(edges) - 1)]
    ]
