"""A video's sound in one format, whatever formats it changes between, each sample at its time."""

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
from vidcurate.media.io.decode import Faults, decode_packets
from vidcurate.media.io.packets import Clock, on_clock, packets

# Decoders need what comes before a packet: the last one (AAC), or up to 80 ms (Opus).
PREROLL_S = 1
# Containers round times, to a millisecond at the coarsest; a gap is longer.
GAP_S = Fraction(1, 50)

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The format that a video's sound is converted to."""

    rate_hz: int
    layout: str

    @property
    def channels(self) -> int:
        """The number of channels of the layout."""
        return AudioLayout(self.layout).nb_channels


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Sound without a gap: samples of shape (channels, n), the first at sample `start`.

    `mix` has them mixed to one channel, shape (1, n).
    """

    start: int
    samples: Samples
    mix: Samples

    @property
    def end(self) -> int:
        """The number of the sample after the last one."""
        return self.start + int(self.samples.shape[1])


def measured_format(track: Track) -> AudioFormat:
    """Return the format in which a track is measured: all its channels if they have positions."""
    return AudioFormat(track.rate_hz or USUAL_RATE_HZ, track.measured_layout)


def mixed_format(track: Track) -> AudioFormat:
    """Return the format of a clip's sound: mono or stereo."""
    return AudioFormat(track.rate_hz or USUAL_RATE_HZ, track.mixed_layout)


def video_sound(
    path: Path,
    track: Track,
    audio_format: AudioFormat,
    begin_s: Fraction,
    end_s: Fraction,
    offsets_s: Sequence[Fraction] = (),
    faults: Faults | None = None,
) -> Iterator[AudioChunk]:
    """Yield a video's sound in chunks, from `begin_s` or earlier to `end_s` or later.

    Damaged sound is left out, and counted in `faults` if they are given. A video whose clock
    restarts, which has `offsets_s` (see seeking.SeekPoint), is read from its start. Raises
    MediaError if the video cannot be read, or the ffmpeg program cannot mix channels without
    positions.
    """
    faults = Faults() if faults is None else faults
    if len(offsets_s) > 1:
        yield from joined_sound(path, track, audio_format, offsets_s, faults)
        return
    if not track.is_unplaced:
        yield from decoded_sound(path, track.index, audio_format, begin_s, faults)
        return
    with TemporaryDirectory() as folder:
        mixed = Path(folder, "sound.nut")
        write_mixed(path, track, begin_s, end_s, audio_format.rate_hz, mixed)
        first = ceil(begin_s * audio_format.rate_hz)
        if mixed.exists() and mixed.stat().st_size:
            for piece in decoded_sound(mixed, 0, audio_format, None, faults):
                yield replace(piece, start=first + piece.start)


def decoded_sound(
    path: Path, index: int, audio_format: AudioFormat, begin_s: Fraction | None, faults: Faults
) -> Iterator[AudioChunk]:
    """Yield the sound of one stream of a file from `begin_s` or earlier, or from its start."""
    with open_container(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, AudioStream)
        base = stream.time_base or AV_TIME
        if begin_s is None or seek_before(container, stream, int(begin_s / base)):
            frames = decode_packets(packets(container, stream, faults), faults)
            yield from chunks_in_time(frames, audio_format)
            return
    yield from decoded_sound(path, index, audio_format, None, faults)


def joined_sound(
    path: Path,
    track: Track,
    audio_format: AudioFormat,
    offsets_s: Sequence[Fraction],
    faults: Faults,
) -> Iterator[AudioChunk]:
    """Yield the sound of a video whose clock restarts, from its start, on the clock of its scan."""
    if track.is_unplaced:
        raise MediaError("channels without places cannot be mixed in joined recordings")
    with open_video(path) as (container, _):
        stream = container.streams[track.index]
        assert isinstance(stream, AudioStream)
        base = stream.time_base or AV_TIME
        clock = Clock([round(offset_s / base) for offset_s in offsets_s])
        found = on_clock(packets(container, stream, faults), clock, base)
        yield from chunks_in_time(decode_packets(found, faults), audio_format)


def write_span(
    path: Path,
    track: Track,
    audio_format: AudioFormat,
    start_s: Fraction,
    end_s: Fraction,
    out: Path,
    offsets_s: Sequence[Fraction] = (),
) -> None:
    """Write the sound of a span as raw 32-bit floating-point samples, channels interleaved.

    It is exactly as long as the span: what is missing, or no number, is silence. Raises MediaError
    as `video_sound` does.
    """
    position, end = (ceil(time_s * audio_format.rate_hz) for time_s in (start_s, end_s))
    with out.open("wb") as file:
        for piece in video_sound(path, track, audio_format, start_s - PREROLL_S, end_s, offsets_s):
            if piece.start >= end:
                break
            low, high = max(piece.start, position), min(piece.end, end)
            if low < high:
                write_silence(file, low - position, audio_format)
                samples = piece.samples[:, low - piece.start : high - piece.start]
                file.write(np.nan_to_num(samples.T, posinf=0, neginf=0).tobytes())
                position = high
        write_silence(file, end - position, audio_format)


def write_silence(file: BinaryIO, count: int, audio_format: AudioFormat) -> None:
    """Write silence, a second at a time since a gap may be long."""
    for begin in range(0, count, audio_format.rate_hz):
        n_samples = min(count - begin, audio_format.rate_hz)
        file.write(bytes(n_samples * audio_format.channels * np.dtype(np.float32).itemsize))


def chunks_in_time(frames: Iterator[AudioFrame], audio_format: AudioFormat) -> Iterator[AudioChunk]:
    """Yield decoded frames in one format, each chunk at its time in the video.

    They come in pieces of about a second, as each costs some time whatever its length.
    """
    converters: dict[tuple[str, str, int], AudioResampler] = {}
    mixer = AudioResampler(PACKED, "mono", audio_format.rate_hz)
    buffered = AudioFifo()
    due, gap, base = 0, int(GAP_S * audio_format.rate_hz), Fraction(1, audio_format.rate_hz)
    for frame in frames:
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key not in converters:
            converters[key] = AudioResampler(PACKED, audio_format.layout, audio_format.rate_hz)
        try:
            parts = converters[key].resample(frame)
        except (av.error.FFmpegError, ValueError):
            # A form that cannot be brought into ours is as good as damaged: silence.
            continue
        for part in parts:
            place = sample_number(part, audio_format.rate_hz)
            is_apart = place is not None and abs(place - due) > gap
            if buffered.samples and (is_apart or buffered.samples >= audio_format.rate_hz):
                yield buffered_chunk(buffered, due, mixer)
            due = place if is_apart and place is not None else due
            # Buffered sound is timed by its length: frames without times are appended.
            part.pts, part.time_base = None, base
            buffered.write(part)
            due += part.samples
    if buffered.samples:
        yield buffered_chunk(buffered, due, mixer)


def sample_number(frame: AudioFrame, rate_hz: int) -> int | None:
    """Return the number of the sample at which a frame begins, if it has a time."""
    if frame.pts is None or frame.time_base is None:
        return None
    numerator, denominator = frame.time_base.as_integer_ratio()
    return (2 * frame.pts * numerator * rate_hz + denominator) // (2 * denominator)


def buffered_chunk(buffered: AudioFifo, end: int, mixer: AudioResampler) -> AudioChunk:
    """Return all buffered sound, which ends before sample `end` of the video."""
    frame = buffered.read()
    if frame is None:
        raise MediaError("no sound is buffered")
    samples = samples_of(frame)
    mix = np.concatenate([samples_of(part) for part in mixer.resample(frame)], axis=1)
    return AudioChunk(end - samples.shape[1], samples, mix)


def samples_of(frame: AudioFrame) -> Samples:
    """Return the samples of a packed floating-point frame, shape (channels, n)."""
    packed = np.asarray(frame.to_ndarray(), np.float32)
    return np.ascontiguousarray(packed.reshape(frame.samples, -1).T)
