"""The events of a run that its caller receives: small frozen values, one at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.job import Report
from vidcurate.store.dataset import FAILED


@dataclass(frozen=True, slots=True)
class StageBegan:
    """A stage begins: `todo` inputs wait, `done_before` are done by earlier runs."""

    stage: str
    todo: int
    done_before: int


@dataclass(frozen=True, slots=True)
class StageAdvanced:
    """Some inputs of a stage are done: `done` of `todo` in this run, `failed` of them failed."""

    stage: str
    done: int
    todo: int
    failed: int


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage ended; `counts` say what became of all its inputs, in this run and before."""

    stage: str
    counts: StageCount


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a user should know; it is no error."""

    text: str


Event = StageBegan | StageAdvanced | StageEnded | Note
OnProgress = Callable[[Event], None]


class CallbackListener:
    """Calls a function with each event, never twice at once: stages of two waves run in threads.

    Counts of a stage go on from wave to wave.
    """

    def __init__(self, on_progress: OnProgress | None) -> None:
        self.on_progress = on_progress
        self.progress: dict[str, StageAdvanced] = {}
        self.lock = Lock()

    def began(self, stage: str, todo: int, done_before: int) -> None:
        """Report that a stage begins."""
        with self.lock:
            at = self.progress.get(stage, StageAdvanced(stage, 0, 0, 0))
            self.progress[stage] = StageAdvanced(stage, at.done, at.todo + todo, at.failed)
            self.report(StageBegan(stage, todo, done_before))

    def advanced(self, stage: str, report: Report) -> None:
        """Add a batch, and report how far the stage is."""
        n_failed = sum(status == FAILED for _, status, _ in report.statuses)
        n_done = len(report.statuses) + report.n_unlisted
        with self.lock:
            at = self.progress[stage]
            self.progress[stage] = StageAdvanced(
                stage, at.done + n_done, at.todo, at.failed + n_failed
            )
            self.report(self.progress[stage])

    def ended(self, counts: StageCount) -> None:
        """Report that a stage ended."""
        with self.lock:
            self.report(StageEnded(counts.stage, counts))

    def note(self, text: str) -> None:
        """Pass a note on."""
        with self.lock:
            self.report(Note(text))

    def report(self, event: Event) -> None:
        """Call the function, if there is one."""
        if self.on_progress is not None:
            self.on_progress(event)
