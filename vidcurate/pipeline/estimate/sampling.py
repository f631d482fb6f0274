"""What a run will take, foreseen from a few of its videos; and afterwards, how far off that was.

All is done in the data set itself, so that the sample is part of the run and nothing is lost.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.engines.gpu_memory import watched_gpu_memory
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.pipeline.counts import count
from vidcurate.pipeline.estimate.forecast import Asked, Estimate, Expected, StageEstimate, expect
from vidcurate.pipeline.estimate.usage import bytes_by_video, seconds_by_video, videos_left
from vidcurate.pipeline.inputs import Scope, live_scope
from vidcurate.pipeline.resolve import Planned
from vidcurate.pipeline.runner import Run, check_finishes, check_stages, run_stages, why_empty
from vidcurate.records import CAPTIONS, SOURCES, VIDEOS
from vidcurate.stage import MapStage, Resources, TableStage
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import bytes_below

Plan = Sequence[Planned]
# The videos of a set, or some of them, each with its length in seconds.
Lengths = Mapping[str, float]
LEAST_VIDEOS, SHARE_OF_VIDEOS = 5, 0.01


def estimate(run: Run, plan: Plan, n_sample: int | None) -> Estimate | None:
    """Take a sample of the videos through a plan, and foresee the rest; None when interrupted.

    `plan` holds the stages that find and probe videos. Raises EmptyResultError where no video can
    be read, or a stage fails for all of the sample, UsageError where no video has a length or no
    stage is left to foresee.
    """
    run.tell(check_stages(plan))
    check_finishes(run, plan)
    found, probed = (
        1 + next(i for i, p in enumerate(plan) if p.stage.writes is t) for t in (SOURCES, VIDEOS)
    )
    run.plan = plan
    if not plan[probed:]:
        raise UsageError("nothing to plan: name stages after probe, which a plan runs at once")
    run_stages(run, plan[:found], Scope())
    live = live_scope(run.dataset, plan[found - 1].own(run.dataset), run.limits.videos)
    run_stages(run, plan[found:probed], live)
    if run.interrupted:
        return None
    refuse_empty(run.dataset, plan[:probed], live)
    lengths = video_lengths(run.dataset, plan[probed - 1], live)
    return take_sample(run, plan[probed:], live, lengths, n_sample)


def take_sample(
    run: Run, rest: Plan, live: Scope, lengths: Lengths, n_sample: int | None
) -> Estimate | None:
    """Run the stages after probe on a sample, and foresee the rest; None when interrupted."""
    sample = {video: lengths[video] for video in choose(lengths, n_sample)}
    in_sample = only(sample)
    with watched_gpu_memory() as peak:
        run_stages(run, rest, in_sample, whole_tables(run.dataset, rest, live, lengths, sample))
    if run.interrupted:
        return None
    counts = [count(run.dataset, planned, in_sample) for planned in rest]
    rejecting = next((n for n, c in enumerate(counts) if c.rows == 0), None)
    if rejecting is None:
        return foresee(run, rest, live, lengths, sample, peak.mib)
    if not isinstance(rest[rejecting].stage, TableStage):
        refuse_empty(run.dataset, rest, in_sample)
    # What rejects clips is cheap and soon changed: what it takes to come so far is worth knowing.
    found = foresee(run, rest[: rejecting + 1], live, lengths, sample, peak.mib)
    return replace(found, stopped=why_empty(counts[: rejecting + 1], run.dataset))


def only(videos: Iterable[str]) -> Scope:
    """What belongs to some videos."""
    return Scope({"video_id": pa.array(sorted(videos), pa.string())})


def video_lengths(dataset: Dataset, probe: Planned, live: Scope) -> dict[str, float]:
    """The videos that can be read."""
    rows = live.keep(probe.own(dataset).read(["video_id", "duration_s"], VIDEOS.schema))
    return dict(zip(rows["video_id"].to_pylist(), rows["duration_s"].to_pylist(), strict=True))


def choose(lengths: Lengths, n_sample: int | None) -> list[str]:
    """Videos evenly spread over the lengths, always the same: 1 % and at least 5, or all."""
    n_videos = len(lengths)
    wanted = n_sample or max(LEAST_VIDEOS, math.ceil(n_videos * SHARE_OF_VIDEOS))
    n = min(wanted, n_videos)
    by_length = sorted(lengths, key=lambda video: (lengths[video], video))
    chosen = [by_length[(2 * i + 1) * n_videos // (2 * n)] for i in range(n)]
    if not sum(lengths[video] for video in chosen) > 0:
        raise UsageError(f"none of {n} videos has a length, by which the others could be judged")
    return chosen


def whole_tables(
    dataset: Dataset, rest: Plan, live: Scope, lengths: Lengths, sample: Lengths
) -> Scope:
    """What table stages are redone over: the sample, and videos that were there before it."""
    stop = next((i for i, p in enumerate(rest) if isinstance(p.stage, TableStage)), len(rest))
    left = videos_left(dataset, rest, live)
    waiting = (left[planned.stage.writes.name] for planned in rest[:stop])
    ready = set(lengths).difference(*waiting) | set(sample)
    return only(ready)


def refuse_empty(dataset: Dataset, plan: Plan, scope: Scope) -> None:
    """Raise EmptyResultError where nothing came out of the last stage: nothing can be foreseen."""
    counts = [count(dataset, planned, scope) for planned in plan]
    if counts and counts[-1].rows == 0:
        raise EmptyResultError(
            f"no plan without a video that comes through: {why_empty(counts, dataset)}"
        )


def foresee(
    run: Run, rest: Plan, live: Scope, lengths: Lengths, sample: Lengths, gpu_peak_mib: int | None
) -> Estimate:
    """The estimate, from what the sample took."""
    left = videos_left(run.dataset, rest, live)
    left_lengths = {
        table: {f: lengths[f] for f in videos if f in lengths} for table, videos in left.items()
    }
    anywhere = {video: s for videos in left_lengths.values() for video, s in videos.items()}
    stages = (
        stage_estimate(run, planned, live, sample, left_lengths[planned.stage.writes.name])
        for planned in rest
    )
    captions = next((p for p in rest if p.stage.writes is CAPTIONS), None)
    return Estimate(
        n_videos=len(lengths),
        n_sampled=len(sample),
        n_left=len(anywhere),
        sampled_video_s=sum(sample.values()),
        left_video_s=sum(anywhere.values()),
        workers=run.engine.workers,
        stages=tuple(stages),
        asked=asked(run.dataset, captions, sample, left_lengths[CAPTIONS.name])
        if captions
        else None,
        gpu_peak_mib=gpu_peak_mib,
    )


def stage_estimate(
    run: Run, planned: Planned, live: Scope, sample: Lengths, left: Lengths
) -> StageEstimate:
    """One stage's part."""
    stage, dataset = planned.stage, run.dataset
    in_sample = only(sample)
    seconds = seconds_by_video(dataset, planned, in_sample)
    takes = (
        stage.cost.resources(planned.config)
        if isinstance(stage, MapStage)
        else Resources(at_most=1)
    )
    at_once = min(run.engine.workers, takes.at_most or run.engine.workers)
    if stage.reads.key == VIDEOS.key:  # a video is one worker's
        at_once = min(at_once, max(len(left), 1))
    return StageEstimate(
        stage=stage.name,
        table=stage.writes.name,
        fingerprint=planned.fingerprint,
        at_once=at_once,
        gpus=takes.gpus,
        videos_left=len(left),
        sample_s=sum(seconds.values()),
        done_s=count(dataset, planned, live).seconds,
        left_s=expect(seconds, sample, left.values()),
        done_bytes=bytes_below(planned.own(dataset).folder),
        left_bytes=expect(bytes_by_video(dataset, planned, in_sample), sample, left.values()),
        cheaper=stage.cost.advice if isinstance(stage, MapStage) else "",
    )


def asked(dataset: Dataset, captions: Planned, sample: Lengths, left: Lengths) -> Asked:
    """The requests with pictures that captions of the videos left will take, tries not counted."""
    wanted = ["video_id", "frame_times_s", "prompt_tokens", "completion_tokens"]
    rows = captions.own(dataset).read(wanted, CAPTIONS.schema)
    looked = pc.greater(pc.list_value_length(rows["frame_times_s"]), 0)
    rows = only(sample).keep(rows.filter(looked))
    sums = [("video_id", "count"), ("prompt_tokens", "sum"), ("completion_tokens", "sum")]
    by_video = {
        row["video_id"]: row for row in rows.group_by("video_id").aggregate(sums).to_pylist()
    }

    def expected(column: str) -> Expected:
        spent = {video: float(row[column]) for video, row in by_video.items()}
        return expect(spent, sample, left.values())

    prompt, completion = (
        None if rows[name].null_count else expected(f"{name}_sum") for name in wanted[2:]
    )
    return Asked(expected("video_id_count"), prompt, completion)
