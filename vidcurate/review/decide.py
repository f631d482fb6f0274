"""From what a person asks for to decisions: checked, exact to the frame, and made in one step."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidcurate.analysis.decisions import new_decision, new_step
from vidcurate.clips.reviews import dependants, standing
from vidcurate.clips.spans import clip_id_of
from vidcurate.errors import UsageError, quantity, suggest
from vidcurate.records import Clip, Decision, ReviewedSpan
from vidcurate.review.answers import ConflictError
from vidcurate.review.clips import ClipsNow
from vidcurate.review.detail import clip_named
from vidcurate.review.pictures import frame_edges

LONGEST_S = 1e12
MAX_NAME, MAX_REASON, MAX_CAPTION, MAX_TAG, MAX_TAGS = 100, 500, 20_000, 100, 100
WORDS = ("accept", "reject", "caption", "tags")


@dataclass(frozen=True)
class Asked:
    """What a person asks for: the fields of the request, each read by its kind."""

    values: Mapping[str, Any]

    def text(self, name: str, longest: int, *, needed: bool = False) -> str | None:
        """A text; raises UsageError for another kind, a long one, and one that is needed."""
        value = self.values.get(name)
        if value is None and not needed:
            return None
        if not isinstance(value, str) or (needed and not value.strip()):
            raise UsageError(f"{name} must be a text, and not {value!r}")
        if len(value) > longest:
            raise UsageError(f"{name} has {len(value)} characters: at most {longest}")
        return storable(name, value)

    def whole(self, name: str) -> int:
        """A whole number, 0 where there is none; raises UsageError for another kind."""
        value = self.values.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{name} must be a whole number, and not {value!r}")
        return value

    def number(self, name: str) -> float:
        """A number; raises UsageError for another kind."""
        value = self.values.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            # An integer may be too large for a float, and NaN is less than nothing.
            if abs(value) < LONGEST_S:
                return float(value)
            value = f"{str(value)[:40]}"
        raise UsageError(f"{name} must be a number of seconds, and not {value!r}")

    def tags(self) -> tuple[str, ...]:
        """Tags, each once, in their order; raises UsageError for another kind."""
        value = self.values.get("tags")
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            raise UsageError(f"tags must be a list of texts, and not {value!r}")
        tags = tuple(dict.fromkeys(storable("a tag", tag.strip()) for tag in value if tag.strip()))
        if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in tags):
            raise UsageError(f"at most {MAX_TAGS} tags of at most {MAX_TAG} characters each")
        return tags

    @property
    def reviewer(self) -> str:
        """The person's name; raises UsageError for one whose marks could pass it off as another."""
        name = str(self.text("reviewer", MAX_NAME, needed=True)).strip()
        if not name.isprintable():
            raise UsageError(f"the reviewer's name {name!r} holds marks that cannot be seen")
        return name


def storable(name: str, value: str) -> str:
    """A text that UTF-8 can hold; raises UsageError for halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} holds half of a character: type it again") from error
    return value.replace("\x00", "")


def decisions_of(now: ClipsNow, asked: Asked) -> list[Decision]:
    """The decisions that a request asks for, of one step.

    Raises UsageError where the request makes no sense, NotFoundError for a clip that is not there,
    and ConflictError where a span cannot be so.
    """
    action = str(asked.text("action", MAX_NAME, needed=True))
    if action not in (*WORDS, *CHANGES):
        raise UsageError(f"no action '{action}'{suggest(action, (*WORDS, *CHANGES))}")
    clip = clip_named(now, str(asked.text("clip_id", MAX_REASON, needed=True)))
    if action in CHANGES:
        return CHANGES[action](now, asked, clip)
    return [said(action, asked, clip)]


def said(action: str, asked: Asked, clip: Clip) -> Decision:
    """What a person says of a clip, which stays the clip that it is."""
    about = (clip.clip_id, clip.video_id, asked.reviewer)
    if action == "accept":
        return new_decision("accept", *about)
    if action == "reject":
        return new_decision("reject", *about, reason=asked.text("reason", MAX_REASON))
    if action == "caption":
        text = asked.text("text", MAX_CAPTION)
        if text is None:
            raise UsageError('caption needs text; an empty one, "", takes the earlier one back')
        return new_decision("caption", *about, text=text.strip())
    return new_decision("tags", *about, tags=asked.tags())


def nudged(now: ClipsNow, asked: Asked, clip: Clip) -> list[Decision]:
    """Move a clip's edges by frames; what was said of it is said of the new clip, too."""
    edges = frame_edges(now.facts, clip.video_id)
    places = np.searchsorted(edges, [clip.start_pts, clip.end_pts])
    first = int(places[0]) + asked.whole("start_frames")
    end = int(places[1]) + asked.whole("end_frames")
    if not 0 <= first < end <= len(edges) - 1:
        frames = quantity(len(edges) - 1, "frame")
        raise ConflictError(
            f"the clip would have its frames {first} to {end}: the video has {frames}, and a clip "
            "at least one"
        )
    span = ReviewedSpan(int(edges[first]), int(edges[end]))
    change = changed(now, asked.reviewer, clip, [clip.clip_id], [span])
    return [change, *copies(now, change, clip)]


def split_up(now: ClipsNow, asked: Asked, clip: Clip) -> list[Decision]:
    """Make two clips of one, the second beginning with the frame shown at a time."""
    at_s = asked.number("at_s")
    edges = frame_edges(now.facts, clip.video_id)
    # A frame is shown until the next one; half a tick keeps a frame's own rounded time with it.
    at = int(np.searchsorted(edges, at_s / float(clip.time_base) + 0.5, "right")) - 1
    if at < 0 or not clip.start_pts < edges[at] < clip.end_pts:
        raise ConflictError(
            f"{at_s:g} s is not inside the clip after its first frame "
            f"({clip.start_s:.3f} to {clip.end_s:.3f} s)"
        )
    middle = int(edges[at])
    spans = [ReviewedSpan(clip.start_pts, middle), ReviewedSpan(middle, clip.end_pts)]
    return [changed(now, asked.reviewer, clip, [clip.clip_id], spans)]


def merged(now: ClipsNow, asked: Asked, clip: Clip) -> list[Decision]:
    """Make one clip of two that are neighbours in a video, with what lies between them."""
    other = clip_named(now, str(asked.text("with_clip_id", MAX_REASON, needed=True)))
    apart = abs(now.spans.place[clip.clip_id] - now.spans.place[other.clip_id])
    if other.video_id != clip.video_id or apart != 1:
        raise ConflictError(
            f"{other.clip_id} is no neighbour of {clip.clip_id}: only those are merged"
        )
    span = ReviewedSpan(min(clip.start_pts, other.start_pts), max(clip.end_pts, other.end_pts))
    return [changed(now, asked.reviewer, clip, [clip.clip_id, other.clip_id], [span])]


def changed(
    now: ClipsNow,
    reviewer: str,
    clip: Clip,
    replaces: Sequence[str],
    spans: Sequence[ReviewedSpan],
) -> Decision:
    """The decision that spans stand in place of clips; raises ConflictError if they are there."""
    for span in spans:
        made = clip_id_of(clip.video_id, span.start_pts, span.end_pts)
        if made in now.spans.place:
            raise ConflictError(f"the clip {made} is there already")
    return new_decision(
        "spans",
        clip.clip_id,
        clip.video_id,
        reviewer,
        step=new_step(),
        replaces=replaces,
        spans=spans,
    )


def copies(now: ClipsNow, change: Decision, clip: Clip) -> Iterable[Decision]:
    """What stands about a clip, said of the one that stands in its place."""
    review = now.review(clip.clip_id)
    made = clip_id_of(clip.video_id, change.spans[0].start_pts, change.spans[0].end_pts)
    about = (made, clip.video_id, change.reviewer)
    if review.caption is not None:
        yield new_decision("caption", *about, step=change.step, text=review.caption)
    if review.tags:
        yield new_decision("tags", *about, step=change.step, tags=review.tags)
    if review.verdict is not None:
        yield new_decision(review.verdict, *about, step=change.step, reason=review.reason)


def undoing(now: ClipsNow, reviewer: str) -> Decision:
    """The decision that undoes a person's last step.

    Raises ConflictError where there is none, or another decision rests on it.
    """
    own = [d for d in standing(now.decisions) if d.reviewer == reviewer]
    if not own:
        raise ConflictError(f"{reviewer} has decided nothing that stands: nothing to undo")
    last = next(d for d in own if d.step == own[-1].step)
    resting = next(dependants(now.decisions, last.step), None)
    if resting is not None:
        raise ConflictError(
            f"{resting.reviewer} has decided about {resting.clip_id} since: undo that first"
        )
    return new_decision("undo", last.clip_id, last.video_id, reviewer, undoes=last.step)


CHANGES: Mapping[str, Callable[[ClipsNow, Asked, Clip], list[Decision]]] = {
    "nudge": nudged,
    "split": split_up,
    "merge": merged,
}
