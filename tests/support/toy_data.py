"""A data set for tests of the frame: small files as videos, run through the toy stages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.toy_stages import PICK_STAGE, TOYS, PickConfig, ToyConfig
from vidcurate.engines.base import Engine
from vidcurate.engines.inline import InlineEngine
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.discovery.found_files import add_files
from vidcurate.pipeline.discovery.sources import found
from vidcurate.pipeline.job import Report
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.runner import run_pipeline
from vidcurate.stage import Stage, StageConfig
from vidcurate.store.dataset import Dataset
from vidcurate.store.table import Table


@dataclass
class Recorder:
    """A listener that keeps what it hears, and may stop the run in a stage's first batch."""

    stop_in: str = ""
    run: Run | None = None
    todo: dict[str, tuple[int, int]] = field(default_factory=dict)
    counts: list[StageCount] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """Keep what there is to do."""
        self.todo[stage] = (todo, done_before)

    def advanced(self, _stage: str, report: Report) -> None:
        """Keep the report."""
        self.reports.append(report)
        if self.run is not None and list(self.todo)[-1] == self.stop_in:
            self.run.stop()

    def ended(self, counts: StageCount) -> None:
        """Keep the counts."""
        self.counts.append(counts)

    def note(self, text: str) -> None:
        """Keep the note."""
        self.notes.append(text)


@dataclass(frozen=True)
class Bench:
    """A folder with small files as videos, a data set, and a log of the rows worked on."""

    folder: Path
    stages: tuple[Stage, ...] = TOYS

    @property
    def dataset(self) -> Dataset[Path]:
        """The data set."""
        return Dataset(self.folder / "data")

    @property
    def log(self) -> Path:
        """Where each row worked on is noted."""
        return self.folder / "log"

    def add(self, *labels: str) -> None:
        """Write small files of these names, and add them to the data set."""
        for label in labels:
            path = self.folder / f"{label}.video"
            if not path.exists():
                path.write_text(f"video {label}", "utf-8")
        add_files(self.dataset, [found(self.folder / f"{label}.video") for label in labels])

    def configs(self, **options: Mapping[str, Any]) -> dict[str, StageConfig]:
        """Every stage's options: defaults, those given, and the log."""
        toys = [s for s in self.stages if s.config is ToyConfig]
        configs: dict[str, StageConfig] = {
            s.name: ToyConfig(**{"log": str(self.log), **options.get(s.name, {})}) for s in toys
        }
        return {**configs, PICK_STAGE.name: PickConfig(**options.get(PICK_STAGE.name, {}))}

    def run(
        self,
        *chosen: str,
        run_options: RunOptions | None = None,
        engine: Engine | None = None,
        recorder: Recorder | None = None,
        **options: Mapping[str, Any],
    ) -> list[str]:
        """Run the chosen stages (else the last); returns the rows worked on, as "stage row"."""
        before = len(self.worked())
        plan = resolve(self.dataset, self.stages, chosen or ("notes",), self.configs(**options))
        recorder = recorder or Recorder()
        run = Run(self.dataset, engine or InlineEngine(), recorder, run_options or RunOptions())
        recorder.run = run
        run_pipeline(run, plan)
        return self.worked()[before:]

    def worked(self) -> list[str]:
        """All rows worked on so far, in order."""
        lines = self.log.read_text("utf-8").splitlines() if self.log.exists() else []
        return [line.rsplit(" ", 1)[0] for line in lines]

    def rows(self, table: Table[Any]) -> list[Any]:
        """The current rows of a table, by key."""
        made = self.dataset.manifest()[table.name]["fingerprint"]
        read = self.dataset.stored(table, made).read(None, table.schema)
        return sorted(table.from_arrow(read), key=lambda row: str(getattr(row, table.key)))

    def done(self, table: Table[Any]) -> dict[str, tuple[str, str | None]]:
        """What became of each input of a table."""
        made = self.dataset.manifest()[table.name]["fingerprint"]
        rows = self.dataset.stored(table, made).done().to_pylist()
        return {row["id"]: (row["status"], row["reason"]) for row in rows}


def stages_of(worked: Sequence[str]) -> dict[str, int]:
    """How many rows each stage worked on."""
    return dict(Counter(line.split(" ", 1)[0] for line in worked))
