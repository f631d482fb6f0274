"""Scans that decode a part of the frames, for archives that are too long to decode whole.

The times of all frames come from the packets. Frames that were not decoded have a row without
numbers. A video whose packets do not tell its frames is decoded whole, and its row says why.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_packets, nominal_rate
from vidcurate.media.io.frame_times import frame_times
from vidcurate.media.io.interlacing import PROGRESSIVE, is_interlaced
from vidcurate.media.io.packet_log import PacketLog, untold
from vidcurate.media.io.packets import Clock, on_clock, packets
from vidcurate.media.scan.delayed import delayed_detectors
from vidcurate.media.scan.files import RUN, read_table
from vidcurate.media.scan.samples import Sampler
from vidcurate.media.scan.scanner import (
    FRAMES_PER_BATCH,
    Decoded,
    LastFrame,
    ScanOptions,
    VideoScan,
    column_batches,
    describe_scan,
    frames_schema,
    proxy_shape,
    scan_video,
    write_batches,
)
from vidcurate.store.atomic import atomic_write

# A packet so many times as large as each of so many before it may show another shot. What lies
# between is decoded, so that the shot's first frame is known.
SPIKE, SPIKE_BEFORE, SPIKE_AFTER = 2.0, 12, 8
# After so many packets it is looked whether they tell their frames, before much is decoded.
EARLY = 64


class WholeDecodeError(Exception):
    """A video cannot be scanned in part; the text says why."""


def scan_in_part(
    path: Path,
    decode: str,
    options: ScanOptions,
    frames_file: Path,
    samples_file: Path,
    field_order: str = PROGRESSIVE,
) -> VideoScan:
    """Scan a video as scan_video does, decoding only the frames that `decode` names.

    Where that cannot be done all frames are decoded, and `decode_reason` says why.
    Raises MediaError as scan_video does.
    """
    cv2.setNumThreads(1)
    try:
        check_progressive(field_order)
        with (
            atomic_write(frames_file) as frames,
            atomic_write(samples_file) as samples,
            tempfile.TemporaryDirectory() as folder,
            open_video(path) as (container, stream),
        ):
            return WAYS[decode](container, stream, options, Path(folder), frames, samples)
    except WholeDecodeError as error:
        found = scan_video(path, options, frames_file, samples_file, None, field_order)
        return replace(found, decode_reason=str(error))


def check_progressive(field_order: str) -> None:
    """Refuse frames of two fields, which are made whole from those beside; WholeDecodeError."""
    if is_interlaced(field_order):
        raise WholeDecodeError("it is interlaced")


def scan_reference(
    container: InputContainer,
    stream: VideoStream,
    options: ScanOptions,
    folder: Path,
    frames_file: Path,
    samples_file: Path,
) -> VideoScan:
    """Scan a video without the frames that no other refers to.

    Raises WholeDecodeError where the packets do not tell the frames, and where none is skipped.
    """
    base = stream.time_base or Fraction(1, 1000)
    log, faults = PacketLog(), Faults()
    frames = reference_frames(container, stream, log, faults)
    first = next(frames, None)
    if first is None:
        raise WholeDecodeError("no frame could be decoded")
    shape = proxy_shape(first[1], stream, options)
    sampler = Sampler(shape, base, Fraction(str(options.sample_interval_s)))
    delayed = delayed_detectors(options.metrics, None)
    measured = column_batches(
        chain([first], frames), options.metrics, delayed, sampler, LastFrame()
    )
    part = folder / "frames.arrow"
    write_batches(measured, sampler, frames_schema(options.metrics), part, samples_file)
    check_told(log, faults)
    decoded = read_table(part, None)
    decoded = decoded.append_column(RUN, pa.array(np.zeros(decoded.num_rows, np.int32)))
    pts = spread(decoded, log, frames_file)
    times = frame_times(pts, base, log.last_duration, nominal_rate(stream))
    is_whole = decoded.num_rows == len(log)
    found = Decoded("all" if is_whole else "reference", decoded.num_rows, sampler.n_samples, shape)
    scan = describe_scan(container, stream, options, faults, times, pts, found)
    codec = stream.codec_context.name
    return replace(scan, decode_reason=f"no frame of its {codec} is skipped") if is_whole else scan


def reference_frames(
    container: InputContainer, stream: VideoStream, log: PacketLog, faults: Faults
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield the frames that others refer to, and all near a packet that may show another shot."""
    base = stream.time_base or Fraction(1, 1000)
    clock = Clock()
    faults.offsets = clock.offsets
    found = on_clock(packets(container, stream, faults), clock, base)
    codec = stream.codec_context

    def chosen() -> Iterator["Packet[VideoStream]"]:
        last_spike = -SPIKE_AFTER
        for number, packet in log.record(found, stream):
            if number == EARLY:
                check_told(log, faults)
            if number is not None and is_spike(log, number):
                last_spike = number
            near = number is not None and number < last_spike + SPIKE_AFTER
            codec.skip_frame = "DEFAULT" if near else "NONREF"
            yield packet

    for frame in decode_packets(chosen(), faults):
        yield shown_at(frame), frame


def check_told(log: PacketLog, faults: Faults) -> None:
    """Check that the packets read so far tell their frames; raises WholeDecodeError."""
    reason = untold(log, faults)
    if reason:
        raise WholeDecodeError(reason)


def is_spike(log: PacketLog, number: int) -> bool:
    """Check whether a packet is far larger than those before it, as where a shot begins."""
    before = log.sizes[max(0, number - SPIKE_BEFORE) : number]
    return bool(before) and log.sizes[number] > SPIKE * max(before)


def shown_at(frame: VideoFrame) -> int:
    """Return the time of a frame of a video whose packets tell it."""
    time = frame.dts if frame.pts is None else frame.pts
    if time is None:
        raise WholeDecodeError("its frames have no times")
    return time


def spread(decoded: pa.Table, log: PacketLog, frames_file: Path) -> NDArray[np.int64]:
    """Write a row for each frame of a log, null where it was not decoded; return their times.

    A change to the frame before is null where that was not decoded in the same run.
    Raises WholeDecodeError where a frame was decoded at a time that no packet has.
    """
    order = log.order()
    pts = np.asarray(log.pts, np.int64)[order]
    keys = np.asarray(log.keys, np.bool_)[order]
    own = decoded["pts"].to_numpy()
    place = np.searchsorted(own, pts)
    found = own[np.minimum(place, len(own) - 1)] == pts
    if int(found.sum()) != len(own):
        raise WholeDecodeError("its frames are not those of its packets")
    run = np.where(found, decoded[RUN].to_numpy()[np.minimum(place, len(own) - 1)], -1)
    follows = found & np.append(True, run[1:] == run[:-1])
    nullable = pa.schema([field.with_nullable(True) for field in decoded.schema])
    with pa.ipc.new_file(frames_file, nullable) as out:
        for first in range(0, len(pts), FRAMES_PER_BATCH):
            rows = slice(first, first + FRAMES_PER_BATCH)
            taken = decoded.take(pa.array(place[rows], mask=~found[rows]))
            columns = {name: taken[name].combine_chunks() for name in taken.column_names}
            columns |= {"pts": pa.array(pts[rows]), "is_keyframe": pa.array(keys[rows])}
            delta = columns["luma_delta"].to_numpy(zero_copy_only=False)
            columns["luma_delta"] = pa.array(delta, pa.float32(), mask=~follows[rows])
            out.write_batch(pa.RecordBatch.from_pydict(columns, schema=nullable))
    return pts


Way = Callable[[InputContainer, VideoStream, ScanOptions, Path, Path, Path], VideoScan]
WAYS: dict[str, Way] = {"reference": scan_reference}
