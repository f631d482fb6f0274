import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.media.shots.suspicion import (
    N_SPIKE_FEATURES,
    Looks,
    Packets,
    Spikes,
    Window,
    by_limit,
    joined,
    key_features,
    packet_changes,
    perceptrons,
    spike_features,
    spikes_of,
    suspected_windows,
)


def keyed(*apart: int) -> NDArray[np.intp]:
    """Keyframes that lie so far apart, the first one at 0."""
    return np.cumsum([0, *apart])


@pytest.mark.parametrize(
    ("apart", "at_limit"),
    [
        ((250, 80, 250, 120, 33, 250), [1, 0, 1, 0, 0, 1]),
        ((48, 48, 48), [1, 1, 1]),
        # The longest is not the most frequent.
        ((128, 60, 128, 68, 132), None),
        # Nothing is repeated.
        ((250, 80, 120), None),
        # There is a second rhythm.
        ((66, 66, 66, 90, 90, 90, 90, 41), None),
        ((), None),
    ],
)
def test_limit_is_the_longest_distance_if_it_alone_is_frequent(
    apart: tuple[int, ...], at_limit: list[int] | None
) -> None:
    """Keyframes before the limit are where the encoder saw a shot begin; else nothing is known."""
    found = by_limit(keyed(*apart))
    wanted = np.zeros((len(apart), 2))
    if at_limit is not None:
        wanted = np.column_stack([at_limit, 1 - np.array(at_limit)])
    assert np.array_equal(found, wanted)


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


def test_keyframe_of_another_picture_is_a_cut() -> None:
    """A keyframe that breaks the rhythm and shows something else begins a shot; in time, none."""
    keys = keyed(250, 90, 250, 250)
    sizes = np.full(int(keys[-1]) + 60, 300.0)
    sizes[keys] = 9000.0
    looks = looks_like(1, 1, 2, 2, 2)
    rows = key_features(Packets(sizes, keys), looks.last[:-1], looks)
    chances = perceptrons()["key"].chances(rows)
    assert chances[1] > 0.9
    assert max(chances[[0, 2, 3]]) < 0.1


def test_large_packets_tell_shots_where_nothing_is_decoded() -> None:
    """The likeliest of those close together stands for them; windows tell of what is inside."""
    sizes = np.full(600, 100.0)
    sizes[[0, 300]] = 9000.0
    frames = np.array([60, 66, 150, 302, 400])
    chances = np.array([0.6, 0.7, 0.4, 0.9, 0.8])
    spikes = Spikes(frames, np.zeros((5, N_SPIKE_FEATURES)), chances)
    video, looks = Packets(sizes, np.array([0, 300])), looks_like(1, 2)
    found = packet_changes(video, looks, spikes, [], np.empty((0, 3, 18, 32), np.uint8))
    told = {n: round(float(found[n]), 3) for n in np.flatnonzero(~np.isnan(found)) if n != 300}
    assert told == {66: 0.7, 150: 0.4, 400: 0.8}
    assert np.isnan(found[0])
    assert found[300] > 0.5
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
