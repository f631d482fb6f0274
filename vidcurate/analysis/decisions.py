"""The log of what people decided about clips: read by anyone, added to by one review at a time."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pyarrow as pa

from vidcurate.clips.reviews import ACTIONS, Action
from vidcurate.errors import UsageError, suggest
from vidcurate.records import DECISIONS, Decision, ReviewedSpan
from vidcurate.records.reviews import REVIEWED
from vidcurate.store.commits import commit_name
from vidcurate.store.dataset import DONE, MANY_PARTS, OK, Dataset, StoredTable
from vidcurate.store.lock import writing


def read_decisions(dataset: Dataset) -> list[Decision]:
    """Every decision that was ever made, in order, those that are undone included."""
    return DECISIONS.from_arrow(stored_decisions(dataset).read(None, DECISIONS.schema))


def stored_decisions(dataset: Dataset) -> StoredTable:
    """Where the log lies."""
    return dataset.stored(DECISIONS, REVIEWED)


class DecisionLog:
    """The log of a data set, open to be added to; threads may share it."""

    def __init__(self, dataset: Dataset) -> None:
        self.stored = stored_decisions(dataset)
        self.guard = threading.Lock()
        # What a killed review left half written was never decided.
        self.stored.remove(self.stored.uncommitted())
        self.n_commits = len(self.stored.commits())

    def add(self, decisions: Sequence[Decision]) -> None:
        """Add decisions in one step: all of them are there, or none.

        Raises UsageError for an action that there is not, and where one lacks what it is about.
        """
        for decision in decisions:
            check_decision(decision)
        if not decisions:
            return
        ids = [decision.decision_id for decision in decisions]
        done = [{"id": i, "status": OK, "reason": None, "seconds": 0.0} for i in ids]
        with self.guard:
            self.stored.commit(
                commit_name(self.stored.next_number(), ids),
                DECISIONS.to_arrow(decisions),
                pa.Table.from_pylist(done, schema=DONE),
            )
            self.n_commits += 1
            if self.n_commits > MANY_PARTS:
                self.stored.compact(DECISIONS.schema)
                self.n_commits = 1

    def compact(self) -> None:
        """Put the log's many small files together, where it has many."""
        with self.guard:
            self.stored.compact(DECISIONS.schema)
            self.n_commits = len(self.stored.commits())


@contextmanager
def deciding(dataset: Dataset) -> Iterator[DecisionLog]:
    """Hold the log of a data set, to add to it; runs may go on beside.

    Raises BusyError that names the process which holds it, and UsageError where nothing can be
    written.
    """
    with writing(dataset.root / DECISIONS.name):
        yield DecisionLog(dataset)


def check_decision(decision: Decision) -> None:
    """Pass a decision that says all it must; raises UsageError."""
    action = decision.action
    if action not in ACTIONS:
        raise UsageError(f"no action '{action}'{suggest(action, ACTIONS)}")
    if not decision.reviewer.strip():
        raise UsageError("a decision needs the reviewer's name")
    if action == "caption" and decision.text is None:
        raise UsageError("the action caption needs its text")
    if action == "spans" and not (decision.spans or decision.replaces):
        raise UsageError("the action spans needs its spans")
    if action == "undo" and decision.undoes is None:
        raise UsageError("the action undo needs the step that it undoes")
    if action != "undo" and decision.undoes is not None:
        raise UsageError(f"only undo undoes a step, and not {action}")
    for span in decision.spans:
        if span.start_pts >= span.end_pts:
            raise UsageError(f"a span from {span.start_pts} to {span.end_pts} ticks is empty")


def new_step() -> str:
    """A name that no other step has."""
    return uuid4().hex


def new_decision(
    action: Action,
    clip_id: str,
    video_id: str,
    reviewer: str,
    *,
    step: str | None = None,
    reason: str | None = None,
    text: str | None = None,
    tags: Sequence[str] = (),
    replaces: Sequence[str] = (),
    spans: Sequence[ReviewedSpan] = (),
    undoes: str | None = None,
) -> Decision:
    """A decision that is made now; without a `step` it is one by itself.

    One that undoes a step names the video that the step is about.
    """
    return Decision(
        decision_id=uuid4().hex,
        step=step or new_step(),
        decided_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        reviewer=reviewer.strip(),
        action=action,
        clip_id=clip_id,
        video_id=video_id,
        reason=reason or None,
        text=text,
        tags=tuple(tags),
        replaces=tuple(replaces),
        spans=tuple(spans),
        undoes=undoes,
    )
