"""What people changed in how a video is split, applied to the spans that its shots gave."""

from collections.abc import Sequence

import numpy as np

from vidcurate.clips.reviews import Revision, span_id
from vidcurate.clips.spans import Span, Ticks, clip_id_of
from vidcurate.errors import MediaError
from vidcurate.records import ReviewedSpan


def revise(spans: Sequence[Span], edges: Ticks, video_id: str, revision: Revision) -> list[Span]:
    """Return the spans that become clips: people's, and of the others those that they leave.

    Other spans go where a person replaced that very clip, and where people's spans cover half of
    them or more. `edges` are the times of all frames and the video's end.

    Raises MediaError for a person's span that does not begin and end with a frame.
    """
    made = [frames_of(span, edges, video_id) for span in revision.spans]
    if not (made or revision.replaced):
        return list(spans)
    covered = np.zeros(len(edges) - 1, bool)
    for span in made:
        covered[span.first : span.end] = True
    ticks = np.diff(edges)
    left = [
        span
        for span in spans
        if clip_id_of(video_id, *ends(span, edges)) not in revision.replaced
        and 2 * ticks[span.first : span.end][covered[span.first : span.end]].sum()
        < ticks[span.first : span.end].sum()
    ]
    return sorted([*left, *made], key=lambda span: (span.first, span.end))


def frames_of(span: ReviewedSpan, edges: Ticks, video_id: str) -> Span:
    """Return a person's span as frames; raises MediaError where it does not end on their edges."""
    first, end = (int(np.searchsorted(edges, t)) for t in (span.start_pts, span.end_pts))
    if end >= len(edges) or ends(Span(first, end), edges) != (span.start_pts, span.end_pts):
        raise MediaError(
            f"the clip {span_id(video_id, span)}, made in a review, does not begin and end with a "
            "frame of the video: undo it in vidcurate review"
        )
    return Span(first, end)


def ends(span: Span, edges: Ticks) -> tuple[int, int]:
    """Return when a span begins, and when it ends."""
    return int(edges[span.first]), int(edges[span.end])
