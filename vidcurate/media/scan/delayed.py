"""Columns that come some frames late: a network judges a frame by those after it as well."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.io.decode import Small
from vidcurate.media.shots import learned, transnet

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Late:
    """A detector that is fed frame by frame and gives a row of `columns` for each, later."""

    columns: tuple[str, ...]
    add: Callable[[VideoFrame, Small], None]
    take: Callable[[], NDArray[np.float32]]
    finish: Callable[[], None]


def late_detectors(metrics: tuple[str, ...], network: transnet.Network | None) -> tuple[Late, ...]:
    """The detectors that a choice of metrics asks for; `network` is TransNetV2.

    Raises MediaError when it is asked for and not there.
    """
    found = []
    if "learned" in metrics:
        ours = learned.LearnedDetector()
        found.append(
            Late(learned.COLUMNS, lambda _, small: ours.add(small), ours.take, ours.finish)
        )
    if "transnet" in metrics:
        if network is None:
            raise MediaError("the metric 'transnet' needs its network: give scan_video one")
        theirs = transnet.TransNetDetector(network)
        found.append(
            Late(transnet.COLUMNS, lambda frame, _: theirs.add(frame), theirs.take, theirs.finish)
        )
    return tuple(found)


def with_late(measured: Iterator[Columns], late: Late) -> Iterator[Columns]:
    """Batches with a late detector's columns, each held back until all its rows are there."""
    waiting: deque[Columns] = deque()
    rows = late.take()
    for batch in chain(measured, [None]):
        if batch is None:
            late.finish()
        else:
            waiting.append(batch)
        rows = np.concatenate([rows, late.take()])
        while waiting and len(rows) >= (n_frames := len(waiting[0]["pts"])):
            yield waiting.popleft() | dict(zip(late.columns, rows[:n_frames].T, strict=True))
            rows = rows[n_frames:]
