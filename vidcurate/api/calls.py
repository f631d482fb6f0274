"""Runs from Python: what to run is chosen as on the command line, and the result is a value."""

import io
import multiprocessing
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vidcurate.analysis.export_check import contract_of, tables_needed
from vidcurate.api.choice import (
    Config,
    PathLike,
    StageChoice,
    choose_options,
    choose_stages,
    choose_version,
)
from vidcurate.api.dataset import VideoDataset
from vidcurate.api.events import CallbackListener, OnProgress
from vidcurate.errors import UsageError, suggest
from vidcurate.exporting.forecast.checking import Contract
from vidcurate.options import options_of
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.estimate.comparison import save_estimate
from vidcurate.pipeline.estimate.forecast import Estimate
from vidcurate.pipeline.estimate.sampling import estimate_run
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.run_options import RunOptions, run_options
from vidcurate.pipeline.session import (
    RunReport,
    RunRequest,
    engine_for,
    locked,
    plan_of,
    report_of,
    run_all,
    take_sources,
)
from vidcurate.stage import Stage
from vidcurate.stages.captions.caption import CAPTION
from vidcurate.stages.output.export import EXPORT
from vidcurate.stages.sources.probe import PROBE
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import location

Sources = PathLike | Iterable[PathLike]


@dataclass(frozen=True)
class RunResult:
    """What came of a run: the data set, and for each stage in the order of the data its counts."""

    dataset: VideoDataset
    report: RunReport

    @property
    def counts(self) -> dict[str, StageCount]:
        """By stage: its inputs, and how many came to what (the funnel)."""
        return {count.stage: count for count in self.report.stages}

    @property
    def failures(self) -> dict[str, dict[str, int]]:
        """By stage with failed inputs: how often each reason was given, most frequent first."""
        return {c.stage: dict(c.reasons) for c in self.report.stages if c.failed}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: what `vidcurate run --json` prints."""
        return self.report.as_dict()

    def __repr__(self) -> str:
        """The funnel in short."""
        ends = ", ".join(f"{c.stage} {c.ok}/{c.inputs}" for c in self.report.stages)
        return f"<RunResult {self.dataset.path}: {ends}>"


def run(
    sources: Sources | None = None,
    config: Config | None = None,
    dataset: PathLike = "out",
    *,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> RunResult:
    """Run the stages of a config on videos, or on those that the data set has already.

    `sources` are what the command takes: folders, files, globs and lists, one or several.
    `config` is a recipe's name, a YAML file, or a mapping of stages to their options; without one
    the data set's own stages run, in a new data set those of the recipe quickstart. `on_progress`
    is called with events (StageBegan, StageAdvanced, StageEnded, Note), by one thread at a time; an
    exception that it raises ends the run. What is done already is not done again.

    Raises UsageError for what cannot be done, BusyError where another process writes to the data
    set, TooManyFailuresError past `max_failed`, and EmptyResultError where nothing came out. What
    was finished until then stays, also after a KeyboardInterrupt.
    """
    choice = choose_stages(config, dataset, options.get("without", ()))
    return execute(dataset, choice, sources, on_progress, options)


def estimate(
    sources: Sources | None = None,
    config: Config | None = None,
    dataset: PathLike = "out",
    *,
    videos: int | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Estimate:
    """Estimate time, disk and requests of a run from a few of its `videos`.

    The sample is run in the data set itself, so that its work is done when the run starts. Takes
    and raises what `run` does.
    """
    choice = choose_stages(config, dataset, options.get("without", ()))
    wanted = replace(choice, stages=(*choice.stages, PROBE.name))
    request = new_request(dataset, wanted, sources, options)
    listener = CallbackListener(on_progress)
    with locked(request, listener.note) as root:
        take_sources(root, request, io.StringIO(), listener.note)
        with engine_for(request.options) as engine:
            begun = Run(root, engine, listener, request.options)
            found = estimate_run(begun, plan_of(root, request), videos)
    if found is None:
        raise UsageError("the estimate was interrupted")
    if found.n_left:
        save_estimate(root, found)
    return found


def check_export(
    dataset: PathLike = "out",
    sources: Sources | None = None,
    *,
    config: Config | None = None,
    batch_size: int = 1,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Contract:
    """Say what each target's trainer would do with every clip, and write nothing of an export.

    The clips are brought up to date first, captions are taken as they are. Buckets of fewer clips
    than `batch_size` are counted. Takes the options of `export` and of a run; raises what they
    raise. A target for which no clip would be left is in `empty`.
    """
    own = {name: value for name, value in options.items() if name in options_of(EXPORT.config)}
    others = {name: value for name, value in options.items() if name not in own}
    choice = choose_options(EXPORT, own, config, dataset)
    chosen, stages = tables_needed(Path(dataset), choice.given)
    done = execute(
        dataset,
        replace(choice, stages=stages),
        sources,
        on_progress,
        others,
        own_names=options_of(EXPORT.config),
    )
    return contract_of(
        Dataset(done.report.root), chosen, limit=others.get("limit"), batch_size=batch_size
    )


def run_stage(
    stage: Stage,
    dataset: PathLike = "out",
    sources: Sources | None = None,
    *,
    config: Config | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> RunResult:
    """Bring one stage's table up to date, and first all that it reads.

    Options of the stage that are not given stay as they are in `config`, else in the data set.
    """
    own = {name: value for name, value in options.items() if name in options_of(stage.config)}
    others = {name: value for name, value in options.items() if name not in own}
    choice = choose_options(stage, own, config, dataset)
    return execute(
        dataset, choice, sources, on_progress, others, own_names=options_of(stage.config)
    )


def run_caption(
    dataset: PathLike = "out",
    sources: Sources | None = None,
    *,
    version: str = "",
    config: Config | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> RunResult:
    """Bring the captions up to date, or those of a `version`, whose options are then given.

    What is not given of a version is as the captions have it.
    """
    if not version:
        return run_stage(
            CAPTION, dataset, sources, config=config, on_progress=on_progress, **options
        )
    names = options_of(CAPTION.config)
    own = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in own}
    choice = choose_version(version, own, config, dataset)
    return execute(dataset, choice, sources, on_progress, others, own_names=names)


def execute(
    dataset: PathLike,
    choice: StageChoice,
    sources: Sources | None,
    on_progress: OnProgress | None,
    options: Mapping[str, Any],
    own_names: Iterable[str] = (),
) -> RunResult:
    """Run the chosen stages and all that they need; `own_names` are those of a stage's options."""
    request = new_request(dataset, choice, sources, options, own_names)
    listener = CallbackListener(on_progress)
    opened = dataset if isinstance(dataset, VideoDataset) else VideoDataset(request.root)
    try:
        with locked(request, listener.note) as root:
            take_sources(root, request, io.StringIO(), listener.note)
            plan = plan_of(root, request)
            with engine_for(request.options) as engine:
                begun = Run(root, engine, listener, request.options)
                run_all(begun, plan, request.options)
    finally:
        opened.refresh()
    return RunResult(opened, report_of(begun, plan, listener.note))


def new_request(
    dataset: PathLike,
    choice: StageChoice,
    sources: Sources | None,
    options: Mapping[str, Any],
    own_names: Iterable[str] = (),
) -> RunRequest:
    """The request that a call's arguments make.

    Raises UsageError for an unknown option, one that does not fit, and for stdin as a source; also
    where this is a worker that runs its caller's script again.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UsageError(
            "worker processes import the script that starts them: put what it does below "
            "`if __name__ == '__main__':`, or choose engine='inline'"
        )
    known = [*own_names, *RunOptions.model_fields]
    if unknown := [name for name in options if name not in known]:
        raise UsageError(f"unknown option {unknown[0]}{suggest(unknown[0], known)}")
    names = [sources] if isinstance(sources, str | os.PathLike) else [*(sources or ())]
    if "-" in names:
        raise UsageError("a run from Python has no stdin: give the paths themselves as sources")
    values = {name: tuple(v) if isinstance(v, list | set) else v for name, v in options.items()}
    return RunRequest(
        location(os.fspath(dataset)),
        choice.stages,
        choice.given,
        tuple(os.fspath(name) for name in names),
        run_options(values),
        choice.versions,
    )
