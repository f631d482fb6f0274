"""Interlaced video: detecting it from the pictures, and deinterlacing it frame by frame.

An interlaced frame holds two fields of two moments, the odd and the even lines. Flags are
unreliable: re-encoded videos keep their combs and lose the flag, and progressive pictures often
have the flag.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av.error
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidcurate.media.io.colour import graph_of
from vidcurate.media.io.decode import as_planar

TOP, BOTTOM, PROGRESSIVE, UNKNOWN = "top", "bottom", "progressive", "unknown"
# The field that is shown first, by libav's AVFieldOrder; whole pictures are 1.
ORDERS = {1: PROGRESSIVE, 2: TOP, 3: BOTTOM, 4: BOTTOM, 5: TOP}
# A pixel moves where it changes by so many levels from frame to frame; a picture where so many do.
MIN_CHANGE, MIN_MOVING_SHARE = 12, 0.005
# Lines of a whole picture fit each other better than those of its neighbours, by this ratio; in an
# interlaced one those of the field before or after fit as well, and of the other far worse. In 70
# videos the ratio of both sides was 1.03 at most where lines fit ill, in 14 made interlaced of them
# 1.5 and more.
PROGRESSIVE_RATIO, INTERLACED_RATIO = 2 / 3, 1.3
# No standard of interlaced video has taller pictures; in lower ones details of a line or two look
# like combs.
MAX_HEIGHT, MIN_HEIGHT = 1088, 144

Luma = NDArray[np.int16]


@dataclass(slots=True)
class FieldMatch:
    """How badly lines fit between their neighbours, summed over what moves.

    `own` is of lines of the same frame; `top_first` of those lines of the frames beside it that are
    near in time if the top field is shown first, `bottom_first` if the bottom field is.
    """

    own: float = 0.0
    top_first: float = 0.0
    bottom_first: float = 0.0

    def add(self, before: Luma, luma: Luma, after: Luma) -> None:
        """Add three neighbouring frames, shape (height, width) each."""
        moving = (np.abs(luma - before) > MIN_CHANGE) | (np.abs(after - luma) > MIN_CHANGE)
        if moving.mean() < MIN_MOVING_SHARE:
            return
        sides, inner = luma[:-2] + luma[2:], moving[1:-1]
        own, early, late = (
            (np.abs(sides - 2 * lines[1:-1]) * inner) for lines in (luma, before, after)
        )
        # The first of these rows is the picture's second, of its bottom field.
        self.own += float(own.sum())
        self.top_first += float(early[::2].sum() + late[1::2].sum())
        self.bottom_first += float(early[1::2].sum() + late[::2].sum())

    def order(self) -> str:
        """Decide what the frames show: progressive, the field that comes first, or unknown."""
        near, far = sorted((self.top_first, self.bottom_first))
        if not near:
            return UNKNOWN
        if far > INTERLACED_RATIO * near and self.own > PROGRESSIVE_RATIO * near:
            return TOP if self.top_first < self.bottom_first else BOTTOM
        return PROGRESSIVE if self.own < PROGRESSIVE_RATIO * near else UNKNOWN


def detect_field_order(frames: Sequence[VideoFrame]) -> str:
    """Detect the field order of neighbouring frames; see FieldMatch.order."""
    match = FieldMatch()
    lumas = [np.asarray(frame.to_ndarray(format="gray"), np.int16) for frame in frames]
    if len({luma.shape for luma in lumas}) == 1:
        for before, luma, after in zip(lumas, lumas[1:], lumas[2:], strict=False):
            match.add(before, luma, after)
    return match.order()


def field_order(runs: Iterable[Sequence[VideoFrame]], n_runs: int, stated: str) -> str:
    """Decide which field of a video's frames comes first, by most runs of neighbouring frames.

    There are at most `n_runs`; no more are taken than needed. `stated` is what the video says,
    which counts where too little moves.
    """
    counts: Counter[str] = Counter()
    for number, run in enumerate(runs, start=1):
        counts[detect_field_order(run)] += 1
        if counts[PROGRESSIVE] > counts[TOP] + counts[BOTTOM] + n_runs - number:
            return PROGRESSIVE
    fields = counts[TOP] + counts[BOTTOM]
    if fields and fields >= counts[PROGRESSIVE]:
        return TOP if counts[TOP] >= counts[BOTTOM] else BOTTOM
    return PROGRESSIVE if counts[PROGRESSIVE] else stated


def is_interlaced(order: str) -> bool:
    """Check whether frames hold two moments each."""
    return order in (TOP, BOTTOM)


def bwdif(order: str) -> dict[str, object]:
    """Return the options of ffmpeg's bwdif: one whole picture for each frame's first field.

    Every frame is deinterlaced, whatever its flag, since flags are unreliable.
    """
    return {"mode": "send_frame", "parity": "tff" if order == TOP else "bff", "deint": "all"}


def whole_pictures(
    frames: Iterator[tuple[int, VideoFrame]], order: str
) -> Iterator[tuple[int, VideoFrame]]:
    """Deinterlace frames if they are interlaced: as many frames, at the same times."""
    if not is_interlaced(order):
        yield from frames
        return
    graph: Graph | None = None
    key: tuple[object, ...] = ()
    waiting: deque[tuple[int, VideoFrame]] = deque()
    for pts, stored in frames:
        frame = as_planar(stored)
        now = frame.width, frame.height, frame.format.name
        if graph is None or now != key:
            if graph is not None:
                yield from filtered_frames(graph, None, waiting)
            graph, key = graph_of(*now, [("bwdif", bwdif(order))]), now
        waiting.append((pts, frame))
        yield from filtered_frames(graph, frame, waiting)
    if graph is not None:
        yield from filtered_frames(graph, None, waiting)


def filtered_frames(
    graph: Graph, frame: VideoFrame | None, waiting: deque[tuple[int, VideoFrame]]
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield what a graph returns for a frame, or at the end, with the times of waiting frames."""
    graph.vpush(frame)
    while waiting:
        try:
            picture: Any = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        pts, stored = waiting.popleft()
        picture.pts, picture.time_base, picture.duration = pts, stored.time_base, stored.duration
        yield pts, picture
