"""Take videos through all stages a few at a time, so that results and disk use come early."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.engines.base import Engine
from vidcurate.pipeline.announcements import announce_work
from vidcurate.pipeline.checks import check_run
from vidcurate.pipeline.provenance import record_in_manifest
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.runner import run_pipeline, run_stages
from vidcurate.pipeline.scope import Scope, live_scope
from vidcurate.pipeline.settling import require_settled
from vidcurate.records import SOURCES
from vidcurate.stage import TableStage

Plan = Sequence[ResolvedStage]


def run_in_waves(run: Run, plan: Plan, n_videos: int, second: Engine) -> None:
    """Run a plan `n_videos` at a time, and at the end as a whole, which finds all but done.

    The stages from the first that sees whole tables or takes a GPU run on the engine `second`,
    while the stages before it work on the next videos. What was filtered by a rule over all clips
    is right after the end only, so captions may be made of clips that a later wave pushes out.
    Raises what run_pipeline does.
    """
    require_settled(plan, "--wave")
    check_run(run, plan)
    announce_work(run, plan)
    run.plan = plan
    finding, light, heavy = split_plan(plan)
    run_stages(run, finding, Scope())
    for resolved in plan:  # the manifest has one writer
        record_in_manifest(run.dataset, resolved)
    second_run = Run(run.dataset, second, run.listener, run.options, plan, shrinks=run.shrinks)
    run.concurrent, second_run.concurrent = second_run, run
    run_waves(run, second_run, light, heavy, wave_scopes(live_videos(run, finding), n_videos))
    run.concurrent = None
    for stage, failed in second_run.failures.items():
        run.add_failures(stage, failed)
    run.requests += second_run.requests
    if not run.interrupted:
        run_pipeline(run, plan)


def run_waves(
    run: Run, second_run: Run, light: Plan, heavy: Plan, waves: Iterable[tuple[Scope, Scope]]
) -> None:
    """Run the light stages on each wave while the heavy ones run on the wave before it."""
    in_progress: Future[None] | None = None
    with ThreadPoolExecutor(1, "wave") as thread:
        for wave, waves_so_far in waves:
            run_stages(run, light, wave)
            if in_progress is not None:
                in_progress.result()
            in_progress = thread.submit(run_stages, second_run, heavy, wave, waves_so_far)
        if in_progress is not None:
            in_progress.result()


def split_plan(plan: Plan) -> tuple[Plan, Plan, Plan]:
    """The stages that find videos, those before whole tables or GPUs are needed, and the rest."""
    found = 1 + next(i for i, p in enumerate(plan) if p.stage.writes is SOURCES)
    stop = next((i for i, p in enumerate(plan) if i >= found and is_heavy(p)), len(plan))
    return plan[:found], plan[found:stop], plan[stop:]


def is_heavy(resolved: ResolvedStage) -> bool:
    """Whether a stage sees whole tables or takes a whole GPU."""
    stage = resolved.stage
    return isinstance(stage, TableStage) or stage.cost.resources(resolved.config).gpus >= 1


def live_videos(run: Run, finding: Plan) -> pa.Array:
    """The ids of all videos that the run takes through."""
    sources = finding[-1].output(run.dataset)
    scope = live_scope(run.dataset, sources, run.options.limit)
    return pc.unique(scope.keep(sources.index("video_id", ["file_id"]))["video_id"])


def wave_scopes(videos: pa.Array, n_videos: int) -> Iterator[tuple[Scope, Scope]]:
    """For each wave its own videos, and all videos up to it."""
    for start in range(0, len(videos), n_videos):
        end = start + n_videos
        yield Scope({"video_id": videos[start:end]}), Scope({"video_id": videos[:end]})
