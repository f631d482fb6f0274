"""Divides sound into what a speech model takes at once: at most 30 s of it, the pauses left out.

Sound is read as it comes and dropped when it was divided, so that an hour takes no more memory than
a minute. The bounds of voices follow faster-whisper's own: a voice begins at a probability of 0.5,
ends where it stays below 0.35 for 2 s, and has 0.4 s of sound on each side.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vidcurate.models.audio.voice_activity import FRAME, RATE_HZ, Samples

FRAME_S = FRAME / RATE_HZ
BEGINS, ENDS = 0.5, 0.35
PAUSE_FRAMES = round(2.0 / FRAME_S)
PAD_FRAMES = round(0.4 / FRAME_S)
WINDOW_S = 30.0
MAX_FRAMES = int(WINDOW_S / FRAME_S)
# A voice without a pause is divided where it is faintest in the last third of a window.
SMOOTHED = 9  # frames, longer than a consonant that closes the mouth
# Gaps of sound up to this length are silence; after a longer one it begins anew.
MAX_GAP = 2 * RATE_HZ


class Piece(Protocol):
    """Sound without a gap; `start` is the number of its first sample on the video's clock."""

    @property
    def start(self) -> int:
        """The number of the first sample."""
        ...

    @property
    def samples(self) -> Samples:
        """The samples, shape (n,), at 16 kHz."""
        ...


class Ear(Protocol):
    """What tells voices in one sound."""

    def probabilities(self, samples: Samples) -> Samples:
        """The probability of a voice in each frame of 512 samples."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound around a voice: its first sample on the video's clock, and time with a voice."""

    start: int
    samples: Samples
    voiced_s: float


@dataclass(frozen=True, slots=True)
class SpeechWindow:
    """Stretches one behind the other: what a model is given at once."""

    stretches: tuple[Stretch, ...]

    @property
    def mono(self) -> Samples:
        """The samples, shape (n,)."""
        return np.concatenate([stretch.samples for stretch in self.stretches])

    @property
    def length_s(self) -> float:
        """The length of the samples."""
        return sum(len(stretch.samples) for stretch in self.stretches) / RATE_HZ

    @property
    def voiced_s(self) -> float:
        """The time with a voice."""
        return sum(stretch.voiced_s for stretch in self.stretches)

    def span_on_clock(self, start_s: float, end_s: float) -> tuple[float, float]:
        """A span of the window as seconds on the video's clock.

        It lies in the stretch in which it begins: where a model's times leave it, they are cut.
        """
        start_s = min(max(start_s, 0.0), self.length_s)
        passed_s = 0.0
        for stretch in self.stretches:
            length_s = len(stretch.samples) / RATE_HZ
            if start_s < passed_s + length_s or stretch is self.stretches[-1]:
                break
            passed_s += length_s
        begin_s = stretch.start / RATE_HZ
        first_s, last_s = (begin_s + t - passed_s for t in (start_s, max(start_s, end_s)))
        return first_s, min(last_s, begin_s + length_s)


@dataclass(slots=True)
class Listening:
    """The sound since the last voice ended, and where in it a voice is, in frames."""

    start: int  # the sample of the first frame on the video's clock
    sound: Samples = field(default_factory=lambda: np.empty(0, np.float32))
    heard: Samples = field(default_factory=lambda: np.empty(0, np.float32))
    voice: int | None = None  # the frame at which the stretch of a voice begins
    quiet: int | None = None  # the frame since which it is quiet

    def forget(self, n_frames: int) -> None:
        """Drop the first frames."""
        self.start += n_frames * FRAME
        self.sound, self.heard = self.sound[n_frames * FRAME :], self.heard[n_frames:]

    def stretch(self, end: int) -> Stretch | None:
        """Take the sound of the voice up to a frame, and drop it; None if there is no voice."""
        begin = self.voice or 0
        n_voiced = int(np.count_nonzero(self.heard[begin:end] >= BEGINS))
        samples = self.sound[begin * FRAME : end * FRAME].copy()
        found = Stretch(self.start + begin * FRAME, samples, n_voiced * FRAME_S)
        self.forget(end)
        return found if n_voiced else None


def speech_windows(stretches: Iterable[Stretch]) -> Iterator[SpeechWindow]:
    """Put stretches together, in order, as many as fit into 30 s."""
    taken: list[Stretch] = []
    for stretch in stretches:
        n_samples = sum(len(s.samples) for s in (*taken, stretch))
        if taken and n_samples > WINDOW_S * RATE_HZ:
            yield SpeechWindow(tuple(taken))
            taken = []
        taken.append(stretch)
    if taken:
        yield SpeechWindow(tuple(taken))


def speech_stretches(pieces: Iterable[Piece], ear: Ear) -> Iterator[Stretch]:
    """Yield the sound around each voice, in pieces of at most 30 s."""
    state: Listening | None = None
    rest = np.empty(0, np.float32)  # samples that do not fill a frame
    for piece in pieces:
        if state is None or piece.start - end_of(state, rest) > MAX_GAP:
            if state is not None:
                yield from last_stretch(state, rest, ear)
            state, rest = Listening(piece.start), np.empty(0, np.float32)
        gap = np.zeros(max(0, piece.start - end_of(state, rest)), np.float32)
        sound = np.concatenate([rest, gap, piece.samples])
        n_whole = len(sound) // FRAME * FRAME
        rest = sound[n_whole:]
        yield from listen(state, sound[:n_whole], ear)
    if state is not None:
        yield from last_stretch(state, rest, ear)


def end_of(state: Listening, rest: Samples) -> int:
    """The sample after the last one that was given."""
    return state.start + len(state.sound) + len(rest)


def last_stretch(state: Listening, rest: Samples, ear: Ear) -> Iterator[Stretch]:
    """Yield what is left when the sound ends."""
    padding = np.zeros(-len(rest) % FRAME, np.float32)
    yield from listen(state, np.concatenate([rest, padding]), ear)
    if state.voice is not None:
        quiet = len(state.heard) if state.quiet is None else state.quiet + PAD_FRAMES
        found = state.stretch(min(quiet, len(state.heard)))
        if found is not None:
            yield found


def listen(state: Listening, samples: Samples, ear: Ear) -> Iterator[Stretch]:
    """Take whole frames, and yield the stretches that end in them."""
    n_known = len(state.heard)
    state.sound = np.concatenate([state.sound, samples])
    state.heard = np.concatenate([state.heard, ear.probabilities(samples)])
    frame = n_known
    while frame < len(state.heard):
        end = end_at(state, frame, float(state.heard[frame]))
        frame += 1
        if end is not None:
            found = state.stretch(end)
            frame -= end
            state.voice, state.quiet = after(state, end, frame)
            if found is not None:
                yield found
    if state.voice is None:
        state.forget(max(0, len(state.heard) - PAD_FRAMES))


def end_at(state: Listening, frame: int, probability: float) -> int | None:
    """Take the next frame; the frame at which the stretch of a voice ends, if it ends now."""
    if state.voice is None:
        if probability >= BEGINS:
            state.voice, state.quiet = max(0, frame - PAD_FRAMES), None
        return None
    if probability >= BEGINS:
        state.quiet = None
    elif probability < ENDS and state.quiet is None:
        state.quiet = frame
    if state.quiet is not None and frame - state.quiet >= PAUSE_FRAMES:
        return state.quiet + PAD_FRAMES
    if frame + 1 - state.voice >= MAX_FRAMES:
        return faintest(state, frame + 1)
    return None


def faintest(state: Listening, end: int) -> int:
    """The frame of the last third of a voice's stretch around which it is faintest."""
    assert state.voice is not None
    first = (state.voice + 2 * end) // 3
    smooth = np.convolve(state.heard[first:end], np.ones(SMOOTHED) / SMOOTHED, mode="valid")
    return first + SMOOTHED // 2 + int(len(smooth) - 1 - np.argmin(smooth[::-1]))


def after(state: Listening, end: int, frame: int) -> tuple[int | None, int | None]:
    """Whether a voice goes on after a stretch was taken, and since when it is quiet.

    `frame` is the next one, counted in the sound that is left.
    """
    if state.quiet is not None and frame + end - state.quiet > PAUSE_FRAMES:
        return None, None
    return 0, None if state.quiet is None else max(0, state.quiet - end)
