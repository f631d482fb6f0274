from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.toy_stages import (
    MARKS,
    MARKS_STAGE,
    NOTES,
    NOTES_STAGE,
    PICK_STAGE,
    PICKED,
    PIECES,
    TOYS,
    PickConfig,
    ToyConfig,
    total,
)
from vidcurate.errors import UsageError
from vidcurate.options import StageConfig
from vidcurate.pipeline.resolve import (
    ResolvedStage,
    choose_configs,
    resolve_stages,
    tables_read,
)
from vidcurate.pipeline.scope import FOUND
from vidcurate.records import FILES
from vidcurate.stage import Finish, Lookup, Stage
from vidcurate.stages.sources.ingest import IngestConfig
from vidcurate.store.dataset import Dataset

ALL = ["ingest", "videos", "pieces", "marks", "pick", "notes"]


def plan(
    chosen: list[str],
    present: tuple[str, ...] = (),
    stages: tuple[Stage, ...] = TOYS,
    **options: StageConfig,
) -> dict[str, ResolvedStage]:
    """The plan of some stages by name."""
    configs = {stage.name: options.get(stage.name, stage.config()) for stage in stages}
    return {p.stage.name: p for p in resolve_stages(stages, chosen, configs, present)}


def changed(**options: StageConfig) -> set[str]:
    """The stages whose fingerprints change with these options."""
    before, after = plan(["notes"]), plan(["notes"], (), TOYS, **options)
    return {name for name in before if before[name].fingerprint != after[name].fingerprint}


def test_a_stage_brings_all_that_it_reads() -> None:
    """What a stage reads, beside its input too, comes before it in the order of the data."""
    assert list(plan(["notes"])) == ALL
    assert list(plan(["pieces"])) == ["ingest", "videos", "pieces"]
    assert list(plan(["marks", "videos"])) == ["ingest", "videos", "pieces", "marks"]
    assert list(plan(["ingest"])) == ["ingest"]
    assert plan([]) == {}


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({"videos": ToyConfig(step=2)}, {"videos", "pieces"}),
        ({"pieces": ToyConfig(step=2)}, {"pieces"}),
        ({"marks": ToyConfig(step=2)}, {"marks", "pick", "notes"}),
        ({"pick": PickConfig(min_mark=2)}, {"pick"}),
        ({"notes": ToyConfig(drop="a")}, {"notes"}),
        ({"videos": ToyConfig(fail="a", log="x", pause_s=1)}, set()),
        ({"ingest": IngestConfig(recursive=False)}, set()),
        ({}, set()),
    ],
)
def test_a_change_reaches_what_reads_it_and_stops_at_content(
    options: Mapping[str, StageConfig], stages: set[str]
) -> None:
    """An option changes its stage and the readers of its rows, up to a table that names content."""
    assert changed(**options) == stages


def test_a_resolved_stage_knows_its_tables() -> None:
    """Every table that a stage reads or writes has the fingerprint of the stage that writes it."""
    resolved = plan(["notes"])
    writers = {p.stage.writes.name: p.fingerprint for p in resolved.values()} | {FILES.name: FOUND}
    for step in resolved.values():
        named = {table.name for table, _ in tables_read(step.stage, step.config)}
        assert set(step.tables) == named | {step.stage.writes.name}
        assert step.tables == {name: writers[name] for name in step.tables}


@pytest.mark.parametrize(
    ("chosen", "present", "expected"),
    [
        (["notes"], (), False),
        (["notes"], ("marks",), True),
        (["notes", "marks"], (), True),
        (["notes"], ("videos",), False),
    ],
)
def test_an_optional_table_is_used_where_it_is(
    chosen: list[str], present: tuple[str, ...], expected: bool
) -> None:
    """A table that is not required joins if the data set has it, or its stage is chosen."""
    picky = replace(NOTES_STAGE, reads=PIECES, lookups=(Lookup(MARKS, required=False),))
    resolved = plan(chosen, present, (*TOYS[:4], picky))
    assert ("marks" in resolved) == expected
    assert ("marks" in resolved["notes"].tables) == expected


def test_a_stage_that_is_only_used_can_be_left_out() -> None:
    """Who runs unasked says for whom, and how to leave it out; what is needed cannot be."""
    picky = replace(NOTES_STAGE, reads=PIECES, lookups=(Lookup(MARKS, required=False),))
    stages = (*TOYS[:4], picky)
    configs = choose_configs(stages, {}, {})
    resolved = resolve_stages(stages, ["notes"], configs, ("marks",))
    reasons = {p.stage.name: p.need.reason for p in resolved}
    assert reasons["notes"] == ""
    assert reasons["pieces"] == "since notes needs it"
    assert reasons["marks"].endswith("--without marks leaves it out")
    left = resolve_stages(stages, ["notes"], configs, ("marks",), ["marks"])
    assert left == resolve_stages(stages, ["notes"], configs, ())
    with pytest.raises(UsageError, match="--without pieces: notes needs it"):
        resolve_stages(stages, ["notes"], configs, (), ["pieces"])


def test_an_optional_table_decides_the_rows_that_use_it() -> None:
    """Rows made with an optional table are not those made without it."""
    picky = replace(NOTES_STAGE, reads=PIECES, lookups=(Lookup(MARKS, required=False),))
    stages = (*TOYS[:4], picky)
    without, with_it = plan(["notes"], (), stages), plan(["notes"], ("marks",), stages)
    assert without["notes"].fingerprint != with_it["notes"].fingerprint


def test_what_a_finish_reads_does_not_change_the_rows() -> None:
    """A finish's tables are brought up to date, and leave the stage's fingerprint as it was."""
    finisher = replace(NOTES_STAGE, lookups=(), finish=Finish(total, lookups=(Lookup(MARKS),)))
    stages = (*TOYS[:5], finisher)
    one, two = plan(["notes"], (), stages), plan(["notes"], (), stages, marks=ToyConfig(step=7))
    assert "marks" in one["notes"].tables
    assert one["notes"].fingerprint == two["notes"].fingerprint
    assert one["marks"].fingerprint != two["marks"].fingerprint


def test_a_finish_may_read_what_a_later_stage_writes() -> None:
    """A stage that works on another's rows comes along, after it, where that one's finish asks."""
    finisher = replace(MARKS_STAGE, finish=Finish(total, lookups=(Lookup(NOTES),)))
    found = plan(["marks"], (), (*TOYS[:3], finisher, *TOYS[4:]))
    assert list(found) == ALL
    assert found["marks"].tables["notes"] == found["notes"].fingerprint
    assert found["marks"].fingerprint == plan(["marks"])["marks"].fingerprint


def test_options_may_let_a_stage_wait_for_a_later_one() -> None:
    """A table of a later stage that options ask for comes first; stages in a circle are refused."""

    def wants(config: StageConfig) -> bool:
        return config != ToyConfig()

    def freely(_config: PickConfig) -> tuple[Lookup, ...]:
        return ()

    def by_marks(_config: PickConfig) -> tuple[Lookup, ...]:
        return (Lookup(MARKS),)

    before, after = TOYS[:3], TOYS[5:]
    own = replace(MARKS_STAGE, lookups=(Lookup(PICKED, when=wants),))
    free = replace(PICK_STAGE, reads=PIECES, lookups=freely)
    given, chosen = {"marks": ToyConfig(step=3)}, ["marks", "pick"]
    stages = (*before, own, free, *after)
    assert list(plan(chosen, (), stages))[-2:] == ["marks", "pick"]
    assert list(plan(chosen, (), stages, **given))[-2:] == ["pick", "marks"]
    circle = (*before, own, replace(free, lookups=by_marks), *after)
    with pytest.raises(UsageError, match="wait for each other: marks needs pick needs marks"):
        plan(chosen, (), circle, **given)


def test_a_resolved_stage_finds_its_shelves() -> None:
    """Rows lie under table and fingerprint."""
    step = plan(["notes"])["notes"]
    dataset = Dataset(Path("data"))
    assert step.output(dataset).folder.parts[-2:] == (NOTES.name, step.fingerprint)
    assert step.stored(dataset, PICKED).folder.parts[-2:] == ("picked", step.tables["picked"])


def entry(**options: Any) -> dict[str, dict[str, Any]]:
    """A manifest that holds options of the videos stage."""
    return {"videos": {"options": options}}


def test_options_are_those_given_else_the_data_sets_else_the_defaults() -> None:
    """A stage that is not named keeps the options that the data set was made with."""
    manifest = {**entry(step=5), "marks": {"options": {"step": 6}}}
    configs = choose_configs(TOYS, {"marks": ToyConfig(step=7)}, manifest)
    assert configs["videos"] == ToyConfig(step=5)
    assert configs["marks"] == ToyConfig(step=7)
    assert configs["pieces"] == ToyConfig()
    assert configs["ingest"] == IngestConfig()


@pytest.mark.parametrize("options", [{"gone": 1}, {"step": -1}, {"step": "many"}])
def test_options_of_another_version_are_refused_unless_given_anew(options: dict[str, Any]) -> None:
    """A data set with options that this version does not know is no crash: option and remedy."""
    named = rf"options of videos that this version does not know \(videos\.{next(iter(options))}: "
    with pytest.raises(UsageError, match=named):
        choose_configs(TOYS, {}, entry(**options))
    assert choose_configs(TOYS, {"videos": ToyConfig()}, entry(**options))["videos"] == ToyConfig()
