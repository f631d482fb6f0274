"""What a run will take, estimated from a few of its videos.

All is done in the data set itself, so that the sample is part of the run and nothing is lost.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.engines.gpu_memory import track_gpu_memory
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.pipeline.announcements import announce_work
from vidcurate.pipeline.checks import check_run
from vidcurate.pipeline.counts import count_stage, why_empty
from vidcurate.pipeline.estimate.forecast import (
    Estimate,
    Expected,
    ExpectedRequests,
    StageEstimate,
    ratio_estimate,
)
from vidcurate.pipeline.estimate.usage import bytes_by_video, seconds_by_video, videos_left
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.runner import run_stages
from vidcurate.pipeline.scope import Scope, live_scope
from vidcurate.pipeline.settling import require_settled
from vidcurate.records import CAPTIONS, SOURCES, VIDEOS
from vidcurate.stage import MapStage, Resources, TableStage
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import bytes_below

Plan = Sequence[ResolvedStage]
# The videos of a set, or some of them, each with its length in seconds.
Lengths = Mapping[str, float]
MIN_SAMPLE, SHARE_OF_VIDEOS = 5, 0.01


def estimate_run(run: Run, plan: Plan, n_sample: int | None) -> Estimate | None:
    """Take a sample of the videos through a plan, and estimate the rest; None when interrupted.

    `plan` holds the stages that find and probe videos. Raises EmptyResultError where no video can
    be read, or a stage fails for all of the sample, UsageError where no video has a length or no
    stage is left to estimate.
    """
    require_settled(plan, "an estimate")
    check_run(run, plan)
    announce_work(run, plan)
    found, probed = (
        1 + next(i for i, p in enumerate(plan) if p.stage.writes is t) for t in (SOURCES, VIDEOS)
    )
    run.plan = plan
    if not plan[probed:]:
        raise UsageError(
            "nothing to estimate: name stages after probe, which an estimate runs at once"
        )
    run_stages(run, plan[:found], Scope())
    live = live_scope(run.dataset, plan[found - 1].output(run.dataset), run.options.limit)
    run_stages(run, plan[found:probed], live)
    if run.interrupted:
        return None
    refuse_empty(run.dataset, plan[:probed], live)
    lengths = video_lengths(run.dataset, plan[probed - 1], live)
    return take_sample(run, plan[probed:], live, lengths, n_sample)


def take_sample(
    run: Run, rest: Plan, live: Scope, lengths: Lengths, n_sample: int | None
) -> Estimate | None:
    """Run the stages after probe on a sample, and estimate the rest; None when interrupted."""
    sample = {video: lengths[video] for video in choose_sample(lengths, n_sample)}
    in_sample = scope_of(sample)
    with track_gpu_memory() as peak:
        run_stages(
            run, rest, in_sample, table_stage_scope(run.dataset, rest, live, lengths, sample)
        )
    if run.interrupted:
        return None
    counts = [count_stage(run.dataset, resolved, in_sample) for resolved in rest]
    rejecting = next((n for n, c in enumerate(counts) if c.rows == 0), None)
    if rejecting is None:
        return estimate_rest(run, rest, live, lengths, sample, peak.mib)
    if not isinstance(rest[rejecting].stage, TableStage):
        refuse_empty(run.dataset, rest, in_sample)
    # What rejects clips is cheap and soon changed: what it takes to come so far is worth knowing.
    found = estimate_rest(run, rest[: rejecting + 1], live, lengths, sample, peak.mib)
    return replace(found, stopped=why_empty(counts[: rejecting + 1], run.dataset))


def scope_of(videos: Iterable[str]) -> Scope:
    """The scope of what belongs to some videos."""
    return Scope({"video_id": pa.array(sorted(videos), pa.string())})


def video_lengths(dataset: Dataset, probe: ResolvedStage, live: Scope) -> dict[str, float]:
    """The videos that can be read, each with its length in seconds."""
    rows = live.keep(probe.output(dataset).read(["video_id", "duration_s"], VIDEOS.schema))
    return dict(zip(rows["video_id"].to_pylist(), rows["duration_s"].to_pylist(), strict=True))


def choose_sample(lengths: Lengths, n_sample: int | None) -> list[str]:
    """Videos evenly spread over the lengths, always the same: 1 % and at least 5, or all."""
    n_videos = len(lengths)
    wanted = n_sample or max(MIN_SAMPLE, math.ceil(n_videos * SHARE_OF_VIDEOS))
    n = min(wanted, n_videos)
    by_length = sorted(lengths, key=lambda video: (lengths[video], video))
    chosen = [by_length[(2 * i + 1) * n_videos // (2 * n)] for i in range(n)]
    if not sum(lengths[video] for video in chosen) > 0:
        raise UsageError(f"none of {n} videos has a length, so the others cannot be estimated")
    return chosen


def table_stage_scope(
    dataset: Dataset, rest: Plan, live: Scope, lengths: Lengths, sample: Lengths
) -> Scope:
    """The videos that table stages are redone over: the sample, and those that were done before."""
    stop = next((i for i, p in enumerate(rest) if isinstance(p.stage, TableStage)), len(rest))
    left = videos_left(dataset, rest, live)
    waiting = (left[resolved.stage.writes.name] for resolved in rest[:stop])
    ready = set(lengths).difference(*waiting) | set(sample)
    return scope_of(ready)


def refuse_empty(dataset: Dataset, plan: Plan, scope: Scope) -> None:
    """Raise EmptyResultError where nothing came out of the last stage: nothing can be estimated."""
    counts = [count_stage(dataset, resolved, scope) for resolved in plan]
    if counts and counts[-1].rows == 0:
        raise EmptyResultError(
            "no video of the sample came through, so there is no estimate: "
            f"{why_empty(counts, dataset)}"
        )


def estimate_rest(
    run: Run, rest: Plan, live: Scope, lengths: Lengths, sample: Lengths, gpu_peak_mib: int | None
) -> Estimate:
    """The estimate of all that is left, from what the sample took."""
    left = videos_left(run.dataset, rest, live)
    left_lengths = {
        table: {f: lengths[f] for f in videos if f in lengths} for table, videos in left.items()
    }
    anywhere = {video: s for videos in left_lengths.values() for video, s in videos.items()}
    stages = (
        stage_estimate(run, resolved, live, sample, left_lengths[resolved.stage.writes.name])
        for resolved in rest
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
        requests=caption_requests(run.dataset, captions, sample, left_lengths[CAPTIONS.name])
        if captions
        else None,
        gpu_peak_mib=gpu_peak_mib,
    )


def stage_estimate(
    run: Run, resolved: ResolvedStage, live: Scope, sample: Lengths, left: Lengths
) -> StageEstimate:
    """The estimate of one stage."""
    stage, dataset = resolved.stage, run.dataset
    in_sample = scope_of(sample)
    seconds = seconds_by_video(dataset, resolved, in_sample)
    takes = (
        stage.cost.resources(resolved.config)
        if isinstance(stage, MapStage)
        else Resources(at_most=1)
    )
    at_once = min(run.engine.workers, takes.at_most or run.engine.workers)
    if stage.reads.key == VIDEOS.key:  # a video is one worker's
        at_once = min(at_once, max(len(left), 1))
    return StageEstimate(
        stage=stage.name,
        table=stage.writes.name,
        fingerprint=resolved.fingerprint,
        at_once=at_once,
        gpus=takes.gpus,
        videos_left=len(left),
        sample_s=sum(seconds.values()),
        done_s=count_stage(dataset, resolved, live).seconds,
        left_s=ratio_estimate(seconds, sample, left.values()),
        done_bytes=bytes_below(resolved.output(dataset).folder),
        left_bytes=ratio_estimate(
            bytes_by_video(dataset, resolved, in_sample), sample, left.values()
        ),
        cost_advice=stage.cost.advice if isinstance(stage, MapStage) else "",
    )


def caption_requests(
    dataset: Dataset, captions: ResolvedStage, sample: Lengths, left: Lengths
) -> ExpectedRequests:
    """The requests with images that captions of the videos left will take, retries not counted."""
    wanted = ["video_id", "frame_times_s", "prompt_tokens", "completion_tokens"]
    rows = captions.output(dataset).read(wanted, CAPTIONS.schema)
    has_frames = pc.greater(pc.list_value_length(rows["frame_times_s"]), 0)
    rows = scope_of(sample).keep(rows.filter(has_frames))
    sums = [("video_id", "count"), ("prompt_tokens", "sum"), ("completion_tokens", "sum")]
    by_video = {
        row["video_id"]: row for row in rows.group_by("video_id").aggregate(sums).to_pylist()
    }

    def expected(column: str) -> Expected:
        used = {video: float(row[column]) for video, row in by_video.items()}
        return ratio_estimate(used, sample, left.values())

    prompt, completion = (
        None if rows[name].null_count else expected(f"{name}_sum") for name in wanted[2:]
    )
    return ExpectedRequests(expected("video_id_count"), prompt, completion)
