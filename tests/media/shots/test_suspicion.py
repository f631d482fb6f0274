from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vidcurate.media.shots.suspicion import (
    AFTER,
    FREE_SHARE,
    MAX_SHARE,
    N_SPIKE_FEATURES,
    Looks,
    Packets,
    Spikes,
    Window,
    joined,
    key_features,
    packet_changes,
    perceptrons,
    seen_before,
    spike_features,
    spikes_of,
    suspected_windows,
    unseen_shots,
)


def keyed(*apart: int) -> NDArray[np.intp]:
    """Keyframes that lie so far apart, the first one at 0."""
    return np.cumsum([0, *apart])


def looks_like(*seeds: int) -> Looks:
    """Keyframes of noise; equal seeds are equal pictures."""
    noises = [np.random.default_rng(seed).integers(16, 235, (3, 18, 32)) for seed in seeds]
    pictures = np.array(noises, np.uint8)
    return Looks(pictures, pictures)


def test_large_packet_is_a_spike() -> None:
    """A packet far larger than those before it is looked at, others are not."""
    sizes = np.full(200, 100.0)
    sizes[[0, 100]] = 5000.0
    sizes[40] = 4000.0
    video = Packets(sizes, np.array([0, 100]))
    found, rows = spike_features(video, looks_like(1, 2))
    assert found.tolist() == [40]
    assert rows.shape == (1, N_SPIKE_FEATURES)
    assert np.isfinite(rows).all()


def test_lone_keyframe_has_spikes() -> None:
    """A video of one keyframe, and one whose last packet is the large one, have finite features."""
    sizes = np.full(50, 100.0)
    sizes[[0, 30, 49]] = 5000.0, 3000.0, 4500.0
    found, rows = spike_features(Packets(sizes, np.array([0])), looks_like(1))
    assert found.tolist() == [30, 49]
    assert np.isfinite(rows).all()


NO_PICTURES = np.empty((0, 3, 18, 32), np.uint8)
NO_SPIKES = Spikes(np.empty(0, np.intp), np.empty((0, N_SPIKE_FEATURES)), np.empty(0))


def key_chances(video: Packets, looks: Looks, spikes: Spikes = NO_SPIKES) -> NDArray[np.float64]:
    """How likely keyframes but the first begin shots."""
    rows = key_features(video, looks, spikes, seen_before(video, looks))
    return perceptrons()["key"].chances(rows)


def packets_keyed(*apart: int) -> Packets:
    """Packets of a film whose keyframes lie so far apart."""
    keys = keyed(*apart)
    sizes = np.full(int(keys[-1]) + 60, 300.0)
    sizes[keys] = 9000.0
    return Packets(sizes, keys)


def test_keyframe_of_another_picture_is_a_cut() -> None:
    """A keyframe that no schedule put shows something else: a shot begins; others begin none."""
    video = packets_keyed(250, 90, 250, 250)
    chances = key_chances(video, looks_like(1, 1, 2, 2, 2))
    assert chances[1] > 0.9
    assert max(chances[[0, 2, 3]]) < 0.1


def test_keyframe_of_a_schedule_begins_no_shot() -> None:
    """Where a schedule put a keyframe, another picture is the end of a shot that moved on."""
    apart = (250, 90, 250, 250, 120, 250)
    chances = key_chances(packets_keyed(*apart), looks_like(1, 2, 3, 4, 5, 6, 7))
    assert min(chances[[1, 4]]) > 0.9
    assert max(chances[[0, 2, 3, 5]]) < 0.5


def test_marks_say_whether_the_encoder_looks_for_shots() -> None:
    """Keyframes that no schedule put mark shots; those of one distance mark none."""
    looking, blind = packets_keyed(250, 90, 250, 250, 120, 41, 250), packets_keyed(*[250] * 6)
    assert looking.marked > blind.marked + 1.0


def test_windows_are_seen_before_the_next_keyframe() -> None:
    """A keyframe is compared with the end of the window before it, and with no other."""
    video, looks = packets_keyed(250, 250, 250), looks_like(1, 2, 3, 4)
    last = looks_like(9).last
    seen = seen_before(video, looks, [Window(250, 400)], last)
    assert seen.frames.tolist() == [0, 399, 500]
    assert np.array_equal(seen.pictures[1], last[0])
    assert np.array_equal(seen.pictures[2], looks.last[2])


def test_large_packets_tell_shots_where_nothing_is_decoded() -> None:
    """The likeliest of those close together stands for them; windows tell of what is inside."""
    sizes = np.full(600, 100.0)
    sizes[[0, 300]] = 9000.0
    frames = np.array([60, 66, 150, 302, 400])
    chances = np.array([0.6, 0.7, 0.4, 0.9, 0.8])
    spikes = Spikes(frames, np.zeros((5, N_SPIKE_FEATURES)), chances)
    video, looks = Packets(sizes, np.array([0, 300])), looks_like(1, 2)
    found = packet_changes(video, looks, spikes, [], NO_PICTURES)
    told = {n: round(float(found[n]), 3) for n in np.flatnonzero(~np.isnan(found)) if n != 300}
    assert told == {66: 0.7, 150: 0.4, 400: 0.8}
    assert np.isnan(found[0])
    # Another picture is less of a wonder where a large packet told that a shot has begun.
    assert found[300] < packet_changes(video, looks, NO_SPIKES, [], NO_PICTURES)[300]
    windows = [Window(0, 68)]
    seen = packet_changes(video, looks, spikes, windows, looks.last[:1])
    assert np.flatnonzero(~np.isnan(seen)).tolist() == [150, 300, 400]


def test_windows_that_nearly_touch_are_one() -> None:
    """The keyframe of the later one may lie in the file before the end of the earlier one."""
    windows = [Window(66, 86), Window(0, 19), Window(87, 105)]
    assert joined(windows) == [Window(0, 19), Window(66, 105)]


def test_spike_is_decoded_up_to() -> None:
    """The window of a likely spike begins with its keyframe and reaches beyond it."""
    sizes = np.full(400, 200.0)
    sizes[[0, 20, 250]] = 9000.0
    video, looks = Packets(sizes, np.array([0, 250])), looks_like(1, 2)
    (window,) = suspected_windows(video, looks, spikes_of(video, looks))
    assert window.key == 0
    assert 20 < window.end < 250


def test_glimpse_of_another_picture_tells_a_shot() -> None:
    """One that shows the next keyframe's picture begins its shot rather than one like the last."""
    sizes = np.full(500, 200.0)
    sizes[[0, 60, 250]] = 9000.0, 4000.0, 9000.0
    video, looks = Packets(sizes, np.array([0, 250])), looks_like(1, 2)
    anew = replace(looks, glimpses={60: looks.first[1]})
    same = replace(looks, glimpses={60: looks.first[0]})
    (chance,), (other,) = (spikes_of(video, each).chances for each in (anew, same))
    assert other < chance - 0.2
    assert chance > 0.9
    assert spike_features(video, looks)[1][0, -1] == 0


def test_doubt_is_looked_at_where_it_is_worth_the_frames() -> None:
    """A sure video is not decoded to spend what it may; one full of doubt is up to the limit."""
    n_frames = 6000
    keys = np.arange(0, n_frames, 240)
    looks = looks_like(*range(len(keys)))
    sizes = np.full(n_frames, 200.0)
    sizes[keys] = 9000.0
    doubtful = sizes.copy()
    doubtful[keys + 60] = 4000.0

    def n_looked_at(chance: float) -> int:
        """How many frames are decoded where each spike is so likely."""
        video = Packets(doubtful, keys)
        spikes = spikes_of(video, looks)
        even = Spikes(spikes.frames, spikes.features, np.full(len(spikes.frames), chance))
        return sum(one.end - one.key for one in suspected_windows(video, looks, even))

    assert n_looked_at(0.01) <= FREE_SHARE * n_frames
    assert FREE_SHARE * n_frames < n_looked_at(0.5) <= MAX_SHARE * n_frames


def test_shot_without_a_keyframe_is_seen() -> None:
    """A window shows where it begins, unless it is too short for a clip or has a keyframe."""
    sizes = np.full(900, 200.0)
    sizes[[0, 500]] = 9000.0
    sizes[[100, 130, 300]] = 5000.0
    video = Packets(sizes, np.array([0, 500]))
    found = np.array([100, 130, 300])
    spikes = Spikes(found, np.zeros((3, N_SPIKE_FEATURES)), np.array([0.9, 0.9, 0.9]))
    begins = list(unseen_shots(video, spikes, np.array([0.9]), []))
    assert begins == [Window(0, 130 + AFTER), Window(0, 300 + AFTER)]
    # Where the keyframe begins no shot, it shows the last one; a window shows what lies in it.
    assert list(unseen_shots(video, spikes, np.array([0.1]), [])) == begins[:1]
    assert list(unseen_shots(video, spikes, np.array([0.1]), [Window(0, 140)])) == []
