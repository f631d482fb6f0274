"""Which frames of a clip become stills: one function a method, over what scan and embed know.

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
NEAR = 0.25
MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """How many stills at most; `step` in ticks; the cosine of copies; a text's vector."""

    count: int
    step: float = 0.0
    most_alike: float = 1.0
    query: Vectors | None = None


Method = Callable[[ClipFrames, FrameRequest], Sequence[int]]


def choose(method: str, clip: ClipFrames, wish: FrameRequest) -> list[int]:
    """The numbers of a clip's stills by one of METHODS: at least one, each once, rising."""
    return sorted({int(number) for number in METHODS[method](clip, wish)})


def uniform(clip: ClipFrames, wish: FrameRequest) -> Sequence[int]:
    """The frames shown at the middles of equal parts."""
    start, end = int(clip.edges[0]), int(clip.edges[-1])
    parts = range(wish.count)
    times = [start + (end - start) * (2 * part + 1) // (2 * wish.count) for part in parts]
    return sorted(set((np.searchsorted(clip.edges[:-1], times, "right") - 1).tolist()))


def middle(clip: ClipFrames, _wish: FrameRequest) -> Sequence[int]:
    """The frame shown at the middle."""
    return uniform(clip, FrameRequest(1))


def sharpest(clip: ClipFrames, wish: FrameRequest) -> Sequence[int]:
    """The sharpest sample of each equal part; a part without a sample gives its middle."""
    chosen = list(uniform(clip, wish))
    for number, part in enumerate(equal_parts(clip, clip.whole, len(chosen))):
        first, end = np.searchsorted(clip.samples, part)
        if first < end:
            chosen[number] = clip.samples[first + np.argmax(clip.sharpness[first:end])]
    return chosen


def semantic_walk(clip: ClipFrames, wish: FrameRequest) -> Sequence[int]:
    """The first and the last sample, and of those a step apart each that is unlike the last kept.

    As in ShareGPT4Video (Chen et al. 2024).
    """
    pool = clip.good_samples(clip.whole)
    if len(pool) == 0:
        return central(clip, clip.whole)
    times = clip.edges[clip.samples]
    looked = kept = pool[0]
    chosen = [kept, pool[-1]]
    for place in pool[1:]:
        if times[place] - times[looked] < wish.step:
            continue
        looked = place
        if clip.vectors[place] @ clip.vectors[kept] < wish.most_alike:
            kept = place
            chosen.append(kept)
    return list(clip.samples[chosen])


def cluster(clip: ClipFrames, wish: FrameRequest) -> Sequence[int]:
    """The samples nearest to the centres of k-means over the vectors, as KTV chooses.

    Where there are no more samples than stills wanted, those of equal parts.
    """
    pool = clip.good_samples(clip.whole)
    if len(pool) <= wish.count:
        return unlike(clip, spread(clip, [clip.whole], wish.count), wish)
    vectors = clip.vectors[pool]
    nearest = (vectors @ k_means(vectors, wish.count).T).argmax(axis=0)
    return unlike(clip, np.unique(clip.samples[pool[nearest]]).tolist(), wish)


def k_means(vectors: Vectors, count: int) -> Vectors:
    """Centres of length one, shape (count, dimension); groups begin as equal runs of rows.

    There are more rows than centres. A group that loses its last row keeps its centre.
    """
    groups = np.arange(len(vectors)) * count // len(vectors)
    centres = vectors[:count]
    for _ in range(MOST_ROUNDS):
        members = groups == np.arange(count)[:, None]
        means = unit_rows(members.astype(np.float32) @ vectors)
        centres = np.where(members.any(axis=1, keepdims=True), means, centres)
        before, groups = groups, (vectors @ centres.T).argmax(axis=1)
        if np.array_equal(groups, before):
            break
    return centres


def redundancy(clip: ClipFrames, wish: FrameRequest) -> Sequence[int]:
    """More frames where the picture changes: one of each equal part of all change.

    After KFFocus (Nie et al. 2025), which samples by temporal redundancy.
    """
    place = way(clip) * wish.count
    chosen = []
    for part in range(wish.count):
        off = np.abs(place - part - 0.5)
        good = np.flatnonzero(~clip.is_poor & (off <= 0.5))  # noqa: PLR2004 - half of a part
        if len(good):
            chosen.append(calm(clip, good, off))
    return unlike(clip, chosen, wish)


def calm(clip: ClipFrames, numbers: Numbers, off: Values) -> int:
    """The frame with the least `off` in the calmer half of some, as fast motion blurs."""
    still = numbers[clip.change[numbers] <= np.median(clip.change[numbers])]
    coded = still[clip.is_intra[still] & (off[still] <= NEAR)]
    among = coded if len(coded) else still
    return int(among[np.argmin(off[among])])


def way(clip: ClipFrames) -> Values:
    """How far through the clip each frame is, 0 to 1: by change, and for a share by time."""
    times = (clip.edges[:-1] - clip.edges[0]) / (clip.edges[-1] - clip.edges[0])
    total = clip.change.sum()
    if total == 0:
        return np.asarray(times, np.float64)
    return np.asarray(TIME_SHARE * times + (1 - TIME_SHARE) * clip.change.cumsum() / total)


def scene_driven(clip: ClipFrames, wish: FrameRequest) -> Sequence[int]:
    """Stills spread over the sections by their length.

    After K-frames (Yao et al. 2025), which gives any number of frames to scenes in their order.
    """
    chosen = spread(clip, clip.sections, wish.count)
    return unlike(clip, chosen or central(clip, clip.whole), wish)


def codec(clip: ClipFrames, wish: FrameRequest) -> Sequence[int]:
    """Frames coded without another, every so many; where there is none, one of the middle."""
    coded = np.flatnonzero(clip.is_intra & ~clip.is_poor)
    if len(coded) == 0:
        return central(clip, clip.whole)
    n_chosen = min(wish.count, len(coded))
    places = (2 * np.arange(n_chosen) + 1) * len(coded) // (2 * n_chosen)
    return unlike(clip, coded[places].tolist(), wish)


def nearest_to_query(clip: ClipFrames, wish: FrameRequest) -> Sequence[int]:
    """The samples most like a text, none nearer to another than half an even spread would be."""
    assert wish.query is not None
    pool = clip.good_samples(clip.whole)
    if len(pool) == 0:
        return central(clip, clip.whole)
    gap = (clip.edges[-1] - clip.edges[0]) / (2 * wish.count)
    chosen: list[int] = []
    for number in clip.samples[pool[np.argsort(-(clip.vectors[pool] @ wish.query), kind="stable")]]:
        if np.all(np.abs(clip.edges[chosen] - clip.edges[number]) >= gap):
            chosen.append(int(number))
    return unlike(clip, chosen[: wish.count], wish)


def spread(clip: ClipFrames, sections: Sequence[Part], count: int) -> list[int]:
    """The typical frames of equal parts of sections, in order; poor parts have none."""
    lengths = [int(clip.edges[end] - clip.edges[first]) for first, end in sections]
    return [
        number
        for section, n_parts in zip(sections, shares(lengths, count), strict=True)
        for part in equal_parts(clip, section, n_parts)
        for number in typical(clip, part)
    ]


def shares(lengths: Sequence[int], count: int) -> list[int]:
    """How many of `count` fall to each section: one to each, longest first, then by length."""
    given = [0] * len(lengths)
    for _ in range(count):
        next_one = max(range(len(given)), key=lambda n: (not given[n], lengths[n] / (given[n] + 1)))
        given[next_one] += 1
    return given


def typical(clip: ClipFrames, part: Part) -> list[int]:
    """The one sample most like the mean of a part's; without a sample, its central frame."""
    pool = clip.good_samples(part)
    if len(pool) == 0:
        return central(clip, part)
    likeness = clip.vectors[pool] @ clip.vectors[pool].mean(axis=0)
    return [int(clip.samples[pool[np.argmax(likeness)]])]


def unlike(clip: ClipFrames, numbers: Sequence[int], wish: FrameRequest) -> list[int]:
    """Frames without the near-copies of those before them, by vectors and by summed change."""
    vector = dict(zip(clip.samples.tolist(), clip.vectors, strict=True))
    moved = clip.change.cumsum()

    def is_copy(one: int, other: int) -> bool:
        if abs(moved[one] - moved[other]) <= COPY_CHANGE:
            return True
        return one in vector and other in vector and vector[one] @ vector[other] >= wish.most_alike

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
