"""One run over one data set, in the steps that its caller takes: lock, sources, stages, report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO

from vidcurate.engines.base import Engine
from vidcurate.engines.local import GB
from vidcurate.engines.opening import open_engine
from vidcurate.errors import UsageError, raising_disk_full, suggest
from vidcurate.options import StageConfig
from vidcurate.pipeline.counts import StageCount, as_dicts
from vidcurate.pipeline.discovery.found_files import ingest_sources
from vidcurate.pipeline.estimate.comparison import EstimateComparison, compare_with_run
from vidcurate.pipeline.resolve import ResolvedStage, choose_configs, resolve
from vidcurate.pipeline.retries import Shrink
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.runner import run_pipeline
from vidcurate.pipeline.scope import FOUND
from vidcurate.pipeline.waves import run_in_waves
from vidcurate.records import FILES, version_table, version_tables
from vidcurate.stage import Stage
from vidcurate.stages.registry import stages_with
from vidcurate.stages.sources.ingest import INGEST, IngestConfig
from vidcurate.store.dataset import Dataset
from vidcurate.store.lock import writing
from vidcurate.store.storage import Location


@dataclass(frozen=True)
class RunRequest:
    """What a run does: the sources it takes in, the stages it brings up to date, their options.

    Options of stages that are not `given` are those of the data set, else the defaults. `versions`
    are all that captions are to have; None leaves those that there are.
    """

    root: Location
    chosen: tuple[str, ...]
    given: Mapping[str, StageConfig]
    sources: tuple[str, ...] = ()
    options: RunOptions = field(default_factory=RunOptions)
    versions: tuple[str, ...] | None = None


@dataclass(frozen=True)
class RunReport:
    """The result of a run: counts of each stage in the order of the data.

    `shrinks` are the stages that went on with less at once for want of memory, `requests` what was
    asked of models, and `against_estimate` how far an earlier estimate was off.
    """

    root: Location
    stages: tuple[StageCount, ...]
    shrinks: tuple[Shrink, ...]
    requests: tuple[Mapping[str, Any], ...]
    against_estimate: tuple[EstimateComparison, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "dataset": str(self.root),
            "stages": as_dicts(self.stages),
            "shrinks": [asdict(shrink) for shrink in self.shrinks],
            "requests": list(self.requests),
            "against_estimate": [asdict(part) for part in self.against_estimate],
        }


@contextmanager
def locked(request: RunRequest, warn: Callable[[str], None]) -> Iterator[Dataset]:
    """The data set of a request, which no other run writes to meanwhile.

    `warn` is called where the file system has no locks. Raises UsageError for an unknown stage, and
    where there is no video at all; BusyError where another process writes to the data set.
    """
    dataset = Dataset(request.root)
    stages_left_out(stages_of(dataset, request), request.options.without)
    if not request.sources and not dataset.stored(FILES, FOUND).folder.exists():
        raise UsageError(f"{dataset.root} holds no videos yet: name a SOURCE (a folder, a file, -)")
    with writing(dataset.root, warn), raising_disk_full(dataset.root):
        if request.versions is not None:
            for version in version_tables(dataset.manifest()):
                if version not in request.versions:
                    forget_version(dataset, version, warn)
        yield dataset


def stages_of(dataset: Dataset, request: RunRequest) -> tuple[Stage, ...]:
    """All stages, with those of the caption versions that are there or asked for."""
    return stages_with([*dataset.manifest(), *request.given, *request.chosen])


def stages_left_out(stages: Sequence[Stage], without: Sequence[str]) -> tuple[str, ...]:
    """The stages that some names mean, which may be those of their tables.

    Raises UsageError for a name of neither.
    """
    known = {name: stage.name for stage in stages for name in (stage.writes.name, stage.name)}
    if unknown := set(without) - known.keys():
        raise UsageError(
            f"--without {min(unknown)}: unknown stage or table{suggest(min(unknown), known)}"
        )
    return tuple(known[name] for name in without)


def forget_version(dataset: Dataset, version: str, note: Callable[[str], None]) -> None:
    """Take a caption version out of a data set; its rows stay until they are cleaned away.

    Raises UsageError for a version that is not there.
    """
    table, known = version_table(version), version_tables(dataset.manifest())
    if version not in known:
        raise UsageError(f"captions have no version {version}{suggest(version, known)}")
    dataset.forget(table)
    note(
        f"captions have no version {version} any more; until `vidcurate clean` its texts stay, "
        "and to add it again asks for nothing"
    )


def take_sources(
    dataset: Dataset, request: RunRequest, stdin: TextIO, note: Callable[[str], None]
) -> None:
    """Add the files that the sources of a request name; `-` names those on `stdin`."""
    config = choose_configs([INGEST], request.given, dataset.manifest())[INGEST.name]
    assert isinstance(config, IngestConfig)
    if request.sources:
        ingest_sources(
            dataset,
            request.sources,
            config.extensions,
            stdin,
            recursive=config.recursive,
            note=note,
        )


def plan_of(dataset: Dataset, request: RunRequest) -> tuple[ResolvedStage, ...]:
    """What has to run so that the chosen stages are up to date."""
    stages = stages_of(dataset, request)
    without = stages_left_out(stages, request.options.without)
    return resolve(dataset, stages, request.chosen, request.given, without)


def engine_for(options: RunOptions) -> AbstractContextManager[Engine]:
    """The engine that some options choose, opened; raises what `open_engine` raises."""
    each_gb = options.memory_per_worker_gb
    return open_engine(
        options.engine,
        workers=options.workers,
        memory_bytes=int(each_gb * GB) if each_gb else None,
        address=options.address,
    )


def run_all(run: Run, plan: Sequence[ResolvedStage], options: RunOptions) -> None:
    """Run a plan, in waves if the options ask for it; raises what `run_pipeline` raises."""
    if options.wave is None:
        run_pipeline(run, plan)
        return
    with engine_for(options) as second:
        run_in_waves(run, plan, options.wave, second)


def report_of(run: Run, plan: Sequence[ResolvedStage], note: Callable[[str], None]) -> RunReport:
    """What came of a run; an earlier estimate that cannot be read is noted, and spoils nothing."""
    try:
        compared = compare_with_run(run.dataset, run.plan or plan, run.counts)
    except UsageError as error:
        note(str(error))
        compared = []
    return RunReport(
        run.dataset.root,
        tuple(run.counts),
        tuple(run.shrinks),
        tuple(run.requests),
        tuple(compared),
    )
