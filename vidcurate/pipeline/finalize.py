"""What is done once, when a stage or all of them are up to date: the finish of those with one."""

from collections.abc import Sequence

import pyarrow.compute as pc

from vidcurate.errors import quantity
from vidcurate.pipeline.dataset_view import dataset_view
from vidcurate.pipeline.inputs import live_inputs
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import GONE, Scope, videos_in_state
from vidcurate.records import EXPORTS, SOURCES
from vidcurate.stage import MapStage


def finalize(run: Run, plan: Sequence[ResolvedStage], scope: Scope) -> None:
    """Run the finish of each stage that has one and waits for all, until the run is interrupted."""
    report_gone_videos(run, plan, scope)
    for resolved in plan:
        finish_stage(run, resolved, scope, at_once=False)


def finish_stage(run: Run, resolved: ResolvedStage, scope: Scope, *, at_once: bool) -> None:
    """Run the finish of a stage, if it has one that runs at this time."""
    finish = resolved.stage.finish if isinstance(resolved.stage, MapStage) else None
    if finish and finish.at_once == at_once and not run.interrupted:
        message = finish.run(resolved.config, dataset_view(run, resolved, scope))
        if message:
            run.listener.note(message)


def report_gone_videos(run: Run, plan: Sequence[ResolvedStage], scope: Scope) -> None:
    """Report how many clips of an export are of videos that are gone or no longer listed."""
    exports = next((p for p in plan if p.stage.writes is EXPORTS), None)
    sources = next((p for p in plan if p.stage.writes is SOURCES), None)
    if exports is None or sources is None:
        return
    videos = videos_in_state(run.dataset, sources.output(run.dataset), GONE)
    rows = exports.output(run.dataset).read(["clip_id", "video_id"], EXPORTS.schema)
    rows = scope.keep(rows)
    kept = live_inputs(run.dataset, exports, scope)["clip_id"].combine_chunks()
    rows = rows.filter(pc.is_in(rows["clip_id"], value_set=kept))
    n_clips = pc.sum(pc.is_in(rows["video_id"], value_set=videos)).as_py()
    if n_clips:
        run.listener.note(
            f"the export holds {quantity(n_clips, 'clip')} of videos that are gone or no longer "
            f"listed: to take them out, `vidcurate drop --gone -d {run.dataset.root}`"
        )
