"""Scenes by their look: shots that continue each other, and where a long one turns to another."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.spans import Span, Ticks, part

Vectors = NDArray[np.float32]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Looks:
    """A video's vectors of length one, shape (n, dimension), by the times of their frames."""

    pts: Ticks
    vectors: Vectors

    def within(self, start_pts: int, end_pts: int) -> "Looks":
        """Those of a part of the video."""
        start, stop = np.searchsorted(self.pts, [start_pts, end_pts])
        return Looks(self.pts[start:stop], self.vectors[start:stop])


def stitch(
    edges: Ticks, spans: Iterable[Span], looks: Looks, most_distance: float, most_change: float
) -> list[Span]:
    """Spans that follow each other without a gap, joined where the second begins as the first ends.

    Left out is a span that ends farther than `most_change` from its beginning: it may hold a
    transition that was not found. A span without a vector stays alone. Distances are Euclidean,
    0 to 2. After Panda-70M's event stitching (Chen et al. 2024), which looks at the frames 5 %
    inside of each end; here it is the first and last that have a vector.
    """
    made: list[Span] = []
    last: Vectors | None = None
    for span in spans:
        own = looks.within(int(edges[span.first]), int(edges[span.end])).vectors
        if len(own) and distance(own[0], own[-1]) > most_change:
            continue
        continues = bool(made) and made[-1].end == span.first
        if continues and last is not None and len(own) and distance(last, own[0]) <= most_distance:
            made[-1] = joined(made[-1], span)
        else:
            made.append(span)
        last = own[-1] if len(own) else None
    return made


def joined(first: Span, second: Span) -> Span:
    """Two spans as one; where a shot was only chopped there is no joint."""
    joint = (second.first,) if second.before else ()
    joints = (*first.joints, *joint, *second.joints)
    return Span(first.first, second.end, first.before, second.after, joints)


def distance(one: Vectors, other: Vectors) -> float:
    """Euclidean distance of two vectors."""
    return float(np.linalg.norm(one - other))


def tile(edges: Ticks, span: Span, looks: Looks, shortest: int, deviations: float) -> list[Span]:
    """A span in parts of at least `shortest` ticks, divided where its look turns.

    SceneTilling (VideoLLaMB, Wang et al. 2024): the likeness of neighbouring frames is a curve;
    a valley divides when its depth exceeds the mean depth by so many standard deviations. Deepest
    first, those are used that leave no part too short. A part begins with a shot if one begins
    there, else with the first frame whose vector is unlike.
    """
    own = looks.within(int(edges[span.first]), int(edges[span.end]))
    depths = depth_scores((own.vectors[:-1] * own.vectors[1:]).sum(axis=1, dtype=np.float64))
    bounds = [span.first, span.end]
    if len(depths):
        limit = depths.mean() + deviations * depths.std()
        for valley in np.argsort(-depths, kind="stable")[: np.count_nonzero(depths > limit)]:
            before, after = np.searchsorted(edges, own.pts[valley : valley + 2])
            place = next((j for j in span.joints if before < j <= after), int(after))
            if all(abs(edges[place] - edges[bound]) >= max(shortest, 1) for bound in bounds):
                bounds.append(place)
    return [part(span, first, end) for first, end in pairwise(sorted(bounds))]


def depth_scores(likeness: Values) -> Values:
    """How far each value of a curve lies below the peaks at both sides, the two sums together.

    TextTiling's measure (Hearst 1997): a peak is reached by climbing until the curve falls.
    """
    return climb(likeness) + climb(likeness[::-1])[::-1]


def climb(curve: Values) -> Values:
    """How far the curve rises to the left of each value until it falls."""
    rises = np.zeros(len(curve))
    for place in range(1, len(curve)):
        step = curve[place - 1] - curve[place]
        rises[place] = step + rises[place - 1] if step >= 0 else 0.0
    return rises
