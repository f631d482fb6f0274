"""The estimate that is saved in the data set, and how far the run was from it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from vidcurate.errors import UsageError
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.estimate.forecast import Estimate
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.store.atomic import write_text
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import bytes_below

ESTIMATE_FILE = "estimate.json"


def save_estimate(dataset: Dataset, estimate: Estimate) -> None:
    """Save an estimate in the data set."""
    write_text(dataset.root / ESTIMATE_FILE, json.dumps(estimate.as_dict(), indent=2) + "\n")


def load_estimate(dataset: Dataset) -> Estimate | None:
    """The estimate that a data set holds, if any.

    Raises UsageError where the file is something else.
    """
    file = dataset.root / ESTIMATE_FILE
    if not file.exists():
        return None
    try:
        return TypeAdapter(Estimate).validate_json(file.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"{file} is no estimate of this version: remove it, or run `vidcurate estimate` again"
        ) from error


@dataclass(frozen=True, slots=True)
class EstimateComparison:
    """One stage, or all: what was estimated, and what the run took of what was left then."""

    stage: str
    estimated_hours: float
    actual_hours: float
    estimated_bytes: float
    actual_bytes: int


def compare_with_run(
    dataset: Dataset, plan: Sequence[ResolvedStage], counts: Sequence[StageCount]
) -> list[EstimateComparison]:
    """Each stage, then all together, compared with the estimate that was saved.

    Empty where there is none, or where the run was of other options or videos, or has not ended.
    """
    estimate = load_estimate(dataset)
    if estimate is None:
        return []
    now = {p.stage.name: p for p in plan}
    ended = {c.stage: c for c in counts if c.pending == 0}
    same = [
        s for s in estimate.stages if s.stage in ended and now[s.stage].fingerprint == s.fingerprint
    ]
    if len(same) < len(estimate.stages) or ended[same[0].stage].inputs != estimate.n_videos:
        return []
    stages = [
        EstimateComparison(
            s.stage,
            s.left_hours.amount,
            (ended[s.stage].seconds - s.done_s) / (3600 * s.at_once),
            s.done_bytes + s.left_bytes.amount,
            bytes_below(now[s.stage].output(dataset).folder),
        )
        for s in same
    ]
    total = EstimateComparison(
        "all",
        sum(s.estimated_hours for s in stages),
        sum(s.actual_hours for s in stages),
        sum(s.estimated_bytes for s in stages),
        sum(s.actual_bytes for s in stages),
    )
    return [*stages, total]
