"""The sound of clips, from decoding a film's sound once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.container import AV_TIME, open_film, seek_before
from vidcurate.media.decode import Faults, decoded_frames
from vidcurate.media.loudness import Loudness, LoudnessMeter
from vidcurate.records import Clip

MONO_RATE_HZ = 16_000
PLANAR = "fltp"
# Decoders need what comes before a packet: the last one (AAC), or up to 80 ms (Opus).
PREROLL_S = 1
# Containers round times, to a millisecond at the coarsest; a gap is longer.
GAP_S = Fraction(1, 50)
SILENCE_BLOCK_S = Fraction(1, 10)

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ClipSound:
    """What a clip sounds like; `mono` are its samples at 16 kHz, -1..1, mixed to one channel."""

    loudness: Loudness
    mono: Samples


@dataclass(frozen=True, slots=True)
class Form:
    """The form that a film's sound is brought into."""

    rate_hz: int
    layout: str
    channels: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound without a gap: samples of shape (channels, n), the first is number `start` of time."""

    start: int
    samples: Samples

    @property
    def end(self) -> int:
        """The sample after the last one."""
        return self.start + int(self.samples.shape[1])


@dataclass(slots=True)
class Take:
    """Gathers one clip's sound, samples `start` <= n < `end`; what is missing is silence."""

    start: int
    end: int
    form: Form
    position: int
    meter: LoudnessMeter
    mixer: AudioResampler = field(
        default_factory=lambda: AudioResampler("flt", "mono", MONO_RATE_HZ)
    )
    mono: list[Samples] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Take what belongs to the clip and was not there before."""
        low, high = max(piece.start, self.position), min(piece.end, self.end)
        if low < high:
            self.pad(low)
            self.feed(piece.samples[:, low - piece.start : high - piece.start])

    def pad(self, end: int) -> None:
        """Silence up to a sample, a second at a time as a gap may be long."""
        while self.position < end:
            count = min(end - self.position, self.form.rate_hz)
            self.feed(np.zeros((self.form.channels, count), np.float32))

    def feed(self, samples: Samples) -> None:
        """Pass samples on to be measured and mixed."""
        data = np.ascontiguousarray(samples)
        frame = AudioFrame.from_ndarray(data, PLANAR, self.form.layout)
        frame.sample_rate, frame.time_base = self.form.rate_hz, Fraction(1, self.form.rate_hz)
        frame.pts = self.position - self.start
        self.position += samples.shape[1]
        self.meter.add(frame)
        self.mono += [samples_of(mixed)[0] for mixed in self.mixer.resample(frame)]

    def finish(self) -> ClipSound:
        """What the clip sounds like, with silence up to its end.

        Raises MediaError for samples that are no numbers, which floating-point sound may hold.
        """
        self.pad(self.end)
        self.mono += [samples_of(mixed)[0] for mixed in self.mixer.resample(None)]
        mono = np.concatenate(self.mono)
        if not np.isfinite(mono).all():
            raise MediaError("the sound holds samples that are not numbers")
        return ClipSound(self.meter.finish(), mono)


def clip_sounds(path: Path, clips: Sequence[Clip]) -> Iterator[ClipSound | None]:
    """The sound of clips of one film, in their order, which is that of their starts.

    It is the film's first sound, decoded once, from the first clip to the end of the last; None for
    each clip of a film without. Where sound begins late, ends early, is damaged or has a gap there
    is silence, as in a player. Raises MediaError where no sound can be decoded.
    """
    form = sound_form(path)
    if form is None:
        yield from (None for _ in clips)
        return
    takes = [take_of(clip, form) for clip in clips]
    n_done = 0
    begin_s = clips[0].start_pts * clips[0].time_base - PREROLL_S
    for piece in joined(film_sound(path, form, begin_s), form):
        for number in range(n_done, len(takes)):
            if takes[number].start >= piece.end:
                break
            takes[number].add(piece)
        while n_done < len(takes) and takes[n_done].end <= piece.start:
            yield takes[n_done].finish()
            n_done += 1
        if n_done == len(takes):
            return
    for take in takes[n_done:]:
        yield take.finish()


def sound_form(path: Path) -> Form | None:
    """Rate and channels of a film's first sound; None where it has none.

    Raises MediaError for sound that cannot be decoded.
    """
    with open_film(path) as (container, _):
        if not container.streams.audio:
            return None
        decoder = container.streams.audio[0].codec_context
        # PyAV leaves the decoder out, against its own annotation, where there is none.
        if decoder is None or not decoder.sample_rate:
            raise MediaError("no decoder for the film's sound")
        return Form(decoder.sample_rate, decoder.layout.name, decoder.layout.nb_channels)


def take_of(clip: Clip, form: Form) -> Take:
    """An empty take from the first sample that is no earlier than the clip's start to its end."""
    start, end = (
        ceil(pts * clip.time_base * form.rate_hz) for pts in (clip.start_pts, clip.end_pts)
    )
    return Take(start, end, form, start, LoudnessMeter(form.rate_hz, form.layout))


def film_sound(path: Path, form: Form, begin_s: Fraction | None) -> Iterator[Piece]:
    """A film's sound, frame by frame, from some place no later than `begin_s`, or its start.

    Raises MediaError where none can be decoded.
    """
    with open_film(path) as (container, _):
        stream = container.streams.audio[0]
        base = stream.time_base or AV_TIME
        if begin_s is None or seek_before(container, stream, int(begin_s / base)):
            faults = Faults()
            pieces = placed(decoded_frames(container, stream, faults), form)
            first = next(pieces, None)
            if first is not None:
                yield first
                yield from pieces
            elif faults.n_damaged:
                raise MediaError("the film's sound cannot be decoded")
            return
    yield from film_sound(path, form, None)


def placed(frames: Iterator[AudioFrame], form: Form) -> Iterator[Piece]:
    """Decoded frames by their place in the film, all of one form."""
    converters: dict[tuple[str, str, int], AudioResampler] = {}
    due = 0
    for frame in frames:
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key not in converters:
            converters[key] = AudioResampler(PLANAR, form.layout, form.rate_hz)
        for part in converters[key].resample(frame):
            if part.pts is not None and part.time_base is not None:
                place = round(part.pts * part.time_base * form.rate_hz)
                due = place if abs(place - due) > GAP_S * form.rate_hz else due
            yield Piece(due, samples_of(part))
            due += part.samples


def joined(pieces: Iterator[Piece], form: Form) -> Iterator[Piece]:
    """The same sound in pieces of about a second, as each costs some time whatever its length."""
    held: list[Piece] = []
    for piece in pieces:
        if held and (piece.start != held[-1].end or piece.end - held[0].start > form.rate_hz):
            yield Piece(held[0].start, np.concatenate([p.samples for p in held], axis=1))
            held = []
        held.append(piece)
    if held:
        yield Piece(held[0].start, np.concatenate([p.samples for p in held], axis=1))


def samples_of(frame: AudioFrame) -> Samples:
    """The samples of a floating-point frame, shape (channels, n)."""
    return np.asarray(frame.to_ndarray(), np.float32)


def silence_share(mono: Samples, level_dbfs: float) -> float:
    """The share of blocks of 100 ms whose root mean square is below a level; 1 without a block."""
    n_block = int(SILENCE_BLOCK_S * MONO_RATE_HZ)
    blocks = mono[: len(mono) // n_block * n_block].reshape(-1, n_block)
    if not len(blocks):
        return 1.0
    power = np.mean(np.square(blocks, dtype=np.float64), axis=1)
    return float(np.mean(power < 10 ** (level_dbfs / 10)))
