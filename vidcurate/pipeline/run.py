"""One run over one data set: its options, its listener, and its results so far."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vidcurate.engines.base import Engine
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.job import Report
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.retries import Shrink
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.store.dataset import Dataset


class Listener(Protocol):
    """What is called as a run goes on."""

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """A stage begins with this much to do."""

    def advanced(self, stage: str, report: Report) -> None:
        """A batch of a stage ended."""

    def ended(self, counts: StageCount) -> None:
        """A stage ended."""

    def note(self, text: str) -> None:
        """There is something that a user should know."""


@dataclass
class Run:
    """One run over one data set; `concurrent` is another that works on it at the same time.

    `plan` is all that runs, whichever stage is in progress. `failures` are the inputs of each
    stage that failed, in this run, or earlier if failures are limited and not tried again.
    `unanswered` holds, by stage, why rows stay to be done, `requests` what each stage that asks a
    model was to ask. `noted` are the notes that the listener has.
    """

    dataset: Dataset
    engine: Engine
    listener: Listener
    options: RunOptions = field(default_factory=RunOptions)
    plan: Sequence[ResolvedStage] = ()
    counts: list[StageCount] = field(default_factory=list)
    shrinks: list[Shrink] = field(default_factory=list)
    failures: dict[str, set[str]] = field(default_factory=dict)
    noted: list[str] = field(default_factory=list)
    interrupted: bool = False
    unanswered: dict[str, str] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    concurrent: "Run | None" = None

    @property
    def n_failed(self) -> int:
        """How many inputs failed, over all stages."""
        return sum(map(len, self.failures.values()))

    @property
    def counts_earlier_failures(self) -> bool:
        """Whether failures of earlier runs count against the limit."""
        return self.options.max_failed is not None and not self.options.retry_failed

    def add_failures(self, stage: str, ids: Iterable[str]) -> None:
        """Note inputs of a stage that failed."""
        self.failures.setdefault(stage, set()).update(ids)

    def stop(self) -> None:
        """End after the batches in progress."""
        for run in (self, self.concurrent):
            if run is not None:
                run.interrupted = True
                run.engine.stop()

    def engines(self) -> list[Engine]:
        """Where work is done at present."""
        return [run.engine for run in (self, self.concurrent) if run is not None]

    def note_once(self, notes: Iterable[str]) -> None:
        """Pass on each note unless the listener has it already."""
        for note in notes:
            if note not in self.noted:
                self.noted.append(note)
                self.listener.note(note)

    def report_shrink(self, shrink: Shrink) -> None:
        """Note that a stage goes on with less at once, and pass that on."""
        self.shrinks.append(shrink)
        self.listener.note(str(shrink))
