"""The sound of clips, from decoding a film's sound once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.container import AV_TIME, open_film, seek_before
from vidcurate.media.decode import Faults, decoded_frames, frames_of
from vidcurate.media.loudness import PLANAR, Loudness, LoudnessMeter
from vidcurate.media.origin import sound_offsets
from vidcurate.media.packets import Clock, clocked, packets
from vidcurate.media.true_peak import Oversampler, PeakMeter
from vidcurate.records import Clip

MONO_RATE_HZ = 16_000
# Decoders need what comes before a packet: the last one (AAC), or up to 80 ms (Opus).
PREROLL_S = 1
# Containers round times, to a millisecond at the coarsest; a gap is longer.
GAP_S = Fraction(1, 50)
SILENCE_BLOCK_S = Fraction(1, 10)

Samples = NDArray[np.float32]
Powers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClipSound:
    """What a clip sounds like.

    `powers` are the mean squares of its blocks of 100 ms, mixed to one channel; `mono` are its
    samples at 16 kHz, -1..1, in the same mix, or none where nobody listens.
    """

    loudness: Loudness
    powers: Powers
    mono: Samples


@dataclass(frozen=True, slots=True)
class Form:
    """The form that a film's sound is brought into."""

    rate_hz: int
    layout: str
    channels: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound without a gap: samples of shape (channels, n), the first is number `start` of time.

    `mix` has them mixed to one channel, shape (1, n).
    """

    start: int
    samples: Samples
    mix: Samples

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
    resampler: AudioResampler | None
    mixed: list[Samples] = field(default_factory=list)
    powers: list[Powers] = field(default_factory=list)
    mono: list[Samples] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Take what belongs to the clip and was not there before."""
        low, high = max(piece.start, self.position), min(piece.end, self.end)
        if low < high:
            self.pad(low)
            part = slice(low - piece.start, high - piece.start)
            self.feed(piece.samples[:, part], piece.mix[:, part])

    def pad(self, end: int) -> None:
        """Silence up to a sample, a second at a time as a gap may be long."""
        while self.position < end:
            count = min(end - self.position, self.form.rate_hz)
            silence = np.zeros((self.form.channels, count), np.float32)
            self.feed(silence, silence[:1])

    def feed(self, samples: Samples, mix: Samples) -> None:
        """Pass samples and their mix on to be measured."""
        self.meter.add(samples)
        if self.resampler is not None:
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(mix), PLANAR, "mono")
            frame.sample_rate = self.form.rate_hz
            self.mono += [samples_of(part)[0] for part in self.resampler.resample(frame)]
        self.position += samples.shape[1]
        self.mixed.append(mix[0])
        if sum(map(len, self.mixed)) >= self.form.rate_hz:
            self.weigh()

    def weigh(self) -> None:
        """Note the powers of the whole blocks that wait.

        Raises MediaError for samples that are no numbers, which floating-point sound may hold.
        """
        mix = np.concatenate(self.mixed)
        if not np.isfinite(mix).all():
            raise MediaError("the sound holds samples that are not numbers")
        powers = block_powers(mix, self.form.rate_hz)
        n_weighed = len(powers) * block_length(self.form.rate_hz)
        self.powers.append(powers)
        self.mixed = [mix[n_weighed:]]

    def finish(self) -> ClipSound:
        """What the clip sounds like, with silence up to its end.

        Raises MediaError for samples that are no numbers, which floating-point sound may hold.
        """
        self.pad(self.end)
        self.weigh()
        if self.resampler is not None:
            self.mono += [samples_of(part)[0] for part in self.resampler.resample(None)]
        mono = np.concatenate([np.empty(0, np.float32), *self.mono])
        return ClipSound(self.meter.finish(), np.concatenate(self.powers), mono)


def clip_sounds(
    path: Path, clips: Sequence[Clip], offsets: Sequence[int] = (), *, listens: bool = True
) -> Iterator[ClipSound | None]:
    """The sound of clips of one film, in their order, which is that of their starts.

    It is the film's first sound, decoded once, from the first clip to the end of the last; None for
    each clip of a film without. Where sound begins late, ends early, is damaged or has a gap there
    is silence, as in a player. Only who `listens` is given samples. `offsets` are those of the
    film's scan, if its clock begins again.
    Raises MediaError where no sound can be decoded.
    """
    form = sound_form(path)
    if form is None:
        yield from (None for _ in clips)
        return
    oversampler = Oversampler(form.rate_hz)
    takes = [take_of(clip, form, oversampler, listens=listens) for clip in clips]
    n_done = 0
    begin_s = clips[0].start_pts * clips[0].time_base - PREROLL_S
    is_joined = len(offsets) > 1
    found = joined_sound(path, form, offsets) if is_joined else film_sound(path, form, begin_s)
    for piece in found:
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


def take_of(clip: Clip, form: Form, oversampler: Oversampler, *, listens: bool) -> Take:
    """An empty take from the first sample that is no earlier than the clip's start to its end."""
    start, end = (
        ceil(pts * clip.time_base * form.rate_hz) for pts in (clip.start_pts, clip.end_pts)
    )
    meter = LoudnessMeter(form.rate_hz, form.layout, PeakMeter(oversampler))
    resampler = AudioResampler("flt", "mono", MONO_RATE_HZ) if listens else None
    return Take(start, end, form, start, meter, resampler)


def film_sound(path: Path, form: Form, begin_s: Fraction | None) -> Iterator[Piece]:
    """A film's sound, second by second, from some place no later than `begin_s`, or its start.

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


def joined_sound(path: Path, form: Form, offsets: Sequence[int]) -> Iterator[Piece]:
    """The sound of a film whose clock begins again, from its start, on the clock of its scan."""
    with open_film(path) as (container, film):
        moved_s = sound_offsets(container, film, container.streams.audio[0], offsets)
    with open_film(path) as (container, _):
        stream = container.streams.audio[0]
        base = stream.time_base or AV_TIME
        clock = Clock([round(offset_s / base) for offset_s in moved_s] or [0])
        faults = Faults()
        found = clocked(packets(container, stream, faults), clock, base)
        yield from placed(frames_of(found, faults), form)


def placed(frames: Iterator[AudioFrame], form: Form) -> Iterator[Piece]:
    """Decoded frames by their place in the film, all of one form.

    They come in pieces of about a second, as each costs some time whatever its length.
    """
    converters: dict[tuple[str, str, int], AudioResampler] = {}
    mixer = AudioResampler(PLANAR, "mono", form.rate_hz)
    held = AudioFifo()
    due, gap, base = 0, int(GAP_S * form.rate_hz), Fraction(1, form.rate_hz)
    for frame in frames:
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key not in converters:
            converters[key] = AudioResampler(PLANAR, form.layout, form.rate_hz)
        for part in converters[key].resample(frame):
            place = place_of(part, form.rate_hz)
            is_apart = place is not None and abs(place - due) > gap
            if held.samples and (is_apart or held.samples >= form.rate_hz):
                yield piece_of(held, due, mixer)
            due = place if is_apart and place is not None else due
            # Held sound is told by its length: without times it is taken as it comes.
            part.pts, part.time_base = None, base
            held.write(part)
            due += part.samples
    if held.samples:
        yield piece_of(held, due, mixer)


def place_of(frame: AudioFrame, rate_hz: int) -> int | None:
    """The number of the sample of time with which a frame begins, if it has a time."""
    if frame.pts is None or frame.time_base is None:
        return None
    numerator, denominator = frame.time_base.as_integer_ratio()
    return (2 * frame.pts * numerator * rate_hz + denominator) // (2 * denominator)


def piece_of(held: AudioFifo, end: int, mixer: AudioResampler) -> Piece:
    """All sound that is held, which ends before a sample of time."""
    frame = held.read()
    if frame is None:
        raise MediaError("no sound is held")
    samples = samples_of(frame)
    mix = np.concatenate([samples_of(part) for part in mixer.resample(frame)], axis=1)
    return Piece(end - samples.shape[1], samples, mix)


def samples_of(frame: AudioFrame) -> Samples:
    """The samples of a floating-point frame, shape (channels, n)."""
    return np.asarray(frame.to_ndarray(), np.float32)


def block_length(rate_hz: int) -> int:
    """How many samples are in 100 ms."""
    return int(SILENCE_BLOCK_S * rate_hz)


def block_powers(mono: Samples, rate_hz: int) -> Powers:
    """The mean squares of the whole blocks of 100 ms in samples of shape (n,)."""
    n_block = block_length(rate_hz)
    blocks = mono[: len(mono) // n_block * n_block].reshape(-1, n_block)
    return np.asarray(np.mean(np.square(blocks, dtype=np.float64), axis=1), np.float64)


def silence_share(powers: Powers, level_dbfs: float) -> float:
    """The share of blocks whose root mean square is below a level; 1 without a block."""
    return float(np.mean(powers < 10 ** (level_dbfs / 10))) if len(powers) else 1.0
