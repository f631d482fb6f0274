"""TransNetV2's word on each frame while a video is decoded; the network itself is handed in.

Frames are judged in windows of 100 that begin every 50, of which the middle 50 count; before the
first frame and after the last one, these stand still. Source: Souček and Lokoč 2020,
arXiv 2008.04838, and its published code.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

COLUMNS = ("transnet_middle", "transnet_inside")
WIDTH, HEIGHT = 48, 27
WINDOW, STEP = 100, 50
MARGIN = (WINDOW - STEP) // 2

Pictures = NDArray[np.uint8]
Values = NDArray[np.float32]
Network = Callable[[Pictures], Values]
"""From a window, shape (100, 27, 48, 3) in RGB, to its frames' probabilities, shape (100, 2)."""


@dataclass(slots=True)
class TransNetDetector:
    """The network's probabilities of a video that is fed frame by frame, up to 75 frames late.

    The first is that a frame is the middle of a transition, the second that it is part of one.
    Memory does not grow with the video.
    """

    network: Network
    window: Pictures = field(init=False)
    count: int = 0
    pending: int = 0
    reformatter: VideoReformatter = field(default_factory=VideoReformatter)
    ready: list[Values] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make room for one window."""
        self.window = np.empty((WINDOW, HEIGHT, WIDTH, 3), np.uint8)

    def add(self, frame: VideoFrame) -> None:
        """Take the next frame in, shrunk as the network's authors do it, by bicubic swscale."""
        shrunk = self.reformatter.reformat(
            frame, WIDTH, HEIGHT, "rgb24", interpolation=Interpolation.BICUBIC, threads=1
        )
        small = np.asarray(shrunk.to_ndarray(), np.uint8)
        if self.pending == 0 and self.count == 0:
            self.window[:MARGIN] = small
            self.count = MARGIN
        self.pending += 1
        self.push(small)

    def push(self, small: Pictures) -> None:
        """Put one picture into the window, and judge the window when it is full."""
        self.window[self.count] = small
        self.count += 1
        if self.count == WINDOW:
            middle = self.network(self.window)[MARGIN : MARGIN + STEP]
            self.ready.append(middle[: self.pending])
            self.pending -= len(self.ready[-1])
            self.window[:-STEP] = self.window[STEP:].copy()
            self.count -= STEP

    def take(self) -> Values:
        """The rows that are ready since the last call, shape (frames, 2); see COLUMNS."""
        rows, self.ready = self.ready, []
        return np.concatenate([np.empty((0, len(COLUMNS)), np.float32), *rows])

    def finish(self) -> None:
        """Judge what is left, as if the last frame stood still; nothing can be added after."""
        while self.pending:
            self.push(self.window[self.count - 1].copy())


def passages(rows: Values, threshold: float) -> list[tuple[int, int, float]]:
    """The transitions: last frame before, first frame after, greatest probability of a middle.

    Neighbouring frames of which either probability is above the threshold are one passage; it is a
    transition if one of them is the middle of one. A passage of one frame is a hard cut, and that
    frame is still the old shot's, as the network was taught.
    """
    middle = rows[:, 0]
    within = (rows > threshold).any(axis=1)
    ends = np.flatnonzero(np.diff(within.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    return [
        (first if end == first + 1 else max(0, first - 1), end, float(middle[first:end].max()))
        for first, end in ends.tolist()
        if end < len(rows) and middle[first:end].max() > threshold
    ]
