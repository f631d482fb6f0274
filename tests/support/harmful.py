"""A stage for tests of isolation: it hangs, crashes and takes memory on demand."""

import ctypes
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support.toy_stages import (
    MARKS,
    PIECES,
    PIECES_STAGE,
    VIDEOS_STAGE,
    Mark,
    Piece,
    ToyConfig,
)
from vidcurate.stage import Cost, MapStage, Stage, Workspace, option
from vidcurate.stages.sources.ingest import INGEST

MEGABYTE = 1_000_000


class HarmConfig(ToyConfig):
    """Which rows do harm, by name with spaces between, and how much is too much."""

    stuck: str = option("", "Rows that never end, in C and with the interpreter's lock")
    crash: str = option("", "Rows that read from address 0")
    killed: str = option("", "Rows whose worker is killed from outside, once")
    mark: str = option("", "File that says that it was killed")
    take: str = option("", "Rows that take memory")
    megabytes: int = option(0, "How much memory they take", ge=0)
    most_rows: int = option(1000, "More rows at once do not fit on a GPU", ge=1)
    unfit: str = option("", "Rows that do not fit on a GPU even alone")
    limit_s: float = option(60.0, "How long a row may take", unit="seconds", gt=0)


class OutOfMemoryError(RuntimeError):
    """What a library of models raises when a GPU is full."""


def harm(
    rows: Sequence[Piece], config: HarmConfig, _tool: None, _: Workspace
) -> Iterator[list[Mark]]:
    """A mark for each piece, if it comes to that."""
    for number, piece in enumerate(rows):
        name = piece.piece_id
        if number == config.most_rows or name in config.unfit.split():
            raise OutOfMemoryError("the GPU is full")
        if name in config.stuck.split():
            ctypes.PyDLL(None).pause()
        if name in config.crash.split():
            ctypes.string_at(0)
        if name in config.killed.split() and not Path(config.mark).exists():
            Path(config.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if name in config.take.split():
            taken = [b"x" * MEGABYTE for _ in range(config.megabytes)]
            keep_for_half_a_second(taken)
        yield [Mark(name, piece.video_id, len(rows))]


def keep_for_half_a_second(_taken: Any) -> None:
    """Keep memory in use for longer than the time between two looks at it."""
    ctypes.CDLL(None).usleep(500_000)


def longest(_row: Piece, config: HarmConfig) -> float:
    """The time limit of a row."""
    return config.limit_s


HARM = MapStage(
    "marks",
    "Marks, at a price.",
    PIECES,
    MARKS,
    HarmConfig,
    harm,
    rows_per_part=4,
    cost=Cost(time_limit=longest),
)
STAGES: tuple[Stage, ...] = (INGEST, VIDEOS_STAGE, PIECES_STAGE, HARM)
