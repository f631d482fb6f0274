"""What rules do to the clips that are there, and where their limits would have to lie."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.analysis.making import USAGE_COLUMNS
from vidcurate.analysis.view import present_plan, present_scope, present_tables, reader
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import CLIPS, SCORE_TABLES, SOURCES
from vidcurate.rules import Rule, check, evaluate_rules, parse
from vidcurate.rules.bounds import Bound, bounds_in
from vidcurate.rules.evaluation import evaluate, numbers_present, spread
from vidcurate.rules.join import joined_columns, video_paths
from vidcurate.rules.keep_target import KeepTarget, keep_target, passed
from vidcurate.rules.schema import kind_of_type
from vidcurate.rules.tree import Column, Node, columns_in
from vidcurate.stages.selection.accept import AcceptConfig, tables_known
from vidcurate.stages.selection.filter import COMMANDS, FilterConfig
from vidcurate.store.dataset import Dataset

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
BINS = 12
NEAREST = 3


@dataclass(frozen=True)
class Near:
    """A clip close to a limit."""

    clip_id: str
    video: str | None
    start_s: float
    end_s: float
    value: float


@dataclass(frozen=True)
class Limit:
    """What one limit does by itself: the share it keeps of clips with a value, the nearest ones."""

    rule: str
    condition: str
    value: float | None
    kept_share: float
    inside: tuple[Near, ...]
    outside: tuple[Near, ...]


@dataclass(frozen=True)
class Distribution:
    """How the values of a score lie.

    Each percentile is the value of a clip, that nearest to its rank. The bins are of equal width
    from the 1st percentile to the 99th; the first and the last also count what lies beyond.
    """

    score: str
    values: int
    missing: int
    percentiles: Mapping[str, float]
    bin_edges: tuple[float, ...]
    bin_counts: tuple[int, ...]
    limits: tuple[Limit, ...]


@dataclass(frozen=True)
class Removal:
    """How many clips break a rule, and how many of these break no other.

    `unmeasured` clips lack a number for the rule, as clips do that were pruned: they neither
    break it nor pass.
    """

    rule: str
    removes: int
    only_it: int
    unmeasured: int


@dataclass(frozen=True)
class Tuning:
    """What rules do to clips."""

    clips: int
    kept: int
    rules: tuple[Removal, ...]
    scores: tuple[Distribution, ...]
    keep_target: KeepTarget | None


@dataclass(frozen=True)
class ClipScores:
    """The clips of a data set, and beside them the columns "table.column" that rules need.

    `more` are columns whose distribution is wanted though no rule has them.
    """

    clips: pa.Table
    columns: pa.Table
    rules: tuple[Rule, ...]
    more: tuple[str, ...]


def read_scores(dataset: Dataset, texts: Sequence[str], *, every: bool) -> ClipScores:
    """What some rules need to know of a data set's clips: those of the texts, else its own.

    Without a rule, and with `every`, every score is wanted. Raises RuleError for a rule that makes
    no sense.
    """
    plan = present_plan(dataset)
    rules = rules_for(plan, texts)
    more = score_columns(plan) if every or not rules else []
    read = reader(dataset, plan, present_scope(dataset, plan))
    clips = read(CLIPS.name)
    pairs = [*more, *(column for rule in rules for column in rule.columns)]
    columns = joined_columns(clips, CLIPS.name, pairs, tables_known(rules), read)
    clips = clips.append_column("video", video_paths(clips, read(SOURCES.name)))
    names = tuple(f"{table}.{column}" for table, column in more)
    return ClipScores(clips, columns, tuple(rules), names)


def tune_scores(found: ClipScores, keep: float | None) -> Tuning:
    """What rules do to clips whose scores were read; raises what `tune` raises."""
    return tune(found.clips, found.columns, found.rules, more=found.more, keep=keep)


def rules_for(plan: tuple[ResolvedStage, ...], texts: Sequence[str]) -> list[Rule]:
    """The rules given, else those of the data set's filter and accept.

    Raises RuleError where they make no sense.
    """
    own = [p.config.rules for p in plan if isinstance(p.config, FilterConfig | AcceptConfig)]
    rules = [parse(text) for text in texts or chain.from_iterable(own)]
    known = tables_known(rules)
    check(
        rules,
        {name: table.schema for name, table in known.items()},
        {name: COMMANDS.get(name, name) for name in known},
    )
    return rules


def score_columns(plan: tuple[ResolvedStage, ...]) -> list[tuple[str, str]]:
    """Every numeric column of the score tables that a data set has, and the clips' length.

    What a model took to make a row is no score.
    """
    present = present_tables(plan)
    return [
        (CLIPS.name, "duration_s"),
        *(
            (table.name, field.name)
            for table in SCORE_TABLES
            if table.name in present
            for field in table.schema
            if kind_of_type(field.type) == "number" and field.name not in USAGE_COLUMNS
        ),
    ]


def tune(
    clips: pa.Table,
    columns: pa.Table,
    rules: Sequence[Rule],
    *,
    more: Sequence[str] = (),
    keep: float | None = None,
    nearest: int = NEAREST,
) -> Tuning:
    """What rules do to clips, by the columns that stand with them.

    `clips` say what `Near` does; `columns` has one row a clip, its names are "table.column"; `more`
    are those whose distribution is wanted though no rule has them; `keep` is the wanted share;
    `nearest` is how many clips on each side of a limit are named.
    Raises UsageError where a share is wanted and no rule has a limit.
    """
    values = {
        Column(*name.split(".", 1)): numbers_present(columns[name].combine_chunks())
        for name in columns.column_names
    }
    named = [Column(*name.split(".", 1)) for name in more]
    return Tuning(
        clips=clips.num_rows,
        kept=int(passed(rules, columns).all(axis=0).sum()),
        rules=tuple(removals(rules, columns)),
        scores=tuple(
            distribution(score, rules, clips, values, nearest)
            for score in scores_to_show(rules, named, values)
        ),
        keep_target=None if keep is None else keep_target(rules, columns, values, keep),
    )


def removals(rules: Sequence[Rule], columns: pa.Table) -> Iterator[Removal]:
    """What each rule removes alone, and what only it removes."""
    verdicts = [evaluate_rules([rule], columns) for rule in rules]
    broken = [v.first_failed.is_valid().to_numpy(zero_copy_only=False) for v in verdicts]
    n_broken = np.sum(broken, axis=0)
    for rule, verdict, breaks in zip(rules, verdicts, broken, strict=True):
        yield Removal(
            rule=rule.text,
            removes=int(np.sum(breaks)),
            only_it=int(np.sum(breaks & (n_broken == 1))),
            unmeasured=len(verdict.undecided) - verdict.undecided.null_count,
        )


def scores_to_show(
    rules: Sequence[Rule], more: Sequence[Column], values: Mapping[Column, Any]
) -> list[Node]:
    """What rules set a limit to, then the other numeric columns that they read, then `more`."""
    limited = [bound.score for rule in rules for bound in bounds_in(rule.tree)]
    seen = {column for score in limited for column in columns_in(score)}
    read = [column for rule in rules for column in columns_in(rule.tree) if column not in seen]
    others = [c for c in (*read, *more) if kind_of_type(values[c].type) == "number"]
    return list({str(score): score for score in (*limited, *others)}.values())


def distribution(
    score: Node,
    rules: Sequence[Rule],
    clips: pa.Table,
    values: Mapping[Column, Any],
    nearest: int,
) -> Distribution:
    """How a score's values lie, and what the limits that rules set to it do."""
    numbers = pc.cast(spread(evaluate(score, values), clips.num_rows), pa.float64(), safe=False)
    present = numbers.drop_null().to_numpy()
    ranks = np.percentile(present, PERCENTILES, method="nearest") if len(present) else ()
    counts, edges = histogram(present, ranks)
    return Distribution(
        score=str(score),
        values=len(present),
        missing=len(numbers) - len(present),
        percentiles={f"p{p}": float(v) for p, v in zip(PERCENTILES, ranks, strict=False)},
        bin_edges=tuple(map(float, edges)),
        bin_counts=tuple(map(int, counts)),
        limits=tuple(
            measure_limit(
                rule, bound, numbers.to_numpy(zero_copy_only=False), clips, values, nearest
            )
            for rule in rules
            for bound in bounds_in(rule.tree)
            if bound.score == score
        ),
    )


def histogram(present: NDArray[np.float64], ranks: Sequence[float]) -> tuple[Any, Any]:
    """Counts and edges of bins from the first rank to the last; empty without a value.

    Where these are equal the bins reach from the lowest value to the highest; one value alone is
    both edges of its bin.
    """
    if not len(present):
        return (), ()
    low, high = ranks[0], ranks[-1]
    if low == high:
        low, high = present.min(), present.max()
    if low == high:
        return (len(present),), (low, high)
    return np.histogram(np.clip(present, low, high), bins=BINS)


def measure_limit(
    rule: Rule,
    bound: Bound,
    numbers: NDArray[np.float64],
    clips: pa.Table,
    values: Mapping[Column, Any],
    nearest: int,
) -> Limit:
    """What one limit does; `numbers` are the score's values, NaN where there is none."""
    value = bound.limit_in(values)
    holds = spread(bound.holds(values), len(numbers)).fill_null(False)
    inside = holds.to_numpy(zero_copy_only=False)
    n_values = np.count_nonzero(~np.isnan(numbers))
    distances = np.abs(numbers - (np.nan if value is None else value))
    return Limit(
        rule=rule.text,
        condition=str(bound.condition),
        value=value,
        kept_share=float(inside.sum() / n_values) if n_values else 0.0,
        inside=nearest_clips(np.where(inside, distances, np.nan), numbers, clips, nearest),
        outside=nearest_clips(np.where(inside, np.nan, distances), numbers, clips, nearest),
    )


def nearest_clips(
    distances: NDArray[np.float64], numbers: NDArray[np.float64], clips: pa.Table, count: int
) -> tuple[Near, ...]:
    """The `count` clips with the smallest distances; NaN is none."""
    places = pc.bottom_k_unstable(pa.array(distances), k=count).to_numpy()
    places = places[~np.isnan(distances[places])]
    rows = clips.select(["clip_id", "video", "start_s", "end_s"]).take(pa.array(places)).to_pylist()
    return tuple(
        Near(**row, value=float(numbers[place])) for row, place in zip(rows, places, strict=True)
    )
