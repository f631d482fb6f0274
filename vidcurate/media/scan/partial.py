"""What scans that decode a part of the frames have in common: a row for each frame all the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av.error
import numpy as np
import pyarrow as pa
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.media.io.decode import Faults, nominal_rate
from vidcurate.media.io.frame_times import frame_times
from vidcurate.media.io.packet_log import PacketLog, untold
from vidcurate.media.scan.files import PACKET_CHANGE, RUN
from vidcurate.media.scan.samples import Sampler
from vidcurate.media.scan.scanner import (
    FRAMES_PER_BATCH,
    Decoded,
    ScanOptions,
    VideoScan,
    describe_scan,
    proxy_shape,
)

# A packet so many times as large as each of so many before it may show another shot.
SPIKE, SPIKE_BEFORE = 2.0, 12


class WholeDecodeError(Exception):
    """A video cannot be scanned in part; the text says why."""


@dataclass(slots=True)
class SkippedFrames:
    """Chooses, packet by packet, where frames that no other refers to are decoded all the same.

    These are the frames shown before one whose packet is far larger than those before it: they
    come after it, and one of them may be the first of another shot.
    """

    log: PacketLog
    spike: int | None = None

    def needs_all(self, number: int | None) -> bool:
        """Check whether the frame of a packet is decoded in any case; numbers advance."""
        if number is None:
            return False
        before = self.log.sizes[max(0, number - SPIKE_BEFORE) : number]
        if before and self.log.sizes[number] > SPIKE * max(before):
            self.spike = number
        if self.spike is not None and self.log.pts[number] > self.log.pts[self.spike]:
            self.spike = None
        return self.spike is not None


def begun(frames: Iterator[tuple[int, VideoFrame]]) -> Iterator[tuple[int, VideoFrame]]:
    """Check that there is a first frame; raises WholeDecodeError."""
    first = next(frames, None)
    if first is None:
        raise WholeDecodeError("no frame could be decoded")
    return chain([first], frames)


def check_told(log: PacketLog, faults: Faults) -> None:
    """Check that the packets read so far tell their frames; raises WholeDecodeError."""
    reason = untold(log, faults)
    if reason:
        raise WholeDecodeError(reason)


def sampler_for(frame: VideoFrame, stream: VideoStream, options: ScanOptions) -> Sampler:
    """Make what samples a video that begins with this frame."""
    base = stream.time_base or Fraction(1, 1000)
    shape = proxy_shape(frame, stream, options)
    return Sampler(shape, base, Fraction(str(options.sample_interval_s)))


def shown_at(frame: VideoFrame) -> int:
    """Return the time of a frame of a video whose packets tell it."""
    time = frame.dts if frame.pts is None else frame.pts
    if time is None:
        raise WholeDecodeError("its frames have no times")
    return time


def rest_of(codec: VideoCodecContext, faults: Faults) -> list[VideoFrame]:
    """Return the frames that a decoder still holds, and prepare it to begin anew."""
    try:
        frames = list(codec.decode(None))
    except (av.error.FFmpegError, ValueError):
        faults.n_damaged += 1
        frames = []
    codec.flush_buffers()
    faults.n_damaged += sum(frame.is_corrupt for frame in frames)
    return frames


def spread(
    decoded: pa.Table, log: PacketLog, frames_file: Path, change: NDArray[np.float64] | None = None
) -> NDArray[np.int64]:
    """Write a row for each frame of a log, null where it was not decoded; return their times.

    A change to the frame before is null where that was not decoded in the same run. `change` is
    PACKET_CHANGE of each frame of the log, NaN where packets tell nothing.
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
    if change is not None:
        nullable = nullable.append(pa.field(PACKET_CHANGE, pa.float32()))
    with pa.ipc.new_file(frames_file, nullable) as out:
        for first in range(0, len(pts), FRAMES_PER_BATCH):
            rows = slice(first, first + FRAMES_PER_BATCH)
            taken = decoded.take(pa.array(place[rows], mask=~found[rows]))
            columns = {name: taken[name].combine_chunks() for name in taken.column_names}
            columns |= {"pts": pa.array(pts[rows]), "is_keyframe": pa.array(keys[rows])}
            delta = columns["luma_delta"].to_numpy(zero_copy_only=False)
            columns["luma_delta"] = pa.array(delta, pa.float32(), mask=~follows[rows])
            if change is not None:
                told = pa.array(change[rows], pa.float32(), from_pandas=True)
                columns[PACKET_CHANGE] = told
            out.write_batch(pa.RecordBatch.from_pydict(columns, schema=nullable))
    return pts


def described(
    container: InputContainer,
    stream: VideoStream,
    options: ScanOptions,
    faults: Faults,
    log: PacketLog,
    pts: NDArray[np.int64],
    found: Decoded,
) -> VideoScan:
    """Gather what a scan tells of a video whose frames are at the ticks `pts`."""
    base = stream.time_base or Fraction(1, 1000)
    times = frame_times(pts, base, log.last_duration, nominal_rate(stream))
    return describe_scan(container, stream, options, faults, times, pts, found)
