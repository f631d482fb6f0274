"""One review of a data set: its clips as they are now, and the log that decisions go to."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidcurate.analysis.decisions import DecisionLog, read_decisions
from vidcurate.errors import VidcurateError
from vidcurate.records import Decision
from vidcurate.review.clips import ClipsNow, clips_now
from vidcurate.review.decide import Asked, decisions_of, undoing
from vidcurate.review.facts import Facts, read_facts, state_of
from vidcurate.review.listing import rows_of
from vidcurate.review.media import Media
from vidcurate.review.pictures import Pictures
from vidcurate.review.thresholds import rules_in, rules_of_file, save_rules
from vidcurate.store.dataset import Dataset

# How long what was read is taken for what is there.
LOOK_AGAIN_S = 2.0


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
    looked_at: float = field(default_factory=time.monotonic)
    guard: threading.RLock = field(default_factory=threading.RLock)

    @property
    def media(self) -> Media:
        """What browsers play."""
        return self.pictures.media

    def fresh(self) -> ClipsNow:
        """The clips as they are now, read again where a run has changed the data set since.

        Where it cannot be read, as in the middle of a run, what was read before stays.
        """
        with self.guard:
            if time.monotonic() - self.looked_at < LOOK_AGAIN_S:
                return self.now
            try:
                state = state_of(self.dataset)
                if state != self.state:
                    self.take(read_facts(self.dataset))
                    self.state = state
            except VidcurateError as error:
                self.note(f"the data set cannot be read again yet: {error}")
            self.looked_at = time.monotonic()
            return self.now

    def take(self, facts: Facts, decisions: Sequence[Decision] | None = None) -> None:
        """Fold what was decided into facts anew."""
        known = self.now.decisions if decisions is None else decisions
        rules = rules_of(facts, self.config)
        self.now = clips_now(facts, rules_in(rules), known, self.now)

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
        now = clips_now(before.facts, before.rules, (*before.decisions, *decisions), before)
        self.now = now
        removed = [i for i in before.spans.ids if i not in now.spans.place]
        added = [i for i in now.spans.ids if i not in before.spans.place]
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
            self.take(self.now.facts)
            return answer


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
    return Review(dataset, log, config, Pictures(Media(previews)), note, now, state)
