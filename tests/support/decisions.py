"""Decisions of people as tests make them."""

from itertools import count

from vidcurate.records import Decision, ReviewedSpan

DECIDED = "2026-01-01T00:00:00+00:00"
NUMBERS = count()


def decided(
    action: str,
    clip_id: str = "v-0-10",
    *,
    reviewer: str = "ada",
    reason: str | None = None,
    text: str | None = None,
    tags: tuple[str, ...] = (),
    replaces: tuple[str, ...] = (),
    spans: tuple[ReviewedSpan, ...] = (),
    undoes: str | None = None,
) -> Decision:
    """A decision that is a step by itself; the clip's id says its video."""
    number = next(NUMBERS)
    return Decision(
        decision_id=f"decision {number}",
        step=f"single step {number}",
        decided_at=DECIDED,
        reviewer=reviewer,
        action=action,
        clip_id=clip_id,
        video_id=clip_id.split("-", maxsplit=1)[0],
        reason=reason,
        text=text,
        tags=tags,
        replaces=replaces,
        spans=spans,
        undoes=undoes,
    )


def spanned(clip_id: str, *spans: tuple[int, int], also: tuple[str, ...] = ()) -> Decision:
    """A decision that puts spans in the place of a clip, and of some more."""
    made = tuple(ReviewedSpan(*span) for span in spans)
    return decided("spans", clip_id, replaces=(clip_id, *also), spans=made)


def undone(step: str, clip_id: str = "v-0-10") -> Decision:
    """A decision that undoes a step."""
    return decided("undo", clip_id, undoes=step)
