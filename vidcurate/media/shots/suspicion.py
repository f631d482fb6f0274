"""Where transitions are suspected by packets and keyframes alone, before other frames are decoded.

Encoders begin a shot with a keyframe that no schedule put, or else with a packet far larger than
those before it, of which a glimpse shows what is new; where pictures blend, the keyframes before
and after differ. Three networks of one hidden layer, by scripts.training.fit_suspicion, say how
likely each is. Frames are meant by number in the order of time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from vidcurate.media.shots.bands import (
    ZONES_ACROSS,
    ZONES_DOWN,
    histograms,
    pooled,
    unit_rows,
)
from vidcurate.media.shots.schedule import scheduled

# How many packets around one tell what is usual there, and how many before it tell a fast blend
# from what was there before.
AROUND, BESIDE = 12, 3
JUST_BEFORE, EARLIER = 6, 30
# So many frames may lie between the first one of a shot and the large packet that tells it.
LATE = 4
# What it costs not to know where exactly a shot begins, and how, beside not knowing that it does.
UNTOLD = 0.3
# So many frames are decoded after one in doubt.
AFTER = 16
# So many frames at most come before one in a file that are shown after it.
REORDERED = 16
# So many times as large as each packet just before it, and as its keyframe's, is a packet that may
# begin a shot, and one that may code a whole picture anew.
MIN_SPIKE, MIN_SPIKE_SHARE = 1.5, 0.03
ANEW, ANEW_SHARE = 1.8, 0.15
# What is gained by a look is counted in errors that it is likely to mend; less is left.
MIN_GAIN = 0.08
# What may be decoded besides keyframes, as shares of the video: the first, and so many frames, for
# any gain; the second where so many errors are likely to be mended by frame.
FREE_SHARE, FREE = 0.06, 100
MAX_SHARE, MIN_WORTH = 0.25, 0.007
# What is likelier than not; a shot of so many frames may become a clip.
LIKELY, LONG_SHOT = 0.5, 48
N_GLIMPSE_FEATURES = 17
N_SPIKE_FEATURES = 13 + N_GLIMPSE_FEATURES
# How sure the schedule of keyframes is taken to be at most, in log odds.
SUREST = 4.0
# In so many frames a shot begins, where nothing is known, and so much counts as seen besides.
FRAMES_PER_SHOT, UNSEEN = 300.0, 0.5
# Of the distances of pictures, those of slopes and of zones show motion.
MOVING = [1, 3]
# Levels from which a part counts as changed, and below which luma and its slopes say little.
CHANGED, FLAT_LUMA, FLAT_SLOPE = 24.0, 4.0, 2.0

Values = NDArray[np.float64]
Numbers = NDArray[np.intp]
Pictures = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Perceptron:
    """A network of one hidden layer: the matrix and the constants of either layer."""

    hidden: tuple[Values, Values]
    output: tuple[Values, Values]

    def chances(self, features: Values) -> Values:
        """Return probabilities of rows of features."""
        (inner, inner_bias), (outer, outer_bias) = self.hidden, self.output
        logits = np.maximum(features @ inner + inner_bias, 0.0) @ outer + outer_bias
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0))))


@cache
def perceptrons() -> dict[str, Perceptron]:
    """Load the networks that come with the package: `spike`, `key` and `blend`."""
    with (
        files("vidcurate.media.shots").joinpath("weights/packets.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        own = {name: arrays[name].astype(np.float64) for name in arrays.files}
    return {
        name: Perceptron(
            (own[f"{name}_inner"], own[f"{name}_inner_bias"]),
            (own[f"{name}_outer"], own[f"{name}_outer_bias"]),
        )
        for name in ("spike", "key", "blend")
    }


@dataclass(frozen=True)
class Packets:
    """The sizes of a video's packets in bytes, by frame, and which frames are keyframes."""

    sizes: Values
    keys: Numbers

    @cached_property
    def scheduled(self) -> Values:
        """How likely a schedule put each keyframe but the first there, and no shot that begins."""
        return scheduled(self.keys)

    @property
    def marked(self) -> float:
        """How many shots the encoder began with keyframes, beside how many there may be; its log.

        Where it looks for none, a shot begins with a large packet instead.
        """
        usual = len(self.sizes) / FRAMES_PER_SHOT
        return float(np.log((np.sum(1.0 - self.scheduled) + UNSEEN) / (usual + UNSEEN)))

    @cached_property
    def large(self) -> Numbers:
        """The frames whose packets are unusually large."""
        return self.larger(MIN_SPIKE, MIN_SPIKE_SHARE)

    @cached_property
    def largest(self) -> Numbers:
        """Those of them that are large enough to code a picture anew."""
        return self.larger(ANEW, ANEW_SHARE)

    def larger(self, ratio: float, share: float) -> Numbers:
        """Find packets so many times as large as those before, and as their keyframe's."""
        sizes = np.maximum(self.sizes, 1.0)
        found: list[int] = []
        for key, end in zip(self.keys.tolist(), self.ends.tolist(), strict=True):
            for frame in range(key + LATE + 1, end):
                before = sizes[max(key + 1, frame - AROUND) : frame].max()
                if sizes[frame] >= max(ratio * before, share * sizes[key]):
                    found.append(frame)
        return np.array(found, np.intp)

    @property
    def ends(self) -> Numbers:
        """Where the pictures end that depend on each keyframe."""
        return np.append(self.keys[1:], len(self.sizes))


@dataclass(frozen=True, slots=True)
class Looks:
    """Tiny pictures of each keyframe, and of the last frame that was decoded soon after it.

    `glimpses` are pictures by frame of what large packets show by themselves; of some there are
    none.
    """

    first: Pictures
    last: Pictures
    glimpses: Mapping[int, Pictures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """The last picture that was decoded before each keyframe but the first, and its frame."""

    pictures: Pictures
    frames: Numbers


@dataclass(frozen=True, slots=True)
class Spikes:
    """The frames whose packets are unusually large, what tells why, and how likely it is a cut."""

    frames: Numbers
    features: Values
    chances: Values


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch to decode: from a keyframe to before the frame `end`."""

    key: int
    end: int


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A window that goes on from the frame `begun`, and how many errors it is likely to mend."""

    window: Window
    begun: int
    gain: float

    @property
    def worth(self) -> float:
        """What is gained for a frame decoded."""
        return self.gain / max(1, self.window.end - self.begun)


def spikes_of(video: Packets, looks: Looks) -> Spikes:
    """Find the packets that are unusually large, and judge them."""
    frames, features = spike_features(video, looks)
    return Spikes(frames, features, perceptrons()["spike"].chances(features))


def suspected_windows(video: Packets, looks: Looks, spikes: Spikes) -> list[Window]:
    """Choose the windows to decode: those whose gain is worth it, the best within the budget.

    What is left of the budget shows shots that would not be seen at all.
    """
    by_key, by_blend = key_chances(video, looks, spikes)
    found = sorted(suspicions(video, spikes, by_key, by_blend), key=lambda one: -one.worth)
    free, most = (max(share * len(video.sizes), FREE) for share in (FREE_SHARE, MAX_SHARE))
    n_decoded = 0
    chosen: list[Window] = []
    for one in found:
        n_then = n_decoded + one.window.end - one.begun
        is_worth = one.worth >= MIN_WORTH or n_then <= free
        if one.gain >= MIN_GAIN and is_worth and n_then <= most:
            n_decoded = n_then
            chosen.append(one.window)
    unseen = list(unseen_shots(video, spikes, by_key, chosen))
    for window in sorted(unseen, key=lambda one: one.end - one.key):
        n_decoded += window.end - window.key
        if n_decoded > most:
            break
        chosen.append(window)
    return joined(chosen)


def unseen_shots(
    video: Packets, spikes: Spikes, by_key: Values, windows: Sequence[Window]
) -> Iterator[Window]:
    """Yield windows up to where shots begin that hold no keyframe, if they are long enough."""
    begin = spikes.frames[spikes.chances >= LIKELY]
    bounds = np.unique([*begin, *video.keys[1:][by_key >= LIKELY], len(video.sizes)])
    for frame in begin.tolist():
        ends = int(bounds[np.searchsorted(bounds, frame, "right")])
        number = int(np.searchsorted(video.keys, frame, "right")) - 1
        is_short = ends - frame < LONG_SHOT
        is_seen = any(one.key <= frame < one.end for one in windows)
        if not is_short and not is_seen and video.ends[number] >= ends:
            yield Window(int(video.keys[number]), frame + AFTER)


def joined(windows: Sequence[Window]) -> list[Window]:
    """Join windows of which one reaches into the next, or nearly.

    The later one's keyframe may come in the file before the last packets of the earlier one.
    """
    found: list[Window] = []
    for one in sorted(windows, key=lambda one: one.key):
        if found and one.key < found[-1].end + REORDERED:
            found[-1] = Window(found[-1].key, max(found[-1].end, one.end))
        else:
            found.append(one)
    return found


def key_chances(video: Packets, looks: Looks, spikes: Spikes) -> tuple[Values, Values]:
    """Return how likely keyframes but the first begin shots, and pictures blend before them."""
    if len(video.keys) == 1:
        return np.empty(0), np.empty(0)
    keys = key_features(video, looks, spikes, seen_before(video, looks))
    by_key = perceptrons()["key"].chances(keys)
    return by_key, perceptrons()["blend"].chances(np.column_stack([keys, by_key]))


def suspicions(
    video: Packets, spikes: Spikes, by_key: Values, by_blend: Values
) -> Iterator[Suspicion]:
    """Yield for each keyframe the stretch after it that is worth most, and the rest up to the next.

    A packet that is too large is looked at by decoding up to it, a keyframe in doubt and pictures
    that may blend by decoding up to the next keyframe.
    """
    n_frames = len(video.sizes)
    at_end = np.append(doubt(by_key) + by_blend, 0.0)
    at_spikes = doubt(spikes.chances) + UNTOLD * spikes.chances
    bounds = np.searchsorted(spikes.frames, np.append(video.keys, n_frames))
    for number, (key, end) in enumerate(zip(video.keys.tolist(), video.ends.tolist(), strict=True)):
        own = slice(*bounds[number : number + 2])
        stops = [*(spikes.frames[own] + AFTER).tolist(), end + AFTER]
        gains = np.cumsum([*at_spikes[own], at_end[number]])
        found = [
            Suspicion(Window(key, min(n_frames, stop)), key, float(gain))
            for stop, gain in zip(stops, gains, strict=True)
        ]
        best, last = max(found, key=lambda one: one.worth), found[-1]
        yield best
        if best is not last:
            yield Suspicion(last.window, best.window.end, last.gain - best.gain)


def doubt(chances: Values) -> Values:
    """Return how likely it is that what is likelier is not so."""
    return np.minimum(chances, 1.0 - chances)


def packet_changes(
    video: Packets, looks: Looks, spikes: Spikes, windows: Sequence[Window], lasts: Pictures
) -> Values:
    """Return the probability that a shot begins with each frame, as far as packets tell.

    They tell of keyframes, and of unusually large packets, of which the likeliest stands for those
    close to it: there a shot begins up to LATE frames before. NaN for all other frames, and for
    those in windows but their first, of which `learned` tells more. `lasts` are the last pictures
    of the windows.
    """
    settled = np.zeros(len(video.sizes), np.bool_)
    for key in video.keys.tolist():
        settled[max(0, key - LATE) : key + LATE + 1] = True
    found = np.full(len(settled), np.nan)
    if len(video.keys) > 1:
        keys = key_features(video, looks, spikes, seen_before(video, looks, windows, lasts))
        found[video.keys[1:]] = perceptrons()["key"].chances(keys)
    for one in windows:
        settled[one.key : one.end + LATE] = True
        found[one.key + 1 : one.end] = np.nan
    for number in np.argsort(-spikes.chances, kind="stable").tolist():
        frame = int(spikes.frames[number])
        if not settled[frame]:
            found[frame] = spikes.chances[number]
            settled[max(0, frame - AROUND) : frame + AROUND + 1] = True
    return found


def seen_before(
    video: Packets, looks: Looks, windows: Sequence[Window] = (), lasts: Pictures | None = None
) -> Seen:
    """Return what was decoded last before each keyframe but the first.

    It is the keyframe before, or the end of a window, whose pictures are `lasts`.
    """
    pictures, frames = looks.last[:-1].copy(), video.keys[:-1].copy()
    for one, last in zip(windows, () if lasts is None else lasts, strict=True):
        number = int(np.searchsorted(video.keys, one.end))
        if number < len(video.keys):
            pictures[number - 1], frames[number - 1] = last, one.end - 1
    return Seen(pictures, frames)


def spike_features(video: Packets, looks: Looks) -> tuple[Numbers, Values]:
    """Return the frames whose packets are unusually large, and what tells why: shape (n, 30).

    How large they are beside the packets before, after, and elsewhere up to the next keyframe, how
    far they are from both keyframes, how these differ, whether the encoder begins shots with
    keyframes, and how what was glimpsed differs from both keyframes and from the glimpses between.
    """
    frames = video.large
    if not len(frames):
        return frames, np.empty((0, N_SPIKE_FEATURES))
    sizes = np.maximum(video.sizes, 1.0)
    numbers = np.searchsorted(video.keys, frames, "right") - 1
    ends = video.ends[numbers]
    beside = [
        beside_spike(sizes, key, frame, end)
        for key, frame, end in zip(video.keys[numbers], frames, ends, strict=True)
    ]
    differs = keyframe_distances(looks)[numbers]
    marked = np.full((len(frames), 1), video.marked)
    glimpsed = glimpse_distances(frames, numbers, looks)
    return frames, np.hstack([np.log(beside), differs, marked, glimpsed])


def glimpse_distances(frames: Numbers, numbers: Numbers, looks: Looks) -> Values:
    """Return how glimpses of frames differ from what lies around them: shape (n, 17).

    From the keyframe before, whose number is given, from the one after, and from the glimpse or
    keyframe next before and after; then 1. All are 0 without a glimpse.
    """
    found = np.zeros((len(frames), N_GLIMPSE_FEATURES))
    known = np.flatnonzero([frame in looks.glimpses for frame in frames.tolist()])
    if not len(known):
        return found
    own = np.array([looks.glimpses[frame] for frame in frames[known].tolist()])
    key = numbers[known]
    before, after = looks.last[key], looks.first[np.minimum(key + 1, len(looks.first) - 1)]
    near_before, near_after = before.copy(), after.copy()
    follows = np.flatnonzero(key[1:] == key[:-1])
    near_before[follows + 1], near_after[follows] = own[follows], own[follows + 1]
    others = (before, after, near_before, near_after)
    found[known] = np.hstack(
        [*(picture_distances(own, other) for other in others), np.ones((len(known), 1))]
    )
    return found


def beside_spike(sizes: Values, key: int, frame: int, end: int) -> Values:
    """Return the ratios of a large packet to those around it, and the frames to both keyframes."""
    size = sizes[frame]
    before = sizes[max(key + 1, frame - AROUND) : frame]
    after = sizes[frame + 1 : min(end, frame + 1 + AROUND)]
    beyond = sizes[frame + 1 : frame + 1 + AROUND]
    soon = sizes[frame + 1 : frame + 1 + BESIDE]
    elsewhere = np.append(sizes[key + 1 : max(key + 1, frame - BESIDE)], sizes[frame + 2 : end])
    later = np.median(after) if len(after) else before.max()
    ratios = [
        size / before.max(),
        size / sizes[key],
        size / later,
        soon.max(initial=1.0) / size,
        elsewhere.max(initial=1.0) / size,
        (np.median(beyond) if len(beyond) else size) / np.median(before),
    ]
    return np.array([*ratios, frame - key, end - frame], np.float64)


def keyframe_distances(looks: Looks) -> Values:
    """Return how each keyframe differs from the next, the last one as they do on average: (n, 4).

    A lone keyframe has the distances of halfway.
    """
    if len(looks.first) == 1:
        return np.full((1, 4), 0.5)
    found = picture_distances(looks.last[:-1], looks.first[1:])
    return np.vstack([found, found.mean(axis=0)])


def key_features(video: Packets, looks: Looks, spikes: Spikes, seen: Seen) -> Values:
    """Return what tells whether shots begin with keyframes but the first: shape (n - 1, 17).

    How each differs from the picture `seen` before it, how much moves after it and after the
    keyframe before, how large the packets around are beside its own, how much they have grown just
    before it, as in a fast blend, how likely a schedule put it there, whether the encoder begins
    shots with keyframes, how likely a large packet since the picture tells another shot, and how
    many frames ago that was.
    """
    moved = picture_distances(looks.first, looks.last)[:, MOVING]
    differs = picture_distances(seen.pictures, looks.first[1:])
    chances = np.clip(video.scheduled, 1e-9, 1.0 - 1e-9)
    by_schedule = np.clip(np.log(chances / (1.0 - chances)), -SUREST, SUREST)
    since = video.keys[1:] - seen.frames
    told = [
        spikes.chances[slice(*np.searchsorted(spikes.frames, [frame + 1, key]))].max(initial=0.0)
        for frame, key in zip(seen.frames, video.keys[1:], strict=True)
    ]
    marked = np.full(len(since), video.marked)
    beside = beside_keys(video)
    return np.column_stack(
        [differs, moved[1:], moved[:-1], beside, by_schedule, marked, told, np.log(since)]
    )


def beside_keys(video: Packets) -> Values:
    """Return the logarithms of how large packets around keyframes but the first are: (n - 1, 5)."""
    sizes = np.maximum(video.sizes, 1.0)
    rows = []
    for key in video.keys[1:].tolist():
        own, last = sizes[key], len(sizes) - 1
        beside = [sizes[max(0, key - BESIDE) : key], sizes[min(last, key + 1) : key + 1 + BESIDE]]
        around = [sizes[max(0, key - AROUND) : key], sizes[min(last, key + 1) : key + 1 + AROUND]]
        early = np.median(sizes[max(0, key - EARLIER) : max(1, key - JUST_BEFORE)])
        grown = np.median(sizes[max(0, key - JUST_BEFORE) : key]) / early
        others = *(part.max() for part in beside), *(np.median(part) for part in around)
        rows.append([*(size / own for size in others), grown])
    return np.log(np.array(rows, np.float64).reshape(-1, 5))


def picture_distances(before: Pictures, after: Pictures) -> Values:
    """Compare pictures of shape (n, 3, 18, 32) pair by pair: shape (n, 4), 0 for equal ones.

    By what luma shows, by its slopes, by colours, and the share of 48 parts that changed.
    """
    pairs = [vectors_of(pictures) for pictures in (before, after)]
    columns = [
        np.sqrt(np.clip(1.0 - np.einsum("td,td->t", one, other), 0.0, 1.0))
        for one, other in zip(*pairs, strict=True)
    ]
    zones = [pooled(p.astype(np.float32), ZONES_DOWN, ZONES_ACROSS) for p in (before, after)]
    parts = np.abs(zones[0] - zones[1]).sum(axis=1).reshape(len(before), -1)
    changed = np.minimum(parts / CHANGED, 1.0).mean(axis=1)
    return np.stack([*columns, changed], axis=1).astype(np.float64)


def vectors_of(pictures: Pictures) -> list[Values]:
    """Describe pictures by three vectors of length one each."""
    luma = pictures[:, 0].astype(np.float32)
    slopes = [np.diff(luma, axis=axis).reshape(len(luma), -1) for axis in (1, 2)]
    centred = (luma - luma.mean(axis=(1, 2), keepdims=True)).reshape(len(luma), -1)
    return [
        unit_rows(centred, FLAT_LUMA),
        unit_rows(np.concatenate(slopes, axis=1), FLAT_SLOPE),
        np.sqrt(histograms(pictures)),
    ]
