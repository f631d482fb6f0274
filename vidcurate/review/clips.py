"""The clips as they are now: what the tables say, with people's decisions folded in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.compute as pc

from vidcurate.analysis.fates import FATES
from vidcurate.clips.reviews import (
    ClipReview,
    Revision,
    clips_decided,
    reviews_of,
    revised,
    revisions_of,
    span_id,
    standing,
)
from vidcurate.records import Decision
from vidcurate.review.facts import Facts
from vidcurate.review.spans import CODES, Codes, Flags, Spans, changed_spans
from vidcurate.rules import Rule

VERDICTS: Mapping[str | None, int] = {None: 0, "accept": 1, "reject": 2}
ACCEPTED, REJECTED = VERDICTS["accept"], VERDICTS["reject"]
# What a person's acceptance changes.
STOPPED = [CODES[fate] for fate in ("unmeasured", "rejected", "waiting")]
SAYING = frozenset({"accept", "reject", "caption", "tags"})


@dataclass(frozen=True)
class ClipsNow:
    """All clips with their fates and reviews, by rules and decisions of one moment."""

    base: Spans
    spans: Spans
    rules: tuple[Rule, ...]
    decisions: tuple[Decision, ...]
    reviews: Mapping[str, ClipReview]
    revisions: Mapping[str, Revision]

    @property
    def facts(self) -> Facts:
        """What the tables say."""
        return self.spans.facts

    @cached_property
    def verdicts(self) -> Codes:
        """Of each clip what people decided, as in VERDICTS."""
        found = np.zeros(len(self.spans.ids), np.int8)
        for clip_id, review in self.reviews.items():
            if clip_id in self.spans.place:
                found[self.spans.place[clip_id]] = VERDICTS[review.verdict]
        return found

    @cached_property
    def fates(self) -> Codes:
        """What became, or will by the next filter, of each clip, as its place in FATES."""
        found = self.spans.fates_by(self.rules).codes.copy()
        found[(self.verdicts == ACCEPTED) & np.isin(found, STOPPED)] = CODES["kept"]
        found[self.verdicts == REJECTED] = CODES["rejected"]
        return found

    def fate(self, place: int) -> str:
        """The fate of the clip at a place."""
        return FATES[self.fates[place]]

    def reason(self, place: int) -> str | None:
        """Why the clip at a place is not kept; None where it is."""
        verdict = self.verdicts[place]
        if verdict == ACCEPTED:
            return None
        if verdict == REJECTED:
            return self.review(self.spans.ids[place]).why_rejected
        reason: str | None = self.spans.fates_by(self.rules).reasons[place].as_py()
        return reason

    @cached_property
    def passes(self) -> Flags:
        """Which clips the rules and people let pass."""
        return self.passing(self.rules)

    def passing(self, rules: Sequence[Rule]) -> Flags:
        """Which clips would pass other rules; people's verdicts stand before any rule."""
        outcomes = self.spans.judged_by(rules)
        good = pc.and_(pc.is_null(outcomes.first_failed), pc.is_null(outcomes.undecided))
        passed = np.asarray(good.to_numpy(zero_copy_only=False), bool)
        found: Flags = (passed | (self.verdicts == ACCEPTED)) & (self.verdicts != REJECTED)
        return found

    @cached_property
    def counts(self) -> dict[str, Any]:
        """How many clips there are, by fate and review, and how long they are."""
        clips = np.bincount(self.fates, minlength=len(FATES))
        seconds = np.bincount(self.fates, weights=self.spans.seconds, minlength=len(FATES))
        there = [code for code in range(len(FATES)) if clips[code]]
        return {
            "clips": len(self.spans.ids),
            "fates": {FATES[code]: int(clips[code]) for code in there},
            "reviewed": sum(clip_id in self.spans.place for clip_id in self.reviews),
            "accepted": int((self.verdicts == ACCEPTED).sum()),
            "rejected": int((self.verdicts == REJECTED).sum()),
            "seconds": {
                "all": round(float(self.spans.seconds.sum()), 3),
                **{FATES[code]: round(float(seconds[code]), 3) for code in there},
            },
        }

    def review(self, clip_id: str) -> ClipReview:
        """What people decided about a clip."""
        return self.reviews.get(clip_id, ClipReview())

    def caption(self, clip_id: str) -> str | None:
        """A clip's text: a person's, else the best that a stage wrote."""
        written = self.review(clip_id).caption
        return written if written is not None else self.caption_before(clip_id)

    def caption_before(self, clip_id: str) -> str | None:
        """The best text that a stage wrote about a clip."""
        text: str | None = self.spans.captions[self.spans.place[clip_id]].as_py()
        return text


def clips_now(facts: Facts, rules: Sequence[Rule], decisions: Sequence[Decision]) -> ClipsNow:
    """Fold decisions into what tables say."""
    return folded(Spans(facts, facts.clips), rules, decisions)


def folded(base: Spans, rules: Sequence[Rule], decisions: Sequence[Decision]) -> ClipsNow:
    """Fold decisions into the clips of the tables."""
    revisions = revisions_of(decisions)
    spans = revised_spans(base, revisions, decisions)
    reviews = reviews_of(decisions)
    return ClipsNow(base, spans, tuple(rules), tuple(decisions), reviews, revisions)


def with_decisions(now: ClipsNow, more: Sequence[Decision]) -> ClipsNow:
    """The clips after some more decisions; what these do not touch is not looked at again."""
    decisions = (*now.decisions, *more)
    if not all(decision.action in SAYING for decision in more):
        return folded(now.base, now.rules, decisions)
    reviews = dict(now.reviews)
    for decision in more:
        for clip_id in clips_decided(decision):
            review = revised(reviews.get(clip_id, ClipReview()), decision)
            reviews[clip_id] = replace(
                review, reviewer=decision.reviewer, decided_at=decision.decided_at
            )
    return ClipsNow(now.base, now.spans, now.rules, decisions, reviews, now.revisions)


def revised_spans(
    base: Spans, revisions: Mapping[str, Revision], decisions: Sequence[Decision]
) -> Spans:
    """The clips that there will be when `split` has taken in what people changed."""
    if not revisions:
        return base
    gone = {clip_id for revision in revisions.values() for clip_id in revision.replaced}
    wanted = {
        span_id(video_id, span): (video_id, span.start_pts, span.end_pts)
        for video_id, revision in revisions.items()
        for span in revision.spans
    }
    by_people = {
        span_id(decision.video_id, span) for decision in decisions for span in decision.spans
    }
    for decision in undone_spans(decisions):
        # `split` took these in before they were undone: what they replaced is in no table.
        lost = [i for i in decision.replaces if i not in gone | by_people and i not in base.place]
        if lost:
            gone |= {span_id(decision.video_id, span) for span in decision.spans} - set(wanted)
            wanted |= {clip_id: (decision.video_id, *span_in(clip_id)) for clip_id in lost}
    facts = base.facts
    made = (
        facts.clip_of(*span)
        for clip_id, span in wanted.items()
        if clip_id not in base.place and span[0] in facts.video_order
    )
    return changed_spans(base, gone, [clip for clip in made if clip is not None])


def undone_spans(decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions about spans that do not stand."""
    stand = {decision.decision_id for decision in standing(decisions)}
    return [d for d in decisions if d.action == "spans" and d.decision_id not in stand]


def span_in(clip_id: str) -> tuple[int, int]:
    """The span that a clip's id names, in ticks."""
    _, start, end = clip_id.rsplit("-", 2)
    return int(start), int(end)
