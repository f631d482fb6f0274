"""Spans of a video's frames by number: shots, transitions, and pieces of clips."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

from vidcurate.records import Clip, Cut, VideoCuts

Ticks = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Span:
    """The frames `first` <= number < `end`, and the cuts at its ends, if any.

    `joints` are the first frames of the shots in it but the first one.
    """

    first: int
    end: int
    before: Cut | None = None
    after: Cut | None = None
    joints: tuple[int, ...] = ()


def cuts_between(video: VideoCuts, first_pts: int, last_pts: int) -> tuple[Cut, ...]:
    """Find the transitions that lie at least in part between two frames, in order."""
    begin = bisect_right(video.cuts, first_pts, key=lambda cut: cut.end_pts)
    end = bisect_left(video.cuts, last_pts, key=lambda cut: cut.start_pts)
    return video.cuts[begin:end]


def shot_spans(video: VideoCuts, pts: Ticks) -> Iterator[Span]:
    """The frames between transitions, in order."""
    first, before = 0, None
    for cut in video.cuts:
        end = int(np.searchsorted(pts, cut.start_pts, "right"))
        if end > first:
            yield Span(first, end, before, cut)
        first, before = int(np.searchsorted(pts, cut.end_pts, "left")), cut
    if first < len(pts):
        yield Span(first, len(pts), before)


def transition_spans(video: VideoCuts, pts: Ticks) -> Iterator[Span]:
    """The frames inside gradual transitions, which belong to no shot, in order."""
    for cut in video.cuts:
        first = int(np.searchsorted(pts, cut.start_pts, "right"))
        end = int(np.searchsorted(pts, cut.end_pts, "left"))
        if end > first:
            yield Span(first, end, cut, cut)


def trim(edges: Ticks, span: Span, ticks_before: int, ticks_after: int) -> Span | None:
    """Cut ticks off both ends of a span; None if no frame is left.

    `edges` are the times of all frames and the video's end.
    """
    first = int(np.searchsorted(edges, edges[span.first] + ticks_before, "left"))
    end = int(np.searchsorted(edges, edges[span.end] - ticks_after, "right")) - 1
    return replace(span, first=first, end=end) if first < end else None


def divide_span(edges: Ticks, span: Span, longest: int) -> Iterator[Span]:
    """Divide a span into pieces of at most `longest` ticks and at least one frame.

    A piece ends with a shot where the span has several and the piece would end in a later one.
    """
    first = span.first
    while first < span.end:
        end = piece_end(edges, span, first, longest)
        yield subspan(span, first, end)
        first = end


def windows(edges: Ticks, span: Span, longest: int, stride: Fraction) -> Iterator[Span]:
    """Divide a span into pieces of at most `longest` ticks that begin every `stride` ticks.

    Beginnings are counted from the span's first frame, so that rounding to frames does not add up.
    """
    first, number = span.first, 0
    while first < span.end:
        end = piece_end(edges, span, first, longest)
        yield subspan(span, first, end)
        if end == span.end:
            return
        last = first
        while first == last:
            number += 1
            first = int(np.searchsorted(edges, edges[span.first] + ceil(number * stride), "left"))


def piece_end(edges: Ticks, span: Span, first: int, longest: int) -> int:
    """Find the end of a piece that begins at `first`."""
    end = int(np.searchsorted(edges, edges[first] + longest, "right")) - 1
    end = max(end, first + 1)
    if end >= span.end:
        return span.end
    return max((joint for joint in span.joints if first < joint <= end), default=end)


def subspan(span: Span, first: int, end: int) -> Span:
    """Return some of a span's frames; a cut stays with the end it lies at."""
    return Span(
        first,
        end,
        span.before if first == span.first else None,
        span.after if end == span.end else None,
        tuple(joint for joint in span.joints if first < joint < end),
    )


def clip_id_of(video_id: str, start_pts: int, end_pts: int) -> str:
    """Return the id of a clip, which consists of its video and span."""
    return f"{video_id}-{start_pts}-{end_pts}"


def clip_of(
    video_id: str, time_base: Fraction, start_pts: int, end_pts: int, n_frames: int
) -> Clip:
    """Make the clip of a video between two ticks."""
    return Clip(
        clip_id=clip_id_of(video_id, start_pts, end_pts),
        video_id=video_id,
        start_pts=start_pts,
        end_pts=end_pts,
        time_base=time_base,
        start_s=float(start_pts * time_base),
        end_s=float(end_pts * time_base),
        duration_s=float((end_pts - start_pts) * time_base),
        n_frames=n_frames,
    )
