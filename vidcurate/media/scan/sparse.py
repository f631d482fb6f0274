"""Scans that decode a part of the frames, for archives that are too long to decode whole.

The times of all frames come from the packets. Frames that were not decoded have a row without
numbers. A video whose packets do not tell its frames is decoded whole, and its row says why.
"""

import tempfile
from collections.abc import Iterator
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

from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_packets
from vidcurate.media.io.interlacing import PROGRESSIVE, is_interlaced
from vidcurate.media.io.packet_log import PacketLog
from vidcurate.media.io.packets import Clock, on_clock, packets
from vidcurate.media.scan.delayed import delayed_detectors
from vidcurate.media.scan.files import RUN, read_table
from vidcurate.media.scan.keyframes import scan_keyframes
from vidcurate.media.scan.partial import (
    SkippedFrames,
    WholeDecodeError,
    begun,
    check_told,
    described,
    sampler_for,
    shown_at,
    spread,
)
from vidcurate.media.scan.scanner import (
    Decoded,
    LastFrame,
    ScanOptions,
    VideoScan,
    column_batches,
    frames_schema,
    scan_video,
    write_batches,
)
from vidcurate.store.atomic import atomic_write

# After so many packets it is looked whether they tell their frames, before much is decoded.
EARLY = 64


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
        ):
            way = scan_reference if decode == "reference" else scan_keyframes
            return way(path, options, Path(folder), frames, samples)
    except WholeDecodeError as error:
        found = scan_video(path, options, frames_file, samples_file, None, field_order)
        return replace(found, decode_reason=str(error))


def check_progressive(field_order: str) -> None:
    """Refuse frames of two fields, which are made whole from those beside; WholeDecodeError."""
    if is_interlaced(field_order):
        raise WholeDecodeError("it is interlaced")


def scan_reference(
    path: Path, options: ScanOptions, folder: Path, frames_file: Path, samples_file: Path
) -> VideoScan:
    """Scan a video without the frames that no other refers to.

    Raises WholeDecodeError where the packets do not tell the frames.
    """
    log, faults = PacketLog(), Faults()
    part = folder / "frames.arrow"
    with open_video(path) as (container, stream):
        frames = begun(reference_frames(container, stream, log, faults))
        first = next(frames)
        sampler = sampler_for(first[1], stream, options)
        delayed = delayed_detectors(options.metrics, None)
        measured = column_batches(
            chain([first], frames), options.metrics, delayed, sampler, LastFrame()
        )
        write_batches(measured, sampler, frames_schema(options.metrics), part, samples_file)
        check_told(log, faults)
        decoded = read_table(part, None)
        runs = pa.array(np.zeros(decoded.num_rows, np.int32))
        pts = spread(decoded.append_column(RUN, runs), log, frames_file)
        is_whole = decoded.num_rows == len(log)
        found = Decoded(
            "all" if is_whole else "reference", decoded.num_rows, sampler.n_samples, sampler.shape
        )
        scan = described(container, stream, options, faults, log, pts, found)
        reason = f"no frame of its {stream.codec_context.name} is skipped"
    return replace(scan, decode_reason=reason) if is_whole else scan


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
        skipping = SkippedFrames(log)
        for number, packet in log.record(found, stream):
            if number == EARLY:
                check_told(log, faults)
            codec.skip_frame = "DEFAULT" if skipping.needs_all(number) else "NONREF"
            yield packet

    for frame in decode_packets(chosen(), faults):
        yield shown_at(frame), frame
