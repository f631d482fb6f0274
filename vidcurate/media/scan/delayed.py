"""Detectors whose results come some frames late, as a network reads the frames that follow."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.io.decode import KEPT, SmallFrame, as_planar
from vidcurate.media.shots import learned, transnet

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class DelayedDetector:
    """A detector that takes frames one by one and gives each frame's row of `columns` later."""

    columns: tuple[str, ...]
    add: Callable[[VideoFrame, SmallFrame], None]
    take: Callable[[], NDArray[np.float32]]
    finish: Callable[[], None]


def delayed_detectors(
    metrics: tuple[str, ...], network: transnet.Network | None
) -> tuple[DelayedDetector, ...]:
    """Make the detectors that the metrics need; `network` is TransNetV2.

    Raises MediaError when it is asked for and not there.
    """
    found = []
    if "learned" in metrics:
        found.append(in_bursts(learned.LearnedDetector()))
    if "transnet" in metrics:
        if network is None:
            raise MediaError("the metric 'transnet' needs its network: give scan_video one")
        theirs = transnet.TransNetDetector(network)
        found.append(
            DelayedDetector(
                transnet.COLUMNS,
                lambda frame, _: theirs.add(as_planar(frame)),
                theirs.take,
                theirs.finish,
            )
        )
    return tuple(found)


def in_bursts(ours: learned.LearnedDetector) -> DelayedDetector:
    """Give our detector a few frames at a time, as it is faster then than between two frames."""
    waiting: list[SmallFrame] = []

    def catch_up() -> None:
        for small in waiting:
            ours.add(small)
        waiting.clear()

    def add(_frame: VideoFrame, small: SmallFrame) -> None:
        waiting.append(small)
        if len(waiting) == KEPT:
            catch_up()

    def take() -> NDArray[np.float32]:
        catch_up()
        return ours.take()

    def finish() -> None:
        catch_up()
        ours.finish()

    return DelayedDetector(learned.COLUMNS, add, take, finish)


def with_delayed(measured: Iterator[Columns], delayed: DelayedDetector) -> Iterator[Columns]:
    """Add a delayed detector's columns to batches, each held until all its rows are there."""
    waiting: deque[Columns] = deque()
    rows = delayed.take()
    for batch in chain(measured, [None]):
        if batch is None:
            delayed.finish()
        else:
            waiting.append(batch)
        rows = np.concatenate([rows, delayed.take()])
        while waiting and len(rows) >= (n_frames := len(waiting[0]["pts"])):
            yield waiting.popleft() | dict(zip(delayed.columns, rows[:n_frames].T, strict=True))
            rows = rows[n_frames:]
