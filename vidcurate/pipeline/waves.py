"""Take videos through all stages a few at a time, so that results and disk use come early."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.engines import Engine
from vidcurate.pipeline.inputs import Scope, live_scope
from vidcurate.pipeline.resolve import Planned
from vidcurate.pipeline.runner import (
    Run,
    check_finishes,
    check_stages,
    remember,
    run_plan,
    run_stages,
)
from vidcurate.records import SOURCES
from vidcurate.stage import MapStage, TableStage

Plan = Sequence[Planned]


def run_in_waves(run: Run, plan: Plan, n_videos: int, second: Engine) -> None:
    """Run a plan `n_videos` at a time, and at the end as a whole, which finds all but done.

    The stages from the first that sees whole tables or takes a GPU run on the engine `second`,
    while the stages before it work on the next videos. What was filtered by a rule over all clips
    is right after the end only, so captions may be made of clips that a later wave pushes out.
    Raises what run_plan does.
    """
    run.tell(check_stages(plan))
    check_finishes(run, plan)
    first, before, after = lanes(plan)
    run_stages(run, first, Scope())
    for planned in plan:  # the manifest has one writer
        remember(run.dataset, planned)
    run.plan = plan
    behind = Run(run.dataset, second, run.listener, run.limits, plan, shrinks=run.shrinks)
    run.concurrent, behind.concurrent = behind, run
    take_through(run, before, after, scopes(live_videos(run, first), n_videos))
    run.concurrent = None
    for stage, failed in behind.failures.items():
        run.failures.setdefault(stage, set()).update(failed)
    run.requests += behind.requests
    if not run.interrupted:
        run_plan(run, plan)


def take_through(run: Run, before: Plan, after: Plan, waves: Iterable[tuple[Scope, Scope]]) -> None:
    """Run the stages before on each wave while those after run on the one before it."""
    assert run.concurrent is not None
    behind: Future[None] | None = None
    with ThreadPoolExecutor(1, "wave") as lane:
        for wave, so_far in waves:
            run_stages(run, before, wave)
            if behind is not None:
                behind.result()
            behind = lane.submit(run_stages, run.concurrent, after, wave, so_far)
        if behind is not None:
            behind.result()


def lanes(plan: Plan) -> tuple[Plan, Plan, Plan]:
    """The stages that find videos, those before whole tables or models are needed, and the rest."""
    found = 1 + next(i for i, p in enumerate(plan) if p.stage.writes is SOURCES)
    stop = next((i for i, p in enumerate(plan) if is_late(p) and i >= found), len(plan))
    return plan[:found], plan[found:stop], plan[stop:]


def is_late(planned: Planned) -> bool:
    """Whether a stage sees whole tables or takes a GPU."""
    stage = planned.stage
    if isinstance(stage, TableStage):
        return True
    return isinstance(stage, MapStage) and stage.cost.resources(planned.config).gpus > 0


def live_videos(run: Run, first: Plan) -> pa.Array:
    """The ids of all videos to be taken through."""
    sources = first[-1].own(run.dataset)
    scope = live_scope(run.dataset, sources, run.limits.videos)
    return pc.unique(scope.keep(sources.index("video_id", ["file_id"]))["video_id"])


def scopes(videos: pa.Array, n_videos: int) -> Iterator[tuple[Scope, Scope]]:
    """For each wave its own videos, and all videos up to it."""
    for start in range(0, len(videos), n_videos):
        end = start + n_videos
        yield Scope({"video_id": videos[start:end]}), Scope({"video_id": videos[:end]})
