"""An estimate of what a run will take, and the statistics by which it is made from a sample."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Expected:
    """An amount still to come, and its standard error; None where a single video was looked at."""

    amount: float
    error: float | None

    def over(self, number: float) -> "Expected":
        """The amount and its error, divided by a number."""
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
    cost_advice: str

    @property
    def left_hours(self) -> Expected:
        """Hours by the clock, if all its workers are busy."""
        return self.left_s.over(3600 * self.at_once)


@dataclass(frozen=True, slots=True)
class ExpectedRequests:
    """Requests to a model's server, and their tokens; None where the server does not count."""

    requests: Expected
    prompt_tokens: Expected | None
    completion_tokens: Expected | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is left of a run; lengths are seconds of video.

    `stopped` says at which stage nothing of the sample was left: later ones are not estimated.
    """

    n_videos: int
    n_sampled: int
    n_left: int
    sampled_video_s: float
    left_video_s: float
    workers: int
    stages: tuple[StageEstimate, ...]
    requests: ExpectedRequests | None
    gpu_peak_mib: int | None
    stopped: str | None = None

    @property
    def hours(self) -> Expected:
        """All stages, one after another."""
        return sum_estimates([stage.left_hours for stage in self.stages])

    @property
    def gpu_hours(self) -> Expected:
        """The stages that take a whole GPU."""
        return sum_estimates([stage.left_hours for stage in self.stages if stage.gpus >= 1])

    @property
    def left_bytes(self) -> Expected:
        """What the tables and files of all stages will grow by."""
        return sum_estimates([stage.left_bytes for stage in self.stages])

    @property
    def done_bytes(self) -> int:
        """What the tables and files of all stages hold now."""
        return sum(stage.done_bytes for stage in self.stages)

    @property
    def most_expensive(self) -> StageEstimate:
        """The stage that takes most of the time that is left, or that the sample took."""
        return max(self.stages, key=lambda s: (s.left_hours.amount, s.sample_s / s.at_once))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with the totals."""
        totals = {name: asdict(getattr(self, name)) for name in ("hours", "gpu_hours")}
        return {**asdict(self), **totals, "most_expensive": self.most_expensive.stage}


def sum_estimates(parts: Sequence[Expected]) -> Expected:
    """A sum; its error is as if all parts were off to the same side."""
    errors = [part.error for part in parts]
    known = [error for error in errors if error is not None]
    return Expected(
        sum(part.amount for part in parts), sum(known) if len(known) == len(errors) else None
    )


def ratio_estimate(
    used: Mapping[str, float], sample: Mapping[str, float], left: Collection[float]
) -> Expected:
    """What the videos left, of these lengths, will use, from what each video of a sample used.

    `sample` maps videos to their lengths. The ratio estimator: sum over sum, times what is left;
    its error holds that of the rate and that of the videos left (Cochran 1977, chapter 6).
    """
    rate = sum(used.get(video, 0.0) for video in sample) / sum(sample.values())
    amount = rate * sum(left)
    if not left or len(sample) < 2:  # noqa: PLR2004 - of one video no spread is known
        return Expected(amount, None if left else 0.0)
    squares = sum((used.get(video, 0.0) - rate * s) ** 2 for video, s in sample.items())
    scale = sum(left) / sum(sample.values())
    variance = squares / (len(sample) - 1) * (len(sample) * scale**2 + len(left))
    return Expected(amount, math.sqrt(variance))
