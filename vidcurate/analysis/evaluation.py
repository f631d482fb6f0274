"""How good a data set's captions are: means with standard errors, and against another data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.view import present_plan, present_scope, present_tables, reader
from vidcurate.clips.means import Mean, mean_difference, weighted_mean
from vidcurate.errors import UsageError
from vidcurate.records import EVALUATIONS, VERDICTS
from vidcurate.store.dataset import Dataset
from vidcurate.store.table import positions, take_nullable

EVENTS = "n_reference_events"
WEIGHTS: Mapping[str, str] = {"missing": EVENTS, "invented": EVENTS, "total_error": EVENTS}
"""Columns whose means over clips are weighted, each with the column of its weights."""
METRICS: Mapping[str, Sequence[str]] = {
    "autodq": ("recall", "precision", "f1"),
    "rates": ("missing", "invented", "total_error"),
    "repetition": ("repetition",),
    "entity": ("entity_recall", "entity_nearness", "entity_score"),
    "vdc": ("vdc_accuracy", "vdc_score"),
    "audio": ("image_cosine", "sound_cosine", "audio_score"),
}
"""The columns of each measure."""
GRADE = "grade"
"""What a model that looks at the clips gives in `judge`; it is taken from the table verdicts."""
NUMBERS = (*(column for columns in METRICS.values() for column in columns), GRADE)
SAME_QUESTIONS = ("vdc_accuracy", "vdc_score")
SAME_MODELS: Mapping[str, Sequence[str]] = {
    "image_cosine": ("image_model",),
    "sound_cosine": ("sound_model",),
    "audio_score": ("image_model", "sound_model"),
}
"""Metrics that compare only where the same models made them, which these columns name."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric over a data set: its mean over `n` clips, and the clips where it is null."""

    name: str
    mean: float | None
    standard_error: float | None
    n: int
    n_null: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A metric of one data set less that of another, over the clips that both have it of."""

    name: str
    ours: float | None
    theirs: float | None
    difference: float | None
    standard_error: float | None
    n: int


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What a model's judgements used; tokens are None where they are not counted."""

    model: str
    second_model: str
    clips: int
    requests: int
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The evaluations of a data set.

    Of `against`, the other data set, `n_common` clips are compared; `n_other_references` more are
    in both and have other references there, and `n_other_questions` of those compared were asked
    other questions, so that vdc leaves them out.
    """

    metrics: tuple[Metric, ...]
    costs: tuple[ModelCost, ...]
    comparisons: tuple[Comparison, ...] = ()
    against: str = ""
    n_common: int = 0
    n_other_references: int = 0
    n_other_questions: int = 0


def evaluation_of(dataset: Dataset, other: Dataset | None = None) -> EvaluationReport:
    """Sum up the evaluations of a data set, and compare them with those of another.

    Raises UsageError where one has none, and where no clip is in both.
    """
    rows = evaluations(dataset)
    asked = {measure for measures in rows["measures"].to_pylist() for measure in measures}
    names = [n for measure, columns in METRICS.items() if measure in asked for n in columns]
    if rows[GRADE].null_count < rows.num_rows:
        names.append(GRADE)
    metrics = tuple(metric_of(rows, name) for name in names)
    if other is None:
        return EvaluationReport(metrics, costs_of(rows))
    theirs = evaluations(other)
    theirs = theirs.take(pc.index_in(rows["clip_id"], value_set=theirs["clip_id"].combine_chunks()))
    both = pc.is_valid(theirs["clip_id"])
    equal = pc.fill_null(pc.equal(rows["references_hash"], theirs["references_hash"]), False)
    n_both, n_equal = pc.sum(both).as_py() or 0, pc.sum(equal).as_py() or 0
    if not n_equal:
        why = "have the same references" if n_both else "is in both"
        raise UsageError(f"no clip of {dataset.root} and {other.root} {why}: nothing to compare")
    rows, theirs = rows.filter(equal), theirs.filter(equal)
    return EvaluationReport(
        metrics,
        costs_of(rows),
        tuple(compared(rows, theirs, name) for name in names),
        str(other.root),
        n_equal,
        n_both - n_equal,
        sum(asked_otherwise(rows, theirs)),
    )


def evaluations(dataset: Dataset) -> pa.Table:
    """The evaluations of a data set's live clips, with the grades that `judge` gave them.

    Raises UsageError where it has none.
    """
    plan = present_plan(dataset)
    tables = present_tables(plan)
    if EVALUATIONS.name not in tables:
        raise UsageError(
            f"{dataset.root} has no evaluations: `vidcurate evaluate -d {dataset.root}` makes them"
        )
    read = reader(dataset, plan, present_scope(dataset, plan))
    rows = read(EVALUATIONS.name)
    grades = pa.nulls(rows.num_rows, pa.int64())
    if VERDICTS.name in tables:
        verdicts = read(VERDICTS.name)
        grades = take_nullable(verdicts[GRADE], positions(rows["clip_id"], verdicts["clip_id"]))
    return rows.append_column(GRADE, grades)


def metric_of(rows: pa.Table, name: str) -> Metric:
    """The mean of a metric, weighted where it is a rate of events."""
    known = rows.filter(pc.is_valid(rows[name]))
    found = weighted_mean(*values_of(known, name))
    mean, error = (None, None) if found is None else (found.mean, found.standard_error)
    return Metric(name, mean, error, known.num_rows, rows.num_rows - known.num_rows)


def compared(ours: pa.Table, theirs: pa.Table, name: str) -> Comparison:
    """A metric of the same clips in two data sets, in one order."""
    known = pc.and_(pc.is_valid(ours[name]), pc.is_valid(theirs[name]))
    if name in SAME_QUESTIONS:
        known = pc.and_(known, pa.array([not other for other in asked_otherwise(ours, theirs)]))
    for model in SAME_MODELS.get(name, ()):
        known = pc.and_(known, pc.equal(ours[model], theirs[model]))
    ours, theirs = ours.filter(known), theirs.filter(known)
    (own, own_weights), (other, other_weights) = (values_of(rows, name) for rows in (ours, theirs))
    found = mean_difference(own, other, own_weights, other_weights)
    return Comparison(
        name,
        mean_only(weighted_mean(own, own_weights)),
        mean_only(weighted_mean(other, other_weights)),
        mean_only(found),
        None if found is None else found.standard_error,
        ours.num_rows,
    )


def values_of(rows: pa.Table, name: str) -> tuple[list[float], list[float] | None]:
    """The values of a metric, and their weights where they have any."""
    weight = WEIGHTS.get(name)
    return rows[name].to_pylist(), None if weight is None else rows[weight].to_pylist()


def mean_only(found: Mean | None) -> float | None:
    """A mean without its error."""
    return None if found is None else found.mean


def asked_otherwise(ours: pa.Table, theirs: pa.Table) -> list[bool]:
    """Which clips were asked other questions in the other data set."""
    pairs = zip(*(rows["questions_hash"].to_pylist() for rows in (ours, theirs)), strict=True)
    return [None not in (one, other) and one != other for one, other in pairs]


def costs_of(rows: pa.Table) -> tuple[ModelCost, ...]:
    """What each pair of judges used."""
    sums = ("n_requests", "prompt_tokens", "completion_tokens")
    asked = rows.filter(pc.greater(rows["n_requests"], 0))
    grouped = asked.group_by(["model", "second_model"]).aggregate(
        [("clip_id", "count"), *((name, "sum") for name in sums)]
    )
    return tuple(
        ModelCost(
            row["model"],
            row["second_model"],
            row["clip_id_count"],
            *(row[f"{name}_sum"] for name in sums),
        )
        for row in grouped.sort_by(
            [("model", "ascending"), ("second_model", "ascending")]
        ).to_pylist()
    )
