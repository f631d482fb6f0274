"""One review of a data set: its clips as they are now, and the log that decisions go to."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vidcurate.analysis.decisions import DecisionLog, read_decisions
from vidcurate.errors import VidcurateError
from vidcurate.records import Decision
from vidcurate.review.clips import ClipsNow, clips_now, with_decisions
from vidcurate.review.decide import Asked, decisions_of, undoing
from vidcurate.review.facts import Facts, read_facts, state_of
from vidcurate.review.listing import rows_of
from vidcurate.review.media import Media
from vidcurate.review.pictures import Pictures
from vidcurate.review.spans import Spans
from vidcurate.review.thresholds import rules_in, rules_of_file, save_rules
from vidcurate.store.dataset import Dataset

# What was read is looked at again after so long, and so many times what reading it took.
LOOK_AGAIN_S, REST = 2.0, 5.0


@dataclass
class Review:
    """A review that several browsers may use at once.

    `now` is replaced as a whole under `guard`, so that whoever has it sees one moment.
    """

    dataset: Dataset
    log: DecisionLog
    config: Path | None
    pictures: Pictures
    note: Callable[[str], None]
    now: ClipsNow
    state: Any
    look_again_at: float = 0.0
    guard: threading.RLock = field(default_factory=threading.RLock)
    reading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def media(self) -> Media:
        """What browsers play."""
        return self.pictures.media

    def fresh(self) -> ClipsNow:
        """The clips as they are now, read again where a run has changed the data set since.

        Who decides meanwhile does not wait. Where it cannot be read, as amid a run, what
        was read before stays.
        """
        if time.monotonic() < self.look_again_at or not self.reading.acquire(blocking=False):
            return self.now
        began = time.monotonic()
        try:
            self.look_again()
        except VidcurateError as error:
            self.note(f"the data set cannot be read again yet: {error}")
        finally:
            # A run changes it all the time: most of the time is left for those who review.
            ended = time.monotonic()
            self.look_again_at = ended + max(LOOK_AGAIN_S, REST * (ended - began))
            self.reading.release()
        return self.now

    def look_again(self) -> None:
        """Read the data set again if it has changed."""
        state = state_of(self.dataset)
        if state == self.state:
            return
        facts = read_facts(self.dataset)
        rules = rules_in(rules_of(facts, self.config))
        with self.guard:
            self.now = clips_now(facts, rules, self.now.decisions)
            self.state = state

    def decide(self, asked: Asked) -> dict[str, Any]:
        """Take a person's decision; says what it changed."""
        with self.guard:
            before = self.now
            return self.add(decisions_of(before, asked), str(asked.values.get("clip_id")))

    def undo(self, reviewer: str) -> dict[str, Any]:
        """Undo a person's last step; raises ConflictError where that cannot be."""
        with self.guard:
            undone = undoing(self.now, reviewer)
            answer = self.add([undone], undone.clip_id)
            return {**answer, "clip_id": undone.clip_id}

    def add(self, decisions: Sequence[Decision], about: str) -> dict[str, Any]:
        """Write decisions to the log, and fold them in."""
        before = self.now
        self.log.add(decisions)
        now = self.now = with_decisions(before, decisions)
        removed, added = changes(before.spans, now.spans)
        shown = [about] if about in now.spans.place else added[:1]
        return {
            "step": decisions[0].step,
            "counts": now.counts,
            "clip": next(iter(rows_of(now, shown)), None),
            "removed": removed,
            "added": rows_of(now, added),
        }

    def save_rules(self, texts: Sequence[str]) -> dict[str, str]:
        """Write rules into the config file, by which fates are told from then on."""
        with self.guard:
            answer = save_rules(self.config, texts, str(self.dataset.root))
            rules = rules_in(rules_of(self.now.facts, self.config))
            self.now = replace(self.now, rules=tuple(rules))
            return answer


def changes(before: Spans, now: Spans) -> tuple[list[str], list[str]]:
    """The clips that went, and those that came; none where only something was said of them."""
    if now is before:
        return [], []
    removed = [clip_id for clip_id in before.ids if clip_id not in now.place]
    return removed, [clip_id for clip_id in now.ids if clip_id not in before.place]


def rules_of(facts: Facts, config: Path | None) -> tuple[str, ...]:
    """The rules of the config file where one is given, else those of the filter as it last ran."""
    return facts.recorded_rules if config is None else rules_of_file(config)


def open_review(
    dataset: Dataset,
    log: DecisionLog,
    config: Path | None,
    previews: Path,
    note: Callable[[str], None],
) -> Review:
    """Read a data set and what was decided about it.

    Raises UsageError where it has no clips, and ConfigError where the config file is wrong.
    """
    state = state_of(dataset)
    facts = read_facts(dataset)
    rules = rules_in(rules_of(facts, config))
    now = clips_now(facts, rules, read_decisions(dataset))
    for score in facts.scores:  # so that the first page does not wait for it
        now.base.numbers(score)
    return Review(dataset, log, config, Pictures(Media(previews)), note, now, state)
