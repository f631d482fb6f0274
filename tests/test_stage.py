from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.toy_stages import (
    MARKS,
    MARKS_STAGE,
    NOTES_STAGE,
    PICK_STAGE,
    PIECES,
    VIDEOS,
    ToyConfig,
    total,
)
from vidcurate.stage import (
    Finish,
    Lookup,
    MapStage,
    StageConfig,
    Version,
    fingerprint,
    given_options,
    option,
    read_at_finish,
    read_while_running,
)

UPSTREAM = st.dictionaries(st.sampled_from(["clips", "scans", "videos"]), st.text(max_size=4))
DECIDING = st.builds(ToyConfig, step=st.integers(0, 9), drop=st.sampled_from(["", "a", "a b"]))


@given(DECIDING, DECIDING, UPSTREAM, UPSTREAM)
def test_fingerprints_are_equal_exactly_where_all_facts_are(
    one: ToyConfig, two: ToyConfig, above: dict[str, str], beyond: dict[str, str]
) -> None:
    """A deciding option or a table read changes the fingerprint; nothing else does."""
    same = fingerprint(NOTES_STAGE, one, above) == fingerprint(NOTES_STAGE, two, beyond)
    assert same == ((one, above) == (two, beyond))


@given(st.text(max_size=5), st.text(max_size=5), st.floats(0, 9), UPSTREAM)
def test_neutral_options_do_not_count(
    log: str, fail: str, pause_s: float, above: dict[str, str]
) -> None:
    """How the work is done does not change what the rows are."""
    config = ToyConfig(log=log, fail=fail, pause_s=pause_s)
    assert fingerprint(NOTES_STAGE, config, above) == fingerprint(NOTES_STAGE, ToyConfig(), above)
    assert set(given_options(config)) == {"step", "drop"}


@given(UPSTREAM)
def test_order_of_the_tables_does_not_count(above: dict[str, str]) -> None:
    """The fingerprint of the same facts is the same, in whatever order they come."""
    backwards = dict(reversed(above.items()))
    config = ToyConfig()
    assert fingerprint(NOTES_STAGE, config, above) == fingerprint(NOTES_STAGE, config, backwards)


def test_version_name_and_depends_count() -> None:
    """A stage's name, version, columns and what else it depends on change its fingerprint."""
    notes: MapStage[Any, Any, Any, Any] = NOTES_STAGE
    variants = [
        notes,
        replace(notes, writes=PIECES),
        replace(NOTES_STAGE, version=Version(number=2)),
        replace(NOTES_STAGE, name="other"),
        replace(NOTES_STAGE, version=Version(depends=lambda _: "a prompt")),
        replace(NOTES_STAGE, version=Version(depends=lambda _: "another prompt")),
    ]
    assert len({fingerprint(stage, ToyConfig(), {}) for stage in variants}) == len(variants)


def test_what_only_says_how_work_is_cut_does_not_count() -> None:
    """Size of parts, summary, finish and resources leave the rows as they are."""
    other = replace(NOTES_STAGE, rows_per_part=99, summary="Else.", finish=None)
    assert fingerprint(other, ToyConfig(), {}) == fingerprint(NOTES_STAGE, ToyConfig(), {})


def test_a_fingerprint_is_the_same_on_every_machine() -> None:
    """The fingerprint depends on no address, hash seed or clock: this one was noted down."""
    assert fingerprint(NOTES_STAGE, ToyConfig(), {"picked": "0" * 12}) == "83372d8716b3"


def test_tables_are_read_as_the_options_ask() -> None:
    """A table with `when` is read only for those options; a finish's tables are apart."""
    stage = replace(
        MARKS_STAGE,
        lookups=(Lookup(VIDEOS), Lookup(PIECES, when=lambda c: c.step > 1)),
        finish=Finish(
            total,
            lookups=(Lookup(MARKS, required=False), Lookup(VIDEOS, when=lambda c: c.step > 1)),
        ),
    )
    assert [b.table for b in read_while_running(stage, ToyConfig())] == [VIDEOS]
    assert [b.table for b in read_while_running(stage, ToyConfig(step=2))] == [VIDEOS, PIECES]
    assert [b.table for b in read_at_finish(stage, ToyConfig())] == [MARKS]
    assert [b.table for b in read_at_finish(stage, ToyConfig(step=2))] == [MARKS, VIDEOS]
    assert [b.table for b in read_while_running(PICK_STAGE, PICK_STAGE.config())] == [MARKS]
    assert read_at_finish(PICK_STAGE, PICK_STAGE.config()) == ()


def test_a_config_takes_known_options_within_bounds_and_stays() -> None:
    """Unknown options and values out of bounds are refused; a config cannot be changed."""
    with pytest.raises(ValidationError, match="extra_forbidden"):
        ToyConfig.model_validate({"steps": 1})
    with pytest.raises(ValidationError, match="greater_than_equal"):
        ToyConfig(step=-1)
    config = ToyConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.step = 2  # type: ignore[misc]


def test_a_stage_runs_without_a_data_set() -> None:
    """A stage's function is an ordinary generator: it can be called on rows in hand."""

    class Doubled(StageConfig):
        """One option."""

        by: int = option(2, "Factor", ge=1)

    def double(rows: Sequence[int], config: Doubled, _: None) -> Iterator[list[int]]:
        for row in rows:
            yield [row * config.by]

    assert list(double([1, 2], Doubled(), None)) == [[2], [4]]
