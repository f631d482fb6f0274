"""What a run is foreseen to take, as it is kept in the data set; and afterwards, how far off."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vidcurate.errors import UsageError
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.resolve import Planned
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import bytes_below
from vidcurate.store.table import write_whole

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Expected:
    """An amount still to come, and its standard error; None where a single video was looked at."""

    amount: float
    error: float | None

    def over(self, number: float) -> "Expected":
        """The amount in units of a number."""
        return Expected(self.amount / number, None if self.error is None else self.error / number)


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """One stage: what is done, what is left, and how many inputs are worked on at once."""

    stage: str
    table: str
    fingerprint: str
    at_once: int
    gpus: float
    videos_left: int
    sample_s: float
    done_s: float
    left_s: Expected
    done_bytes: int
    left_bytes: Expected
    cheaper: str

    @property
    def left_hours(self) -> Expected:
        """Hours by the clock, if all its workers are busy."""
        return self.left_s.over(3600 * self.at_once)


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests to a model's server, and their tokens; None where the server does not count."""

    requests: Expected
    prompt_tokens: Expected | None
    completion_tokens: Expected | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is left of a run; lengths are seconds of video.

    `stopped` says at which stage nothing of the sample was left: later ones are not foreseen.
    """

    n_videos: int
    n_sampled: int
    n_left: int
    sampled_video_s: float
    left_video_s: float
    workers: int
    stages: tuple[StageEstimate, ...]
    asked: Asked | None
    gpu_peak_mib: int | None
    stopped: str | None = None

    @property
    def hours(self) -> Expected:
        """All stages, one after another."""
        return total([stage.left_hours for stage in self.stages])

    @property
    def gpu_hours(self) -> Expected:
        """The stages that take a GPU."""
        return total([stage.left_hours for stage in self.stages if stage.gpus > 0])

    @property
    def left_bytes(self) -> Expected:
        """What the tables and files of all stages will grow by."""
        return total([stage.left_bytes for stage in self.stages])

    @property
    def done_bytes(self) -> int:
        """What they hold now."""
        return sum(stage.done_bytes for stage in self.stages)

    @property
    def dearest(self) -> StageEstimate:
        """The stage that takes most of the time that is left, or that the sample took."""
        return max(self.stages, key=lambda s: (s.left_hours.amount, s.sample_s / s.at_once))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with the totals."""
        totals = {name: asdict(getattr(self, name)) for name in ("hours", "gpu_hours")}
        return {**asdict(self), **totals, "dearest": self.dearest.stage}


def total(parts: Sequence[Expected]) -> Expected:
    """A sum; its error is as if all parts were off to the same side."""
    errors = [part.error for part in parts]
    known = [error for error in errors if error is not None]
    return Expected(
        sum(part.amount for part in parts), sum(known) if len(known) == len(errors) else None
    )


def expect(
    spent: Mapping[str, float], sample: Mapping[str, float], left: Collection[float]
) -> Expected:
    """What videos of some lengths will take, from what each video of a sample did.

    `sample` maps videos to their lengths. The ratio estimator: sum over sum, times what is left;
    its error holds that of the rate and that of the videos left (Cochran 1977, chapter 6).
    """
    rate = sum(spent.get(video, 0.0) for video in sample) / sum(sample.values())
    amount = rate * sum(left)
    if not left or len(sample) < 2:  # noqa: PLR2004 - of one video no spread is known
        return Expected(amount, None if left else 0.0)
    squares = sum((spent.get(video, 0.0) - rate * s) ** 2 for video, s in sample.items())
    scale = sum(left) / sum(sample.values())
    variance = squares / (len(sample) - 1) * (len(sample) * scale**2 + len(left))
    return Expected(amount, math.sqrt(variance))


def keep(dataset: Dataset, estimate: Estimate) -> None:
    """Keep an estimate in the data set, until the run ends."""
    text = json.dumps(estimate.as_dict(), indent=2) + "\n"

    def write(partial: Path) -> None:
        partial.write_text(text, "utf-8")

    write_whole(dataset.root / PLAN_FILE, write)


def kept(dataset: Dataset) -> Estimate | None:
    """The estimate that a data set holds, if any.

    Raises UsageError where the file is something else.
    """
    file = dataset.root / PLAN_FILE
    if not file.exists():
        return None
    try:
        return TypeAdapter(Estimate).validate_json(file.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{file} is no plan of this version: remove it, or plan again") from error


@dataclass(frozen=True, slots=True)
class Compared:
    """One stage, or all: what was foreseen and what it was. Times of what was left then."""

    stage: str
    planned_hours: float
    took_hours: float
    planned_bytes: float
    is_bytes: int


def compare(
    dataset: Dataset, plan: Sequence[Planned], counts: Sequence[StageCount]
) -> list[Compared]:
    """Each stage, then all together, against the plan that was kept.

    Nothing where there is none, or where the run was of other options or videos, or has not ended.
    """
    estimate = kept(dataset)
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
        Compared(
            s.stage,
            s.left_hours.amount,
            (ended[s.stage].seconds - s.done_s) / (3600 * s.at_once),
            s.done_bytes + s.left_bytes.amount,
            bytes_below(now[s.stage].own(dataset).folder),
        )
        for s in same
    ]
    return [*stages, together(stages)]


def together(stages: Sequence[Compared]) -> Compared:
    """The sums."""
    return Compared(
        "all",
        sum(s.planned_hours for s in stages),
        sum(s.took_hours for s in stages),
        sum(s.planned_bytes for s in stages),
        sum(s.is_bytes for s in stages),
    )
