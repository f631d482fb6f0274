"""The scores of all clips, and what the rules do to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.analysis.tune import Tuning, score_columns, scores_to_show, tune
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import CLIPS, TABLES, ColumnInfo, column_info
from vidcurate.rules import Rule
from vidcurate.rules.bounds import bounds_in
from vidcurate.rules.evaluation import evaluate, numbers_present, spread
from vidcurate.rules.join import Read, joined_columns
from vidcurate.rules.tree import Column, Node, columns_in
from vidcurate.stages.selection.filter import RULED

# Clips that are shown on each side of a limit.
NEAREST = 6
# Units of numbers that say how a clip was measured or where something lies, not how it is.
NOT_COMPARED = {"count", "number", "pixels", "frames"}


@dataclass(frozen=True)
class Measures:
    """Every score of every clip.

    `scores` are what can be measured by name, those of rules first; `of_rules` are the names that
    rules set limits to or read. `tuning` says what the rules do.
    """

    columns: pa.Table
    scores: Mapping[str, Node]
    of_rules: frozenset[str]
    tuning: Tuning

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A score's value for each clip; NaN where it has none or where it is not finite."""
        values = spread(evaluate(self.scores[name], self.values), self.columns.num_rows)
        numbers = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.where(np.isfinite(numbers), numbers, np.nan)

    @cached_property
    def values(self) -> dict[Column, Any]:
        """The columns as rules read them."""
        return {
            Column(*name.split(".", 1)): numbers_present(self.columns[name].combine_chunks())
            for name in self.columns.column_names
        }


def measure(
    plan: tuple[ResolvedStage, ...], clips: pa.Table, rules: tuple[Rule, ...], read: Read
) -> Measures:
    """Measure clips, which have a column `video` with a name, by every table that is there."""
    more = score_columns(plan) if clips.num_rows else []
    pairs = [*more, *(column for rule in rules for column in rule.columns)]
    columns = joined_columns(clips, CLIPS.name, pairs, RULED, read)
    names = [f"{table}.{column}" for table, column in more]
    measures = Measures(
        columns, {}, frozenset(), tune(clips, columns, rules, more=names, nearest=NEAREST)
    )
    nodes = scores_to_show(rules, [Column(*pair) for pair in more], measures.values)
    return Measures(
        columns,
        {str(node): node for node in nodes},
        frozenset(names_in_rules(rules)),
        measures.tuning,
    )


def names_in_rules(rules: tuple[Rule, ...]) -> Iterator[str]:
    """What rules set limits to, and the columns that they read."""
    for rule in rules:
        yield from (str(bound.score) for bound in bounds_in(rule.tree))
        yield from map(str, columns_in(rule.tree))


def compared_scores(measures: Measures, most: int) -> list[str]:
    """Choose at most `most` scores to compare with one another: those of rules, then of each table.

    Scores that are the same for all clips, and counts and places, are left out.
    """
    named = [name for name in measures.scores if is_compared(name)]
    first = [name for name in named if name in measures.of_rules]
    tables: dict[str, list[str]] = {}
    for name in named:
        if name not in measures.of_rules:
            tables.setdefault(name.partition(".")[0], []).append(name)
    by_turns = chain.from_iterable(zip_longest(*tables.values()))
    chosen: set[str] = set()
    for name in chain(first, filter(None, by_turns)):
        if len(chosen) == most:
            break
        if varies(measures.numbers(name)):
            chosen.add(name)
    return [name for name in named if name in chosen]


def is_compared(name: str) -> bool:
    """Whether a score says how a clip is; expressions of rules do."""
    info = score_info(name)
    return info is None or info.unit not in NOT_COMPARED


def varies(numbers: NDArray[np.float64]) -> bool:
    """Whether clips differ in a score."""
    present = numbers[~np.isnan(numbers)]
    return bool(present.size) and bool(present.min() < present.max())


def score_info(name: str) -> ColumnInfo | None:
    """What a score "table.column" is; None for an expression."""
    table, _, column = name.partition(".")
    return column_info(TABLES[table], column) if table in TABLES else None
