"""What people's decisions come to: which stand, what they say of each clip, which spans are clips.

Decisions are given in the order in which they were made. A step, all decisions made at once, can
be undone by a later one; what is undone is as if it had never been decided.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from vidcurate.clips.spans import clip_id_of
from vidcurate.records import Decision, ReviewedSpan

Action = Literal["accept", "reject", "caption", "tags", "spans", "undo"]
Verdict = Literal["accept", "reject"]
ACTIONS: tuple[str, ...] = get_args(Action)
REVIEW = "review"


@dataclass(frozen=True, slots=True)
class ClipReview:
    """What people decided about one clip: the latest decision of each kind.

    `reviewer` and `decided_at` are those of the latest of all. `caption` is None where nobody wrote
    one or the one that was written was taken back.
    """

    verdict: Verdict | None = None
    reason: str | None = None
    caption: str | None = None
    tags: tuple[str, ...] = ()
    reviewer: str = ""
    decided_at: str = ""

    @property
    def why_rejected(self) -> str | None:
        """The reason that `filter` records for a rejected clip; None for any other."""
        if self.verdict != "reject":
            return None
        return f"{REVIEW}: {self.reason}" if self.reason else REVIEW


UNREVIEWED = ClipReview()


@dataclass(frozen=True, slots=True)
class Revision:
    """What people changed in how a video is split: clips that go, and spans that are clips.

    No replaced clip is one of the spans, which are in the order of time.
    """

    replaced: frozenset[str] = frozenset()
    spans: tuple[ReviewedSpan, ...] = ()


def standing(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the decisions that are not undone, in their order.

    Undoings are left out: they have had their effect. An undoing may be undone, too.
    """
    undone: set[str] = set()
    found: list[Decision] = []
    for decision in reversed(decisions):
        if decision.step in undone:
            continue
        if decision.undoes is not None:
            undone.add(decision.undoes)
        else:
            found.append(decision)
    return found[::-1]


def reviews_of(decisions: Sequence[Decision]) -> dict[str, ClipReview]:
    """Return what stands about each clip, by its id, whether or not the clip is still there.

    A clip that a person made by a span is one that a person decided about.
    """
    reviews: dict[str, ClipReview] = {}
    for decision in standing(decisions):
        for clip_id in clips_decided(decision):
            reviews[clip_id] = revised(reviews.get(clip_id, UNREVIEWED), decision)
    return reviews


def clips_decided(decision: Decision) -> list[str]:
    """Return the clips that a decision says something about: of spans those that it makes."""
    if decision.action == "spans":
        return [span_id(decision.video_id, span) for span in decision.spans]
    return [decision.clip_id]


def revised(review: ClipReview, decision: Decision) -> ClipReview:
    """Return a clip's review with one more decision."""
    said: dict[str, Any] = {}
    match decision.action:
        case "accept":
            said = {"verdict": "accept", "reason": None}
        case "reject":
            said = {"verdict": "reject", "reason": decision.reason or None}
        case "caption":
            said = {"caption": decision.text or None}
        case "tags":
            said = {"tags": decision.tags}
    return replace(review, **said, reviewer=decision.reviewer, decided_at=decision.decided_at)


def revision_of(decisions: Iterable[Decision]) -> Revision:
    """Return what the standing decisions about one video change in its clips.

    A span that a later decision replaces goes, and one that it makes again comes back.
    """
    replaced: set[str] = set()
    spans: dict[str, ReviewedSpan] = {}
    for decision in standing(list(decisions)):
        for clip_id in decision.replaces:
            replaced.add(clip_id)
            spans.pop(clip_id, None)
        for span in decision.spans:
            clip_id = span_id(decision.video_id, span)
            replaced.discard(clip_id)
            spans[clip_id] = span
    in_order = sorted(spans.values(), key=lambda span: (span.start_pts, span.end_pts))
    return Revision(frozenset(replaced), tuple(in_order))


def revisions_of(decisions: Iterable[Decision]) -> dict[str, Revision]:
    """Return the revision of each video whose clips anybody ever changed, also where it is undone.

    An undoing is about the video of the decisions that it undoes.
    """
    return {
        video_id: revision_of(of_video)
        for video_id, of_video in by_video(decisions).items()
        if any(decision.action == "spans" for decision in of_video)
    }


def by_video(decisions: Iterable[Decision]) -> Mapping[str, list[Decision]]:
    """Return the decisions about each video, in their order."""
    found: dict[str, list[Decision]] = {}
    for decision in decisions:
        found.setdefault(decision.video_id, []).append(decision)
    return found


def span_id(video_id: str, span: ReviewedSpan) -> str:
    """Return the id of the clip that a span is."""
    return clip_id_of(video_id, span.start_pts, span.end_pts)


def is_about(decision: Decision, clip_id: str) -> bool:
    """Check whether a decision is about a clip, puts others in its place, or makes it."""
    made = (span_id(decision.video_id, span) for span in decision.spans)
    return clip_id in {decision.clip_id, *decision.replaces, *made}


def dependants(decisions: Sequence[Decision], step: str) -> Iterator[Decision]:
    """Yield the standing decisions that rest on the spans of a standing step.

    They are about its clips and came later, so that the step cannot be undone before them.
    """
    made: set[str] = set()
    is_later = False
    for decision in standing(decisions):
        if decision.step == step:
            is_later = True
            made |= {span_id(decision.video_id, span) for span in decision.spans}
        elif is_later and made & {decision.clip_id, *decision.replaces}:
            yield decision
