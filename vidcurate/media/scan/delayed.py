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
from vidcurate.media.io.decode import SmallFrame, as_planar
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
    metrics: tuple[str, ...], network: transnet.Network | None, n_frames: int | None = None
) -> tuple[DelayedDetector, ...]:
    """Make the detectors that the metrics need; `network` is TransNetV2.

    Where it is known that there are only `n_frames` less is prepared.
    Raises MediaError when it is asked for and not there.
    """
    found = []
    if "learned" in metrics:
        whole = learned.BLOCK if n_frames is None else n_frames + learned.MARGIN
        ours = learned.LearnedDetector(block=min(learned.BLOCK, whole))
        found.append(
            DelayedDetector(
                learned.COLUMNS, lambda _, small: ours.add(small), ours.take, ours.finish
            )
        )
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
