"""Everything later stages need of a video, from decoding it once: signals, samples, proxies."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
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
from vidcurate.media.io.decode import Faults, Shrinker, decode, nominal_rate, shrinker_for
from vidcurate.media.io.frame_times import FrameTimes, frame_times
from vidcurate.media.io.interlacing import PROGRESSIVE, whole_pictures
from vidcurate.media.io.orientation import display_matrix, pixel_aspect
from vidcurate.media.scan.delayed import Late, late_detectors, with_late
from vidcurate.media.scan.samples import SAMPLES_SCHEMA, ProxyShape, Sampler
from vidcurate.media.scan.signals import DEFAULT_METRICS, SignalMeter, columns_of
from vidcurate.media.shots.transnet import Network
from vidcurate.stage import Loss
from vidcurate.store.atomic import atomic_write

FRAMES_PER_BATCH = 768
# A video's frames and samples stay mapped while its clips are measured, and those of the next.
MAPPED_FILES = 4
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
    proxy_long_side: int = 448
    proxy_quality: int = 80


@dataclass(frozen=True, slots=True)
class VideoScan:
    """What the decode of one video found; the fields but `losses` are those of records.Scan."""

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
    losses: tuple[Loss, ...]


@dataclass(slots=True)
class Ending:
    """How long the last frame seen so far lasts, in ticks; 0 where the container does not say."""

    duration: int = 0


def scan_video(
    path: Path,
    options: ScanOptions,
    frames_file: Path,
    samples_file: Path,
    network: Network | None = None,
    field_order: str = PROGRESSIVE,
) -> VideoScan:
    """Decode a video once and write its per-frame signals and its samples as Arrow IPC files.

    An interlaced video, by its `field_order`, is measured deinterlaced. Both files appear whole or
    not at all. Memory does not grow with the video's length. `network` is TransNetV2, which only
    the metric transnet needs.
    Raises MediaError for a video that cannot be opened, of which no frame can be decoded, or that
    the disk does not give to its end.
    """
    cv2.setNumThreads(1)
    with atomic_write(frames_file) as frames, atomic_write(samples_file) as samples:
        with open_video(path) as (container, stream):
            scan = scan_stream(container, stream, options, frames, samples, network, field_order)
        if any(loss.what == CUT_SHORT for loss in scan.losses):
            check_readable(path)
    return scan


def scan_stream(
    container: InputContainer,
    stream: VideoStream,
    options: ScanOptions,
    frames_file: Path,
    samples_file: Path,
    network: Network | None = None,
    field_order: str = PROGRESSIVE,
) -> VideoScan:
    """Scan one open video into two files.

    Raises MediaError when no frame can be decoded.
    """
    faults, ending = Faults(), Ending()
    frames = whole_pictures(decode(container, stream, faults), field_order)
    first = next(frames, None)
    if first is None:
        raise MediaError(f"no frame could be decoded: {faults.stopped or 'the video is empty'}")
    base = stream.time_base or Fraction(1, 1000)
    shape = proxy_shape(first[1], stream, options)
    sampler = Sampler(shape, base, Fraction(str(options.sample_interval_s)))
    late = late_detectors(options.metrics, network)
    measured = batches(chain([first], frames), options.metrics, late, sampler, ending)
    write_batches(measured, sampler, frames_schema(options.metrics), frames_file, samples_file)
    pts = read_frames(frames_file, ("pts",))["pts"].to_numpy()
    times = frame_times(pts, base, ending.duration, nominal_rate(stream))
    promised = promised_length(container, stream, faults, (times.end_pts - times.first_pts) * base)
    return VideoScan(
        n_frames=times.n_frames,
        time_base=base,
        first_pts=times.first_pts,
        end_pts=times.end_pts,
        duration_s=float((times.end_pts - times.first_pts) * base),
        frame_rate=times.frame_rate,
        is_vfr=times.is_vfr,
        n_samples=sampler.n_samples,
        proxy_width=shape.shown[0],
        proxy_height=shape.shown[1],
        n_decode_errors=faults.n_damaged + faults.n_out_of_order,
        fault=fault_sentence(faults, times, base, promised),
        metrics=options.metrics,
        clock_offsets=tuple(faults.offsets),
        losses=tuple(losses(faults, times, np.diff(pts) * float(base), base, promised)),
    )


def write_batches(
    measured: Iterator[dict[str, NDArray[Any]]],
    sampler: Sampler,
    schema: pa.Schema,
    frames_file: Path,
    samples_file: Path,
) -> None:
    """Write what is measured batch by batch, so that memory does not grow with the video."""
    with (
        pa.ipc.new_file(frames_file, schema) as frames_out,
        pa.ipc.new_file(samples_file, SAMPLES_SCHEMA) as samples_out,
    ):
        for batch in measured:
            frames_out.write_batch(pa.RecordBatch.from_pydict(batch, schema=schema))
            if sampler.rows:
                samples_out.write_batch(sampler.take())


def batches(
    frames: Iterator[tuple[int, VideoFrame]],
    metrics: tuple[str, ...],
    late: tuple[Late, ...],
    sampler: Sampler,
    ending: Ending,
) -> Iterator[dict[str, NDArray[Any]]]:
    """The columns of every few hundred frames, sampling on the way."""
    meter = SignalMeter(metrics, FRAMES_PER_BATCH)
    measured = measure_batches(frames, meter, late, sampler, ending)
    for detector in late:
        measured = with_late(measured, detector)
    return measured


def measure_batches(
    frames: Iterator[tuple[int, VideoFrame]],
    meter: SignalMeter,
    late: tuple[Late, ...],
    sampler: Sampler,
    ending: Ending,
) -> Iterator[dict[str, NDArray[Any]]]:
    """The columns of every few hundred frames, late detectors only fed."""
    shrinker: Shrinker | None = None
    ticks: list[int] = []
    keyframes: list[bool] = []
    for pts, frame in frames:
        shrinker = shrinker or shrinker_for(frame)
        small = shrinker.shrink(frame)
        sampler.step(pts, frame, small, meter.add(small))
        for detector in late:
            detector.add(frame, small)
        ticks.append(pts)
        keyframes.append(frame.key_frame)
        ending.duration = frame.duration
        if meter.count == meter.capacity:
            yield {"pts": np.array(ticks), "is_keyframe": np.array(keyframes)} | meter.take()
            ticks, keyframes = [], []
    sampler.finish()
    yield {
        "pts": np.array(ticks, np.int64),
        "is_keyframe": np.array(keyframes, bool),
    } | meter.take()


def proxy_shape(frame: VideoFrame, stream: VideoStream, options: ScanOptions) -> ProxyShape:
    """The size of a video's proxies: square pixels, upright, never enlarged."""
    aspect = pixel_aspect(stream.sample_aspect_ratio, frame.width, frame.height)
    width, height = float(frame.width * aspect), float(frame.height)
    factor = min(1.0, options.proxy_long_side / max(width, height))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return ProxyShape(*size, matrix=display_matrix(frame), quality=options.proxy_quality)


def header_length(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Seconds of video that the header promises, None where it does not say.

    The container's length is that of its longest stream, so a tenth is taken off it.
    """
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    if container.duration:
        return Fraction(container.duration, 1_000_000) * Fraction(9, 10)
    return None


def promised_length(
    container: InputContainer, stream: VideoStream, faults: Faults, length: Fraction
) -> Fraction | None:
    """Seconds of video that a video should have, None where nothing tells.

    That is what the header says, or more by the share of the file that was not read, in containers
    that hold little but packets in the order of time.
    """
    stated = header_length(container, stream)
    size = container.size or 0
    if container.format.name in IN_ORDER and 0 < faults.n_read < size * READ_SHARE:
        return max(stated or Fraction(0), length * Fraction(size, faults.n_read))
    return stated


def fault_sentence(
    faults: Faults, times: FrameTimes, base: Fraction, promised: Fraction | None
) -> str | None:
    """What is wrong with the video as a whole, in plain words; None for nothing."""
    length = (times.end_pts - times.first_pts) * base
    of_promised = f" of {float(promised):.1f} s" if promised else ""
    if faults.stopped:
        return f"decoding stopped at {float(length):.1f} s{of_promised}: {faults.stopped}"
    if missing_s(length, promised):
        return f"decoding stopped at {float(length):.1f} s{of_promised}: the file ends there"
    if faults.n_errors:
        return "parts of the file cannot be read"
    if faults.n_out_of_order:
        return f"{quantity(faults.n_out_of_order, 'frame')} left out: timestamps do not advance"
    if len(faults.offsets) > 1:
        return (
            f"the clock begins again {quantity(len(faults.offsets) - 1, 'time')}: joined recordings"
        )
    return None


def missing_s(length: Fraction, promised: Fraction | None) -> Fraction:
    """Seconds of a promised length that are not there; 0 for less than a second or a fiftieth."""
    lacking = promised - length if promised else Fraction(0)
    return lacking if promised and lacking > max(Fraction(1), promised / 50) else Fraction(0)


def losses(
    faults: Faults,
    times: FrameTimes,
    gaps_s: NDArray[np.float64],
    base: Fraction,
    promised: Fraction | None,
) -> Iterator[Loss]:
    """What of a video is not among its frames; `gaps_s` are the seconds from frame to frame."""
    frame_s = float(np.median(gaps_s)) if len(gaps_s) else 0.0
    ends_early_s = float(missing_s((times.end_pts - times.first_pts) * base, promised))
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
    """Columns of the per-frame file: pts in ticks, the keyframe flag, then the signals."""
    heads = [pa.field("pts", pa.int64(), False), pa.field("is_keyframe", pa.bool_(), False)]
    return pa.schema([*heads, *(pa.field(c, pa.float32(), False) for c in columns_of(metrics))])


def read_frames(file: Path, columns: tuple[str, ...] | None = None) -> pa.Table:
    """Per-frame signals of a scan, one row a frame in time order, memory-mapped."""
    return read_mapped(file, columns)


def read_samples(file: Path, columns: tuple[str, ...] | None = None) -> pa.Table:
    """Samples of a scan, one row each in time order, memory-mapped; see SAMPLES_SCHEMA."""
    return read_mapped(file, columns)


def read_mapped(file: Path, columns: tuple[str, ...] | None) -> pa.Table:
    """An Arrow IPC file as a table over the mapped file; nothing is read before it is used.

    The column `pts` is in one piece, so that looking up a clip in it copies nothing. Raises
    MediaError when the file is missing or not such a file.
    """
    try:
        found = file.stat()
        table = mapped(file, found.st_ino, found.st_mtime_ns, found.st_size)
    except (OSError, pa.ArrowInvalid) as error:
        raise MediaError(
            f"cannot read the scan file {file.name!r}: scan the video again"
        ) from error
    return table if columns is None else table.select(list(columns))


@lru_cache(maxsize=MAPPED_FILES)
def mapped(file: Path, _inode: int, _mtime_ns: int, _size: int) -> pa.Table:
    """A file, mapped once for all clips of a video, which come one after another."""
    table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    number = table.schema.get_field_index("pts")
    return table.set_column(number, table.schema.field(number), table["pts"].combine_chunks())
