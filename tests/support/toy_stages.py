"""A small pipeline for tests of the frame: it notes each row it works on, fails and dies on demand.

videos -> pieces (named by content) -> marks, picked (whole table) -> notes, with a finish.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import MediaError, UsageError
from vidcurate.records import SOURCES, Source
from vidcurate.stage import (
    DatasetView,
    Drop,
    Finish,
    Lookup,
    MapStage,
    Outcome,
    Stage,
    StageConfig,
    TableStage,
    Workspace,
    option,
)
from vidcurate.stages.sources.ingest import INGEST
from vidcurate.store.dataset import DROPPED, OK
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Video:
    """A video of which only its name and one number matter."""

    video_id: str
    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A numbered part of a video."""

    piece_id: str
    video_id: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A number for a piece."""

    piece_id: str
    video_id: str
    value: int


VIDEOS = Table("videos", Video, key="video_id")
PIECES = Table("pieces", Piece, key="piece_id", names_content=True)
MARKS = Table("marks", Mark, key="piece_id")
PICKED = Table("picked", Piece, key="piece_id", names_content=True)
NOTES = Table("notes", Mark, key="piece_id")


class ToyConfig(StageConfig):
    """`step` decides the rows; the others say what goes wrong, and where each row is noted."""

    step: int = option(1, "Added to each number", ge=0)
    log: str = option("", "File in which each row is noted", neutral=True)
    fail: str = option("", "Rows that fail", neutral=True)
    drop: str = option("", "Rows that are dropped")
    die: str = option("", "Rows that kill their worker", neutral=True)
    usage: str = option("", "Rows that show that the stage cannot run", neutral=True)
    pause_s: float = option(0.0, "Time that a row takes", unit="seconds", neutral=True, ge=0)


class PickConfig(StageConfig):
    """Which pieces go on."""

    min_mark: int = option(0, "Smallest mark that is picked", ge=0)


def named(names: str, row: str) -> bool:
    """Whether a row is among the names, which spaces separate."""
    return row in names.split()


def note(log: str, text: str) -> None:
    """Append a line, whole even where several processes write."""
    if log:
        with Path(log).open("ab", buffering=0) as file:
            file.write(f"{text}\n".encode())


def touch(stage: str, row: str, config: ToyConfig) -> Drop | MediaError | None:
    """Note a row, and do with it what the options ask for."""
    note(config.log, f"{stage} {row} {os.getpid()}")
    time.sleep(config.pause_s)
    if named(config.die, row):
        os.kill(os.getpid(), signal.SIGKILL)
    if named(config.usage, row):
        raise UsageError(f"{row} shows that this cannot run")
    if named(config.fail, row):
        return MediaError(f"{row} is broken")
    return Drop("not wanted") if named(config.drop, row) else None


Results = Iterator[list[Any] | Drop | MediaError]


def videos(sources: Sequence[Source], config: ToyConfig, _tool: None, _: Workspace) -> Results:
    """One video a source."""
    for source in sources:
        label = Path(source.path).stem
        yield touch("videos", label, config) or [
            Video(source.video_id, label, source.size_bytes + config.step)
        ]


def pieces(rows: Sequence[Video], config: ToyConfig, _tool: None, _: Workspace) -> Results:
    """`step` pieces of each video."""
    for video in rows:
        yield touch("pieces", video.label, config) or [
            Piece(f"{video.label}.{i}", video.video_id) for i in range(config.step)
        ]


def marks(rows: Sequence[Piece], config: ToyConfig, _tool: None, _: Workspace) -> Results:
    """A mark for each piece."""
    for piece in rows:
        value = int(piece.piece_id.rsplit(".", 1)[1]) + config.step
        yield touch("marks", piece.piece_id, config) or [
            Mark(piece.piece_id, piece.video_id, value)
        ]


def notes(rows: Sequence[Piece], config: ToyConfig, _tool: None, workspace: Workspace) -> Results:
    """The sum of a piece's mark and `step`."""
    for piece in rows:
        mark = workspace.lookup(MARKS)[piece.piece_id]
        yield touch("notes", piece.piece_id, config) or [
            Mark(piece.piece_id, piece.video_id, mark.value + config.step)
        ]


def pick(tables: Mapping[str, pa.Table], config: PickConfig) -> Outcome:
    """The pieces with a mark that is high enough."""
    rows, found_marks = tables["pieces"], tables["marks"]
    good = found_marks.filter(pc.greater_equal(found_marks["value"], config.min_mark))
    kept = pc.is_in(rows["piece_id"], value_set=good["piece_id"].combine_chunks())
    status = pc.if_else(kept, OK, DROPPED)
    reason = pc.if_else(kept, None, "low mark")
    return Outcome.from_status(rows.filter(kept), rows["piece_id"], status, reason)


def marks_read(_config: PickConfig) -> tuple[Lookup, ...]:
    """Picking reads the marks."""
    return (Lookup(MARKS),)


def total(_config: ToyConfig, view: DatasetView) -> str:
    """The sum of the notes on what is picked, as a file and as what the user is told."""
    rows, picked = view.scan(NOTES), view.scan(PICKED, ["piece_id"])
    rows = rows.filter(pc.is_in(rows["piece_id"], value_set=picked["piece_id"].combine_chunks()))
    text = f"sum {pc.sum(rows['value']).as_py()}"
    (view.root / "sum.txt").write_bytes(text.encode())
    return text


VIDEOS_STAGE = MapStage(
    "videos",
    "Videos.",
    SOURCES,
    VIDEOS,
    ToyConfig,
    videos,
    rows_per_part=2,
)
PIECES_STAGE = MapStage(
    "pieces",
    "Pieces.",
    VIDEOS,
    PIECES,
    ToyConfig,
    pieces,
    rows_per_part=2,
)
MARKS_STAGE = MapStage(
    "marks",
    "Marks.",
    PIECES,
    MARKS,
    ToyConfig,
    marks,
    rows_per_part=3,
)
PICK_STAGE = TableStage(
    "pick",
    "Picks.",
    PIECES,
    PICKED,
    PickConfig,
    pick,
    marks_read,
)
NOTES_STAGE = MapStage(
    "notes",
    "Notes.",
    PICKED,
    NOTES,
    ToyConfig,
    notes,
    lookups=(Lookup(MARKS),),
    rows_per_part=3,
    finish=Finish(run=total),
)
TOYS: tuple[Stage, ...] = (
    INGEST,
    VIDEOS_STAGE,
    PIECES_STAGE,
    MARKS_STAGE,
    PICK_STAGE,
    NOTES_STAGE,
)
