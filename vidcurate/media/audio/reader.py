"""A video's sound in one form, whatever forms it has on the way, each sample at its time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import av.error
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.audio.loudness import PACKED
from vidcurate.media.audio.mixing import write_mixed
from vidcurate.media.audio.tracks import USUAL_RATE_HZ, Track
from vidcurate.media.io.container import AV_TIME, open_container, open_video, seek_before
from vidcurate.media.io.decode import Faults, decoded_frames, frames_of
from vidcurate.media.io.packets import Clock, clocked, packets

# Decoders need what comes before a packet: the last one (AAC), or up to 80 ms (Opus).
PREROLL_S = 1
# Containers round times, to a millisecond at the coarsest; a gap is longer.
GAP_S = Fraction(1, 50)

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Form:
    """The form that a video's sound is brought into."""

    rate_hz: int
    layout: str

    @property
    def channels(self) -> int:
        """How many channels its layout has."""
        return AudioLayout(self.layout).nb_channels


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


def measured_form(track: Track) -> Form:
    """The form in which a track is measured: with all its channels, as far as they have places."""
    return Form(track.rate_hz or USUAL_RATE_HZ, track.measured_layout)


def mixed_form(track: Track) -> Form:
    """The form of a clip's sound: mono or stereo."""
    return Form(track.rate_hz or USUAL_RATE_HZ, track.mixed_layout)


def video_sound(
    path: Path,
    track: Track,
    form: Form,
    begin_s: Fraction,
    end_s: Fraction,
    offsets_s: Sequence[Fraction] = (),
) -> Iterator[Piece]:
    """A video's sound, second by second, from no later than `begin_s` until `end_s` or later.

    What is damaged is left out. A video whose clock begins again, which has `offsets_s`
    (origin.Origin), is read from its start. Raises MediaError if the video cannot be read, or the
    ffmpeg program cannot mix channels that have no places.
    """
    if len(offsets_s) > 1:
        yield from joined_sound(path, track, form, offsets_s)
        return
    if not track.is_odd:
        yield from decoded_sound(path, track.index, form, begin_s)
        return
    with TemporaryDirectory() as folder:
        mixed = Path(folder, "sound.nut")
        write_mixed(path, track, begin_s, end_s, form.rate_hz, mixed)
        first = ceil(begin_s * form.rate_hz)
        if mixed.exists() and mixed.stat().st_size:
            for piece in decoded_sound(mixed, 0, form, None):
                yield replace(piece, start=first + piece.start)


def decoded_sound(path: Path, index: int, form: Form, begin_s: Fraction | None) -> Iterator[Piece]:
    """The sound of one stream of a file from some place no later than `begin_s`, or its start."""
    with open_container(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, AudioStream)
        base = stream.time_base or AV_TIME
        if begin_s is None or seek_before(container, stream, int(begin_s / base)):
            yield from placed(decoded_frames(container, stream, Faults()), form)
            return
    yield from decoded_sound(path, index, form, None)


def joined_sound(
    path: Path, track: Track, form: Form, offsets_s: Sequence[Fraction]
) -> Iterator[Piece]:
    """The sound of a video whose clock begins again, from its start, on the clock of its scan."""
    if track.is_odd:
        raise MediaError("channels without places cannot be mixed in joined recordings")
    with open_video(path) as (container, _):
        stream = container.streams[track.index]
        assert isinstance(stream, AudioStream)
        base = stream.time_base or AV_TIME
        clock = Clock([round(offset_s / base) for offset_s in offsets_s])
        faults = Faults()
        found = clocked(packets(container, stream, faults), clock, base)
        yield from placed(frames_of(found, faults), form)


def write_span(
    path: Path,
    track: Track,
    form: Form,
    start_s: Fraction,
    end_s: Fraction,
    out: Path,
    offsets_s: Sequence[Fraction] = (),
) -> None:
    """The sound of a span as raw 32-bit floating-point samples, channel by channel in each.

    It is exactly as long as the span: what is missing, or no number, is silence. Raises MediaError
    as `video_sound` does.
    """
    position, end = (ceil(time_s * form.rate_hz) for time_s in (start_s, end_s))
    with out.open("wb") as file:
        for piece in video_sound(path, track, form, start_s - PREROLL_S, end_s, offsets_s):
            if piece.start >= end:
                break
            low, high = max(piece.start, position), min(piece.end, end)
            if low < high:
                write_silence(file, low - position, form)
                samples = piece.samples[:, low - piece.start : high - piece.start]
                file.write(np.nan_to_num(samples.T, posinf=0, neginf=0).tobytes())
                position = high
        write_silence(file, end - position, form)


def write_silence(file: BinaryIO, count: int, form: Form) -> None:
    """So many samples of silence, a second at a time as a gap may be long."""
    for begin in range(0, count, form.rate_hz):
        n_samples = min(count - begin, form.rate_hz)
        file.write(bytes(n_samples * form.channels * np.dtype(np.float32).itemsize))


def placed(frames: Iterator[AudioFrame], form: Form) -> Iterator[Piece]:
    """Decoded frames by their place in the video, all of one form.

    They come in pieces of about a second, as each costs some time whatever its length.
    """
    converters: dict[tuple[str, str, int], AudioResampler] = {}
    mixer = AudioResampler(PACKED, "mono", form.rate_hz)
    held = AudioFifo()
    due, gap, base = 0, int(GAP_S * form.rate_hz), Fraction(1, form.rate_hz)
    for frame in frames:
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key not in converters:
            converters[key] = AudioResampler(PACKED, form.layout, form.rate_hz)
        try:
            parts = converters[key].resample(frame)
        except (av.error.FFmpegError, ValueError):
            # A form that cannot be brought into ours is as good as damaged: silence.
            continue
        for part in parts:
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
    """The samples of a packed floating-point frame, shape (channels, n)."""
    packed = np.asarray(frame.to_ndarray(), np.float32)
    return np.ascontiguousarray(packed.reshape(frame.samples, -1).T)
