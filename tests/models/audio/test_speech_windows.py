from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.voices import spoken
from vidcurate.media.audio.mono import MonoPiece
from vidcurate.models.audio.speech_windows import (
    FRAME_S,
    WINDOW_S,
    Stretch,
    speech_stretches,
    speech_windows,
)
from vidcurate.models.audio.voice_activity import FRAME, RATE_HZ, open_silero

Samples = NDArray[np.float32]
# Runs of frames with a voice and without, in turn.
RUNS = st.lists(st.integers(1, 1500), min_size=1, max_size=8)


class Loudness:
    """An ear that takes loud frames for a voice."""

    def probabilities(self, samples: Samples) -> Samples:
        """The largest sample of each frame."""
        return np.asarray(samples.reshape(-1, FRAME).max(axis=1, initial=0), np.float32)


def pieces_of(sound: Samples, start: int = 0, size: int = RATE_HZ) -> Iterator[MonoPiece]:
    """Sound in pieces."""
    for begin in range(0, len(sound), size):
        yield MonoPiece(start + begin, sound[begin : begin + size])


def sound_of(runs: list[int]) -> Samples:
    """Frames that are loud and silent in turn."""
    frames = np.repeat(np.arange(len(runs)) % 2 == 0, runs)
    return np.repeat(frames, FRAME).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(RUNS, st.integers(-3, 9), st.integers(700, 40_000))
def test_every_voice_is_in_one_stretch(runs: list[int], start_s: int, size: int) -> None:
    """Stretches rise, share nothing, take 30 s at most, and hold every loud sample at its time."""
    sound, start = sound_of(runs), start_s * RATE_HZ
    found = list(speech_stretches(pieces_of(sound, start, size), Loudness()))
    held = np.zeros(len(sound) + FRAME, np.int64)
    for stretch in found:
        begin = stretch.start - start
        held[begin : begin + len(stretch.samples)] += 1
        assert len(stretch.samples) <= WINDOW_S * RATE_HZ
        own = sound[begin : begin + len(stretch.samples)]
        assert (stretch.samples[: len(own)] == own).all()
    assert held.max(initial=0) <= 1
    assert (held[: len(sound)][sound > 0] == 1).all()
    assert sum(s.voiced_s for s in found) == pytest.approx((sound > 0).sum() / RATE_HZ)
    assert [s.start for s in found] == sorted(s.start for s in found)
    windows = list(speech_windows(found))
    assert [s for window in windows for s in window.stretches] == found
    assert all(window.length_s <= WINDOW_S for window in windows)


def test_pauses_are_left_out_and_times_stay() -> None:
    """Of two voices 10 s apart one window holds both, and tells where each was."""
    sound = sound_of([50, 310, 50])
    (window,) = speech_windows(speech_stretches(pieces_of(sound), Loudness()))
    assert window.length_s == pytest.approx((50 + 12 + 12 + 50) * FRAME_S)
    assert window.span_on_clock(0.0, 0.5) == (0.0, 0.5)
    second_s = window.stretches[1].start / RATE_HZ
    at = window.length_s - len(window.stretches[1].samples) / RATE_HZ
    assert window.span_on_clock(at, at + 0.25) == pytest.approx((second_s, second_s + 0.25))
    assert second_s == pytest.approx((360 - 12) * FRAME_S)
    first_end_s = len(window.stretches[0].samples) / RATE_HZ
    assert window.span_on_clock(1.0, 9.0)[1] == pytest.approx(first_end_s)


def test_a_gap_in_the_sound_ends_a_voice() -> None:
    """Sound that is missing for 10 s is in no stretch, and what follows has its own time."""
    loud = np.ones(3 * RATE_HZ, np.float32)
    pieces = [MonoPiece(0, loud), MonoPiece(13 * RATE_HZ, loud)]
    first, second = speech_stretches(pieces, Loudness())
    assert (first.start, second.start) == (0, 13 * RATE_HZ)
    assert len(first.samples) == pytest.approx(3 * RATE_HZ, abs=FRAME)


def test_an_hour_is_divided_as_it_is_read() -> None:
    """A voice without a pause is given out before half a minute more was read."""
    n_read = 0

    def hour() -> Iterator[MonoPiece]:
        nonlocal n_read
        for number in range(3600):
            n_read = number + 1
            yield MonoPiece(number * RATE_HZ, np.ones(RATE_HZ, np.float32))

    def lag_s(stretch: Stretch) -> float:
        return n_read - (stretch.start + len(stretch.samples)) / RATE_HZ

    assert max(map(lag_s, speech_stretches(hour(), Loudness()))) <= WINDOW_S


def test_silero_hears_a_voice_where_it_is() -> None:
    """A made voice in silence is found to half a second, with 0.4 s around it; noise is none."""
    sound = spoken(9.0, [(3.0, 5.0)])
    (stretch,) = speech_stretches(pieces_of(sound), open_silero()())
    assert stretch.start / RATE_HZ == pytest.approx(2.6, abs=0.3)
    end_s = (stretch.start + len(stretch.samples)) / RATE_HZ
    assert end_s == pytest.approx(5.4, abs=0.3)
    noise = 0.1 * np.random.default_rng(1).normal(size=5 * RATE_HZ).astype(np.float32)
    assert not list(speech_stretches(pieces_of(noise), open_silero()()))


def test_a_detector_hears_the_same_in_pieces() -> None:
    """What it remembers goes on from one piece to the next."""
    sound = spoken(4.096, [(1.0, 3.0)])[: 128 * FRAME]
    whole = open_silero()().probabilities(sound)
    ear = open_silero()()
    parts = [ear.probabilities(part) for part in np.split(sound, 4)]
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-5)
