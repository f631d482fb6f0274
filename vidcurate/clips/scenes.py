"""Scenes by the vectors of frames: joining shots that continue each other, dividing long ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.spans import Span, Ticks, subspan

Vectors = NDArray[np.float32]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TimedVectors:
    """A video's vectors of length one, shape (n, dimension), with the times of their frames."""

    pts: Ticks
    vectors: Vectors

    def within(self, start_pts: int, end_pts: int) -> "TimedVectors":
        """Return the vectors of a part of the video."""
        start, stop = np.searchsorted(self.pts, [start_pts, end_pts])
        return TimedVectors(self.pts[start:stop], self.vectors[start:stop])


def stitch(
    edges: Ticks,
    spans: Iterable[Span],
    vectors: TimedVectors,
    max_distance: float,
    max_change: float,
) -> list[Span]:
    """Join spans that follow each other without a gap where the second begins as the first ends.

    Left out is a span that ends farther than `max_change` from its beginning: it may hold a
    transition that was not found. A span without a vector stays alone. Distances are Euclidean,
    0 to 2. After Panda-70M's event stitching (Chen et al. 2024), which looks at the frames 5 %
    inside of each end; here it is the first and last that have a vector.
    """
    made: list[Span] = []
    last: Vectors | None = None
    for span in spans:
        own = vectors.within(int(edges[span.first]), int(edges[span.end])).vectors
        if len(own) and euclidean_distance(own[0], own[-1]) > max_change:
            continue
        continues = bool(made) and made[-1].end == span.first
        if (
            continues
            and last is not None
            and len(own)
            and euclidean_distance(last, own[0]) <= max_distance
        ):
            made[-1] = join_spans(made[-1], span)
        else:
            made.append(span)
        last = own[-1] if len(own) else None
    return made


def join_spans(first: Span, second: Span) -> Span:
    """Join two spans; there is no joint where one shot was only chopped."""
    joint = (second.first,) if second.before else ()
    joints = (*first.joints, *joint, *second.joints)
    return Span(first.first, second.end, first.before, second.after, joints)


def euclidean_distance(one: Vectors, other: Vectors) -> float:
    """Euclidean distance of two vectors."""
    return float(np.linalg.norm(one - other))


def split_scenes(
    edges: Ticks, span: Span, vectors: TimedVectors, shortest: int, deviations: float
) -> list[Span]:
    """Divide a span where its content changes, into parts of at least `shortest` ticks.

    SceneTilling (VideoLLaMB, Wang et al. 2024): the similarity of neighbouring frames is a curve;
    a valley divides when its depth exceeds the mean depth by so many standard deviations. Deepest
    first, those are used that leave no part too short. A part begins with a shot if one begins
    there, else with the first frame whose vector is unlike.
    """
    own = vectors.within(int(edges[span.first]), int(edges[span.end]))
    depths = depth_scores((own.vectors[:-1] * own.vectors[1:]).sum(axis=1, dtype=np.float64))
    bounds = [span.first, span.end]
    if len(depths):
        limit = depths.mean() + deviations * depths.std()
        for valley in np.argsort(-depths, kind="stable")[: np.count_nonzero(depths > limit)]:
            before, after = np.searchsorted(edges, own.pts[valley : valley + 2])
            place = next((j for j in span.joints if before < j <= after), int(after))
            if all(abs(edges[place] - edges[bound]) >= max(shortest, 1) for bound in bounds):
                bounds.append(place)
    return [subspan(span, first, end) for first, end in pairwise(sorted(bounds))]


def depth_scores(similarity: Values) -> Values:
    """Measure how far each value of a curve lies below the peaks on both sides, both added.

    TextTiling's measure (Hearst 1997): a peak is reached by climbing until the curve falls.
    """
    return rise_to_left(similarity) + rise_to_left(similarity[::-1])[::-1]


def rise_to_left(curve: Values) -> Values:
    """Measure how far the curve rises to the left of each value until it falls."""
    rises = np.zeros(len(curve))
    for place in range(1, len(curve)):
        step = curve[place - 1] - curve[place]
        rises[place] = step + rises[place - 1] if step >= 0 else 0.0
    return rises
