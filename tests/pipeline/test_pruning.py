from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.support.toy_data import Bench, Recorder
from tests.support.toy_stages import (
    MARKS_STAGE,
    PICK_STAGE,
    PICKED,
    TOYS,
    Mark,
    PickConfig,
    Piece,
    ToyConfig,
    touch,
)
from vidcurate.engines.inline import InlineEngine
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.waves import run_in_waves
from vidcurate.stage import Cost, Drop, Workspace
from vidcurate.store.table import Table

WEIGHTS = Table("weights", Mark, key="piece_id")


def weigh(
    rows: Sequence[Piece], config: ToyConfig, _tool: None, _: Workspace
) -> Iterator[list[Any] | Drop]:
    """A weight for each piece."""
    for piece in rows:
        assert touch("weigh", piece.piece_id, config) is None
        yield [Mark(piece.piece_id, piece.video_id, 1)]


def low_marks(tables: Mapping[str, pa.Table], config: PickConfig) -> pa.ChunkedArray:
    """The pieces that picking leaves out, by their marks."""
    found = tables["marks"]
    return found["piece_id"].filter(pc.less(found["value"], config.min_mark))


WEIGH = replace(MARKS_STAGE, name="weigh", writes=WEIGHTS, run=weigh, cost=Cost(is_expensive=True))
GATE = replace(PICK_STAGE, rejects=low_marks)
STAGES = (*TOYS[:4], WEIGH, GATE, TOYS[-1])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Two videos of three pieces each, whose marks are 1, 2 and 3."""
    bench = Bench(tmp_path, STAGES)
    bench.add("a", "b")
    return bench


def weighed(bench: Bench, least: int, *chosen: str, recorder: Recorder | None = None) -> list[str]:
    """The pieces that a run weighs when marks below a limit are left out."""
    chosen = chosen or ("weigh", "pick")
    lines = bench.run(*chosen, recorder=recorder, pieces={"step": 3}, pick={"min_mark": least})
    return [line.split(" ")[1] for line in lines if line.startswith("weigh")]


def test_what_a_cheap_rule_rejects_is_pruned(bench: Bench) -> None:
    """Pieces under the limit are not weighed, are counted as pruned, and are still judged."""
    recorder = Recorder()
    assert weighed(bench, 2, recorder=recorder) == ["a.1", "a.2", "b.1", "b.2"]
    counts = {c.stage: c for c in recorder.counts}
    assert (counts["weigh"].inputs, counts["weigh"].pruned, counts["weigh"].pending) == (4, 2, 0)
    assert bench.done(PICKED)["a.0"] == ("dropped", "low mark")


def test_a_looser_rule_brings_back_what_was_pruned(bench: Bench) -> None:
    """Only what was never weighed is weighed when the limit falls, and nothing when it rises."""
    weighed(bench, 3)
    assert weighed(bench, 2) == ["a.1", "b.1"]
    assert weighed(bench, 3) == []


def test_a_stage_without_a_later_filter_takes_all(bench: Bench) -> None:
    """A run that does not filter weighs every piece, whatever an earlier run left out."""
    weighed(bench, 3)
    assert weighed(bench, 3, "weigh") == ["a.0", "a.1", "b.0", "b.1"]


def test_waves_prune_the_same(bench: Bench) -> None:
    """Video by video the same pieces are weighed as in one go."""
    options = bench.configs(pieces={"step": 3}, pick={"min_mark": 2})
    plan = resolve(bench.dataset, STAGES, ("weigh", "pick"), options)
    run_in_waves(Run(bench.dataset, InlineEngine(), Recorder()), plan, 1, InlineEngine())
    lines = [line for line in bench.worked() if line.startswith("weigh")]
    assert sorted(lines) == ["weigh a.1", "weigh a.2", "weigh b.1", "weigh b.2"]
