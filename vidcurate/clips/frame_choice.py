"""Methods that choose which frames of a clip become keyframes, by what scan and embed recorded.

Frames are meant by number; 0 is the clip's first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from vidcurate.clips.frame_facts import ClipFrames, Numbers, Part, Values, central, equal_parts
from vidcurate.clips.vectors import Vectors, unit_rows

# Two frames are copies when the changes of luma between them add up to no more 8-bit levels.
COPY_CHANGE = 1.0
# So much of the way through a clip is time, that parts without change are not left out.
TIME_SHARE = 0.5
# A frame coded without another is preferred so near to where it is wanted, in parts.
MAX_INTRA_OFFSET = 0.25
MAX_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """Number of keyframes, least step in ticks, cosine of copies, and a text's vector.

    `least_last` is how many ticks a last frame, which is taken anyway, is after the one before.
    """

    count: int
    step: float = 0.0
    max_similarity: float = 1.0
    query: Vectors | None = None
    least_last: float = 0.0


Method = Callable[[ClipFrames, FrameRequest], Sequence[int]]


def choose_frames(method: str, clip: ClipFrames, request: FrameRequest) -> list[int]:
    """Choose the frames of a clip by one of METHODS: at least one, each once, in rising order."""
    return sorted({int(number) for number in METHODS[method](clip, request)})


def uniform(clip: ClipFrames, request: FrameRequest) -> Sequence[int]:
    """Choose the frames shown at the middles of equal parts."""
    start, end = int(clip.edges[0]), int(clip.edges[-1])
    parts = range(request.count)
    times = [start + (end - start) * (2 * part + 1) // (2 * request.count) for part in parts]
    return sorted(set((np.searchsorted(clip.edges[:-1], times, "right") - 1).tolist()))


def middle(clip: ClipFrames, _request: FrameRequest) -> Sequence[int]:
    """Choose the frame shown at the middle."""
    return uniform(clip, FrameRequest(1))


def sharpest(clip: ClipFrames, request: FrameRequest) -> Sequence[int]:
    """Choose the sharpest sample of each equal part, or its middle frame where it has no sample."""
    chosen = list(uniform(clip, request))
    for number, part in enumerate(equal_parts(clip, clip.whole, len(chosen))):
        first, end = np.searchsorted(clip.samples, part)
        if first < end:
            chosen[number] = clip.samples[first + np.argmax(clip.sharpness[first:end])]
    return chosen


def semantic_walk(clip: ClipFrames, request: FrameRequest) -> Sequence[int]:
    """Choose the first and last sample, and each a step later that differs from the last chosen.

    As in ShareGPT4Video (Chen et al. 2024), where a last one less than a step later is left out.
    """
    pool = clip.good_samples(clip.whole)
    if len(pool) == 0:
        return central(clip, clip.whole)
    times = clip.edges[clip.samples]
    last_compared = kept = pool[0]
    chosen = [kept]
    for place in pool[1:]:
        if times[place] - times[last_compared] < request.step:
            continue
        last_compared = place
        if clip.vectors[place] @ clip.vectors[kept] < request.max_similarity:
            kept = place
            chosen.append(kept)
    if times[pool[-1]] - times[kept] >= request.least_last:
        chosen.append(pool[-1])
    return list(clip.samples[chosen])


def cluster(clip: ClipFrames, request: FrameRequest) -> Sequence[int]:
    """Choose the samples nearest to the centres of k-means over the vectors, as KTV does.

    Where there are no more samples than keyframes asked for, typical frames of equal parts.
    """
    pool = clip.good_samples(clip.whole)
    if len(pool) <= request.count:
        return without_copies(clip, typical_frames(clip, [clip.whole], request.count), request)
    vectors = clip.vectors[pool]
    nearest = (vectors @ k_means(vectors, request.count).T).argmax(axis=0)
    return without_copies(clip, np.unique(clip.samples[pool[nearest]]).tolist(), request)


def k_means(vectors: Vectors, count: int) -> Vectors:
    """Find centres of length one, shape (count, dimension); groups begin as equal runs of rows.

    There are more rows than centres. A group that loses its last row keeps its centre.
    """
    groups = np.arange(len(vectors)) * count // len(vectors)
    centres = vectors[:count]
    for _ in range(MAX_ROUNDS):
        members = groups == np.arange(count)[:, None]
        means = unit_rows(members.astype(np.float32) @ vectors)
        centres = np.where(members.any(axis=1, keepdims=True), means, centres)
        before, groups = groups, (vectors @ centres.T).argmax(axis=1)
        if np.array_equal(groups, before):
            break
    return centres


def redundancy(clip: ClipFrames, request: FrameRequest) -> Sequence[int]:
    """Choose more frames where the picture changes: one in each equal part of the total change.

    After KFFocus (Nie et al. 2025), which samples by temporal redundancy.
    """
    place = progress_through(clip) * request.count
    chosen = []
    for part in range(request.count):
        off = np.abs(place - part - 0.5)
        good = np.flatnonzero(~clip.is_poor & (off <= 0.5))  # noqa: PLR2004 - half of a part
        if len(good):
            chosen.append(calmest(clip, good, off))
    return without_copies(clip, chosen, request)


def calmest(clip: ClipFrames, numbers: Numbers, off: Values) -> int:
    """Choose the frame with the least `off` among the half that changes least, as motion blurs."""
    steady = numbers[clip.change[numbers] <= np.median(clip.change[numbers])]
    coded = steady[clip.is_intra[steady] & (off[steady] <= MAX_INTRA_OFFSET)]
    among = coded if len(coded) else steady
    return int(among[np.argmin(off[among])])


def progress_through(clip: ClipFrames) -> Values:
    """Measure how far through the clip each frame is, 0 to 1, by change and by time."""
    times = (clip.edges[:-1] - clip.edges[0]) / (clip.edges[-1] - clip.edges[0])
    total = clip.change.sum()
    if total == 0:
        return np.asarray(times, np.float64)
    return np.asarray(TIME_SHARE * times + (1 - TIME_SHARE) * clip.change.cumsum() / total)


def scene_driven(clip: ClipFrames, request: FrameRequest) -> Sequence[int]:
    """Choose frames spread over the shots in proportion to their length.

    After K-frames (Yao et al. 2025), which gives any number of frames to scenes in their order.
    """
    chosen = typical_frames(clip, clip.sections, request.count)
    return without_copies(clip, chosen or central(clip, clip.whole), request)


def codec(clip: ClipFrames, request: FrameRequest) -> Sequence[int]:
    """Choose intra-coded frames at even distances, or a central frame where there are none."""
    coded = np.flatnonzero(clip.is_intra & ~clip.is_poor)
    if len(coded) == 0:
        return central(clip, clip.whole)
    n_chosen = min(request.count, len(coded))
    places = (2 * np.arange(n_chosen) + 1) * len(coded) // (2 * n_chosen)
    return without_copies(clip, coded[places].tolist(), request)


def nearest_to_query(clip: ClipFrames, request: FrameRequest) -> Sequence[int]:
    """Choose the samples most similar to a text, at least half an even step apart."""
    assert request.query is not None
    pool = clip.good_samples(clip.whole)
    if len(pool) == 0:
        return central(clip, clip.whole)
    gap = (clip.edges[-1] - clip.edges[0]) / (2 * request.count)
    chosen: list[int] = []
    for number in clip.samples[
        pool[np.argsort(-(clip.vectors[pool] @ request.query), kind="stable")]
    ]:
        if np.all(np.abs(clip.edges[chosen] - clip.edges[number]) >= gap):
            chosen.append(int(number))
    return without_copies(clip, chosen[: request.count], request)


def typical_frames(clip: ClipFrames, sections: Sequence[Part], count: int) -> list[int]:
    """Choose typical frames of equal parts of sections, in order; poor parts give none."""
    lengths = [int(clip.edges[end] - clip.edges[first]) for first, end in sections]
    return [
        number
        for section, n_parts in zip(sections, allot(lengths, count), strict=True)
        for part in equal_parts(clip, section, n_parts)
        for number in most_typical(clip, part)
    ]


def allot(lengths: Sequence[int], count: int) -> list[int]:
    """Divide `count` among sections: one to each, longest first, then by length."""
    given = [0] * len(lengths)
    for _ in range(count):
        next_one = max(range(len(given)), key=lambda n: (not given[n], lengths[n] / (given[n] + 1)))
        given[next_one] += 1
    return given


def most_typical(clip: ClipFrames, part: Part) -> list[int]:
    """Choose the sample closest to the mean vector of a part, or else its central frame."""
    pool = clip.good_samples(part)
    if len(pool) == 0:
        return central(clip, part)
    similarity = clip.vectors[pool] @ clip.vectors[pool].mean(axis=0)
    return [int(clip.samples[pool[np.argmax(similarity)]])]


def without_copies(clip: ClipFrames, numbers: Sequence[int], request: FrameRequest) -> list[int]:
    """Leave out near-copies of earlier frames, by vectors and by summed change."""
    vector = dict(zip(clip.samples.tolist(), clip.vectors, strict=True))
    moved = clip.change.cumsum()

    def is_copy(one: int, other: int) -> bool:
        if abs(moved[one] - moved[other]) <= COPY_CHANGE:
            return True
        return (
            one in vector
            and other in vector
            and vector[one] @ vector[other] >= request.max_similarity
        )

    kept: list[int] = []
    for number in numbers:
        if not any(is_copy(number, other) for other in kept):
            kept.append(number)
    return kept


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "uniform": uniform,
        "middle": middle,
        "sharpest": sharpest,
        "semantic-walk": semantic_walk,
        "cluster": cluster,
        "redundancy": redundancy,
        "scene-driven": scene_driven,
        "codec": codec,
        "query": nearest_to_query,
    }
)
