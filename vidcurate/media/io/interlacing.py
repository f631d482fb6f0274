"""Interlaced videos: known by what their pictures show, and made whole pictures frame by frame.

An interlaced frame holds two fields of two moments, the odd and the even lines. Flags do not tell:
videos that were coded anew keep their combs and lose the flag, and whole pictures are often sent
with the flag.
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

TOP, BOTTOM, PROGRESSIVE, UNKNOWN = "top", "bottom", "progressive", "unknown"
# The field that is shown first, by libav's AVFieldOrder; whole pictures are 1.
ORDERS = {1: PROGRESSIVE, 2: TOP, 3: BOTTOM, 4: BOTTOM, 5: TOP}
# A pixel moves where it changes by so many levels from frame to frame; a picture where so many do.
MOVES, LEAST_MOVING = 12, 0.005
# Lines of a whole picture fit each other better than those of its neighbours, by this ratio; in an
# interlaced one those of the field before or after fit as well, and of the other far worse. In 70
# videos the ratio of both sides was 1.03 at most where lines fit ill, in 14 made interlaced of them
# 1.5 and more.
WHOLE, ASKEW = 2 / 3, 1.3
# No standard of interlaced video has taller pictures; in lower ones details of a line or two look
# like combs.
TALLEST, LOWEST = 1088, 144

Luma = NDArray[np.int16]


@dataclass(slots=True)
class Fit:
    """How ill lines fit between their neighbours, summed over what moves.

    `own` is of lines of the same frame; `top_first` of those lines of the frames beside it that are
    near in time if the top field is shown first, `bottom_first` if the bottom field is.
    """

    own: float = 0.0
    top_first: float = 0.0
    bottom_first: float = 0.0

    def add(self, before: Luma, luma: Luma, after: Luma) -> None:
        """Take three neighbouring frames into account, shape (height, width) each."""
        moving = (np.abs(luma - before) > MOVES) | (np.abs(after - luma) > MOVES)
        if moving.mean() < LEAST_MOVING:
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
        """What the frames show: whole pictures, the field that comes first, or nothing for sure."""
        near, far = sorted((self.top_first, self.bottom_first))
        if not near:
            return UNKNOWN
        if far > ASKEW * near and self.own > WHOLE * near:
            return TOP if self.top_first < self.bottom_first else BOTTOM
        return PROGRESSIVE if self.own < WHOLE * near else UNKNOWN


def order_shown(frames: Sequence[VideoFrame]) -> str:
    """What neighbouring frames show; see Fit.order."""
    fit = Fit()
    lumas = [np.asarray(frame.to_ndarray(format="gray"), np.int16) for frame in frames]
    if len({luma.shape for luma in lumas}) == 1:
        for before, luma, after in zip(lumas, lumas[1:], lumas[2:], strict=False):
            fit.add(before, luma, after)
    return fit.order()


def field_order(runs: Iterable[Sequence[VideoFrame]], stated: str) -> str:
    """Which field of a video's frames comes first, by most runs of neighbouring frames.

    `stated` is what the video says, which holds where too little moves to tell.
    """
    shown = Counter(order for order in map(order_shown, runs) if order != UNKNOWN)
    fields = shown[TOP] + shown[BOTTOM]
    if fields and fields >= shown[PROGRESSIVE]:
        return TOP if shown[TOP] >= shown[BOTTOM] else BOTTOM
    return PROGRESSIVE if shown else stated


def is_interlaced(order: str) -> bool:
    """Whether frames hold two moments each."""
    return order in (TOP, BOTTOM)


def bwdif(order: str) -> dict[str, object]:
    """The options of ffmpeg's bwdif: a whole picture of each frame's first field.

    Every frame is taken, whatever its flag, since those flags do not tell.
    """
    return {"mode": "send_frame", "parity": "tff" if order == TOP else "bff", "deint": "all"}


def whole_pictures(
    frames: Iterator[tuple[int, VideoFrame]], order: str
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames with their times, deinterlaced if they are interlaced: as many, at the same times."""
    if not is_interlaced(order):
        yield from frames
        return
    graph: Graph | None = None
    key: tuple[object, ...] = ()
    waiting: deque[tuple[int, VideoFrame]] = deque()
    for pts, frame in frames:
        now = frame.width, frame.height, frame.format.name
        if graph is None or now != key:
            if graph is not None:
                yield from given(graph, None, waiting)
            graph, key = graph_of(*now, [("bwdif", bwdif(order))]), now
        waiting.append((pts, frame))
        yield from given(graph, frame, waiting)
    if graph is not None:
        yield from given(graph, None, waiting)


def given(
    graph: Graph, frame: VideoFrame | None, waiting: deque[tuple[int, VideoFrame]]
) -> Iterator[tuple[int, VideoFrame]]:
    """What a graph gives for a frame, or at the end: pictures with the times of those that wait."""
    graph.vpush(frame)
    while waiting:
        try:
            picture: Any = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        pts, stored = waiting.popleft()
        picture.pts, picture.time_base, picture.duration = pts, stored.time_base, stored.duration
        yield pts, picture
