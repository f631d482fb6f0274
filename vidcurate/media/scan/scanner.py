"""The scan of a video: one decode records signals, samples and proxies for all later stages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.errors import MediaError, quantity
from vidcurate.media.io.container import check_readable, open_video
from vidcurate.media.io.decode import Faults, Shrinker, decode_video, nominal_rate, shrinker_for
from vidcurate.media.io.devices import CPU, Device, decode_on_device
from vidcurate.media.io.frame_times import FrameTimes, frame_times
from vidcurate.media.io.interlacing import PROGRESSIVE, whole_pictures
from vidcurate.media.io.orientation import display_matrix, pixel_aspect
from vidcurate.media.scan.delayed import DelayedDetector, delayed_detectors, with_delayed
from vidcurate.media.scan.files import read_frames
from vidcurate.media.scan.samples import SAMPLES_SCHEMA, ProxyShape, Sampler
from vidcurate.media.scan.signals import DEFAULT_METRICS, SignalMeter, signal_columns
from vidcurate.media.shots.transnet import Network
from vidcurate.stage import Loss
from vidcurate.store.atomic import atomic_write

FRAMES_PER_BATCH = 768
# A gap in a video with damage is a hole from so many seconds and usual frames.
HOLE_S = 0.25
# Demuxers end at what they cannot make out, as where two recordings were joined.
IN_ORDER = frozenset({"flv", "live_flv", "ogg", "mpegts", "mpeg", "matroska,webm", "nut", "rm"})
READ_SHARE = 0.9
CUT_SHORT = "end of the video not decoded"
HOLE_FRAMES = 4


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What a scan records.

    `metrics` are groups of signals.METRICS; the luma signals are always recorded. A proxy's long
    side is in pixels and its quality is JPEG's 1..100.
    """

    metrics: tuple[str, ...] = DEFAULT_METRICS
    sample_interval_s: float = 1.0
    max_proxy_side: int = 448
    proxy_quality: int = 80


@dataclass(frozen=True, slots=True)
class VideoScan:
    """The results of decoding one video; the fields but `losses` are those of records.Scan."""

    n_frames: int
    time_base: Fraction
    first_pts: int
    end_pts: int
    duration_s: float
    frame_rate: Fraction
    is_vfr: bool
    n_samples: int
    proxy_width: int
    proxy_height: int
    n_decode_errors: int
    fault: str | None
    metrics: tuple[str, ...]
    clock_offsets: tuple[int, ...]
    decode: str
    n_decoded: int
    decode_reason: str | None
    losses: tuple[Loss, ...]
    decoder: str = CPU
    decoder_fault: str | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Which frames of a video a scan decoded and how many, and the samples that it took."""

    decode: str
    n_frames: int
    n_samples: int
    shape: ProxyShape


@dataclass(slots=True)
class LastFrame:
    """How long the latest frame lasts, in ticks; 0 where the container does not say."""

    duration: int = 0


def scan_video(
    path: Path,
    options: ScanOptions,
    frames_file: Path,
    samples_file: Path,
    network: Network | None = None,
    field_order: str = PROGRESSIVE,
    devices: Sequence[Device] = (),
) -> VideoScan:
    """Decode a video once and write its per-frame signals and its samples as Arrow IPC files.

    An interlaced video, by its `field_order`, is measured deinterlaced. Both files appear whole or
    not at all. Memory does not grow with the video's length. `network` is TransNetV2, which only
    the metric transnet needs. The first of `devices` that takes the video's codec decodes it; what
    is recorded is the same, since the CPU decodes it again where the device does not come to the
    end without a fault.
    Raises MediaError for a video that cannot be opened, has no frame that can be decoded, or
    cannot be read to its end.
    """
    cv2.setNumThreads(1)
    with atomic_write(frames_file) as frames, atomic_write(samples_file) as samples:
        rest = options, frames, samples, network, field_order
        fault = None
        if devices:
            try:
                return scan_on_device(path, devices, *rest)
            except MediaError as error:
                fault = str(error)
        with open_video(path) as (container, stream):
            scan = scan_stream(container, stream, *rest)
        if any(loss.what == CUT_SHORT for loss in scan.losses):
            check_readable(path)
    return replace(scan, decoder_fault=fault)


def scan_on_device(
    path: Path,
    devices: Sequence[Device],
    options: ScanOptions,
    frames_file: Path,
    samples_file: Path,
    network: Network | None,
    field_order: str,
) -> VideoScan:
    """Scan a video on the first device that takes its codec; see scan_video.

    Raises MediaError where the CPU has to scan it.
    """
    with open_video(path) as (container, stream):
        codec = stream.codec_context.codec
        device = next((device for device in devices if codec.name in device.codecs), None)
        if device is None:
            raise MediaError(f"{devices[0].name}: not used for {codec.canonical_name}")
        expected = decode_video(container, stream, Faults())
        rest = options, frames_file, samples_file, network, field_order
        try:
            with device.open(path) as (on_device, its_stream):
                scan = scan_stream(on_device, its_stream, *rest, expected)
        except MediaError as error:
            raise MediaError(f"{device.name}: {error}") from error
    if scan.fault or scan.losses:
        raise MediaError(f"{device.name}: {scan.fault or scan.losses[0].what}")
    return replace(scan, decoder=device.name)


def scan_stream(
    container: InputContainer,
    stream: VideoStream,
    options: ScanOptions,
    frames_file: Path,
    samples_file: Path,
    network: Network | None = None,
    field_order: str = PROGRESSIVE,
    expected: Iterator[tuple[int, VideoFrame]] | None = None,
) -> VideoScan:
    """Scan one open video into two files; `expected` are the CPU's frames where a device decodes.

    Raises MediaError when no frame can be decoded, and where the device is at fault.
    """
    faults, last_frame = Faults(), LastFrame()
    decoded = (
        decode_video(container, stream, faults)
        if expected is None
        else decode_on_device(container, stream, faults, expected)
    )
    frames = whole_pictures(decoded, field_order)
    first = next(frames, None)
    if first is None:
        raise MediaError(f"no frame could be decoded: {faults.stopped or 'the video is empty'}")
    base = stream.time_base or Fraction(1, 1000)
    shape = proxy_shape(first[1], stream, options)
    sampler = Sampler(shape, base, Fraction(str(options.sample_interval_s)))
    delayed = delayed_detectors(options.metrics, network)
    measured = column_batches(chain([first], frames), options.metrics, delayed, sampler, last_frame)
    write_batches(measured, sampler, frames_schema(options.metrics), frames_file, samples_file)
    pts = read_frames(frames_file, ("pts",))["pts"].to_numpy()
    times = frame_times(pts, base, last_frame.duration, nominal_rate(stream))
    found = Decoded("all", len(pts), sampler.n_samples, shape)
    return describe_scan(container, stream, options, faults, times, pts, found)


def describe_scan(
    container: InputContainer,
    stream: VideoStream,
    options: ScanOptions,
    faults: Faults,
    times: FrameTimes,
    pts: NDArray[np.int64],
    decoded: Decoded,
) -> VideoScan:
    """Gather what a scan tells of a video with frames at the ticks `pts`."""
    base = stream.time_base or Fraction(1, 1000)
    length = (times.end_pts - times.first_pts) * base
    expected_s = expected_length_s(container, stream, faults, length)
    return VideoScan(
        n_frames=times.n_frames,
        time_base=base,
        first_pts=times.first_pts,
        end_pts=times.end_pts,
        duration_s=float(length),
        frame_rate=times.frame_rate,
        is_vfr=times.is_vfr,
        n_samples=decoded.n_samples,
        proxy_width=decoded.shape.stored_size[0],
        proxy_height=decoded.shape.stored_size[1],
        n_decode_errors=faults.n_damaged + faults.n_out_of_order,
        fault=fault_sentence(faults, times, base, expected_s),
        metrics=options.metrics,
        clock_offsets=tuple(faults.offsets),
        decode=decoded.decode,
        n_decoded=decoded.n_frames,
        decode_reason=None,
        losses=tuple(scan_losses(faults, times, np.diff(pts) * float(base), base, expected_s)),
    )


def write_batches(
    measured: Iterator[dict[str, NDArray[Any]]],
    sampler: Sampler,
    schema: pa.Schema,
    frames_file: Path,
    samples_file: Path,
) -> None:
    """Write measurements batch by batch, so that memory does not grow with the video."""
    with (
        pa.ipc.new_file(frames_file, schema) as frames_out,
        pa.ipc.new_file(samples_file, SAMPLES_SCHEMA) as samples_out,
    ):
        for batch in measured:
            frames_out.write_batch(pa.RecordBatch.from_pydict(batch, schema=schema))
            if sampler.samples:
                samples_out.write_batch(sampler.take())


def column_batches(
    frames: Iterator[tuple[int, VideoFrame]],
    metrics: tuple[str, ...],
    delayed: tuple[DelayedDetector, ...],
    sampler: Sampler,
    last_frame: LastFrame,
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the columns of every few hundred frames, and sample on the way."""
    meter = SignalMeter(metrics, FRAMES_PER_BATCH)
    measured = measure_batches(frames, meter, delayed, sampler, last_frame)
    for detector in delayed:
        measured = with_delayed(measured, detector)
    return measured


def measure_batches(
    frames: Iterator[tuple[int, VideoFrame]],
    meter: SignalMeter,
    delayed: tuple[DelayedDetector, ...],
    sampler: Sampler,
    last_frame: LastFrame,
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the columns of every few hundred frames; delayed detectors are only fed."""
    shrinker: Shrinker | None = None
    ticks: list[int] = []
    keyframes: list[bool] = []
    for pts, frame in frames:
        shrinker = shrinker or shrinker_for(frame)
        small = shrinker.shrink(frame)
        sampler.step(pts, frame, small, meter.add(small))
        for detector in delayed:
            detector.add(frame, small)
        ticks.append(pts)
        keyframes.append(frame.key_frame)
        last_frame.duration = frame.duration
        if meter.count == meter.capacity:
            yield {"pts": np.array(ticks), "is_keyframe": np.array(keyframes)} | meter.take()
            ticks, keyframes = [], []
    sampler.finish()
    yield {
        "pts": np.array(ticks, np.int64),
        "is_keyframe": np.array(keyframes, bool),
    } | meter.take()


def proxy_shape(frame: VideoFrame, stream: VideoStream, options: ScanOptions) -> ProxyShape:
    """Return the size of a video's proxies: square pixels, upright, never enlarged."""
    aspect = pixel_aspect(stream.sample_aspect_ratio, frame.width, frame.height)
    width, height = float(frame.width * aspect), float(frame.height)
    factor = min(1.0, options.max_proxy_side / max(width, height))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return ProxyShape(*size, matrix=display_matrix(frame), quality=options.proxy_quality)


def header_length_s(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return the seconds of video that the header states; None if it does not say.

    The container's length is that of its longest stream, so a tenth is taken off it.
    """
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    if container.duration:
        return Fraction(container.duration, 1_000_000) * Fraction(9, 10)
    return None


def expected_length_s(
    container: InputContainer, stream: VideoStream, faults: Faults, length: Fraction
) -> Fraction | None:
    """Return the seconds that a video should have; None if nothing says so.

    That is what the header says, or more by the share of the file that was not read, in containers
    that hold little but packets in the order of time.
    """
    stated = header_length_s(container, stream)
    size = container.size or 0
    if container.format.name in IN_ORDER and 0 < faults.n_read < size * READ_SHARE:
        return max(stated or Fraction(0), length * Fraction(size, faults.n_read))
    return stated


def fault_sentence(
    faults: Faults, times: FrameTimes, base: Fraction, expected_s: Fraction | None
) -> str | None:
    """Describe in plain words what is wrong with the video as a whole; None for nothing."""
    length = (times.end_pts - times.first_pts) * base
    expected_length = f" of {float(expected_s):.1f} s" if expected_s else ""
    if faults.stopped:
        return f"decoding stopped at {float(length):.1f} s{expected_length}: {faults.stopped}"
    if missing_s(length, expected_s):
        return f"decoding stopped at {float(length):.1f} s{expected_length}: the file ends there"
    if faults.n_errors:
        return "parts of the file cannot be read"
    if faults.n_out_of_order:
        return f"{quantity(faults.n_out_of_order, 'frame')} left out: timestamps do not advance"
    if len(faults.offsets) > 1:
        return (
            f"the clock begins again {quantity(len(faults.offsets) - 1, 'time')}: joined recordings"
        )
    return None


def missing_s(length: Fraction, expected_s: Fraction | None) -> Fraction:
    """Return the seconds missing from an expected length; 0 for under a second or a fiftieth."""
    lacking = expected_s - length if expected_s else Fraction(0)
    return lacking if expected_s and lacking > max(Fraction(1), expected_s / 50) else Fraction(0)


def scan_losses(
    faults: Faults,
    times: FrameTimes,
    gaps_s: NDArray[np.float64],
    base: Fraction,
    expected_s: Fraction | None,
) -> Iterator[Loss]:
    """Yield what the frames lack of a video; `gaps_s` are the seconds from frame to frame."""
    frame_s = float(np.median(gaps_s)) if len(gaps_s) else 0.0
    ends_early_s = float(missing_s((times.end_pts - times.first_pts) * base, expected_s))
    if ends_early_s or faults.stopped:
        yield Loss(CUT_SHORT, 1, ends_early_s)
    holes_s = gaps_s[gaps_s > max(HOLE_S, HOLE_FRAMES * frame_s)]
    if faults.n_errors and len(holes_s):
        yield Loss("hole where the file cannot be read", len(holes_s), float(holes_s.sum()))
    if faults.n_damaged:
        yield Loss("damaged frame", faults.n_damaged, faults.n_damaged * frame_s)
    if faults.n_out_of_order:
        seconds = faults.n_out_of_order * frame_s
        yield Loss("frame whose time does not advance", faults.n_out_of_order, seconds)


def frames_schema(metrics: tuple[str, ...]) -> pa.Schema:
    """Return the columns of the per-frame file: pts in ticks, the keyframe flag, then signals."""
    heads = [pa.field("pts", pa.int64(), False), pa.field("is_keyframe", pa.bool_(), False)]
    return pa.schema([*heads, *(pa.field(c, pa.float32(), False) for c in signal_columns(metrics))])
