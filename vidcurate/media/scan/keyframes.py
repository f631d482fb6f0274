"""The scan of keyframes, and of windows in which transitions are suspected."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from av.container import InputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.media.io.container import must_be_read_through, open_video
from vidcurate.media.io.decode import Faults, SmallFrame, decode_packets
from vidcurate.media.io.packet_log import PacketLog, Ticks
from vidcurate.media.io.packets import Clock, Damage, on_clock, packets
from vidcurate.media.scan.delayed import DelayedDetector, delayed_detectors, with_delayed
from vidcurate.media.scan.files import RUN, read_table
from vidcurate.media.scan.glimpses import Glimpses
from vidcurate.media.scan.partial import (
    SkippedFrames,
    WholeDecodeError,
    begun,
    check_told,
    described,
    rest_of,
    sampler_for,
    shown_at,
    spread,
)
from vidcurate.media.scan.samples import (
    FLOW_GAP_MAX_S,
    FLOW_GAP_S,
    MIN_GAP_S,
    SAMPLES_SCHEMA,
    SETTLE_S,
    Sampler,
)
from vidcurate.media.scan.scanner import (
    FRAMES_PER_BATCH,
    Decoded,
    LastFrame,
    ScanOptions,
    VideoScan,
    frames_schema,
    measure_batches,
    write_batches,
)
from vidcurate.media.scan.signals import SignalMeter
from vidcurate.media.shots.bands import HEIGHT, WIDTH, small_yuv
from vidcurate.media.shots.suspicion import (
    AFTER,
    LATE,
    LIKELY,
    Looks,
    Packets,
    Window,
    packet_changes,
    spikes_of,
    suspected_windows,
)

# Where a larger share of the frames are keyframes, decoding these alone saves little.
MAX_KEY_SHARE = 0.25
SAMPLES_PER_BATCH = 256
# So much is decoded after a keyframe that may begin a shot that a sample is taken when the picture
# has settled, beyond what is trimmed from clips, and flow is measured twice after it.
LOOK_S = SETTLE_S + 2 * FLOW_GAP_S + Fraction(7, 100)

Frames = Iterator[tuple[int, VideoFrame]]
Columns = dict[str, NDArray[Any]]


@dataclass(slots=True)
class KeptPictures:
    """Takes part in a measurement as a detector that records nothing and keeps tiny pictures."""

    rows: list[NDArray[np.uint8]] = field(default_factory=list)

    @property
    def detector(self) -> DelayedDetector:
        """What is fed the frames."""
        return DelayedDetector((), lambda _, small: self.add(small), nothing, lambda: None)

    def add(self, small: SmallFrame) -> None:
        """Keep a picture."""
        self.rows.append(np.empty((3, HEIGHT, WIDTH), np.uint8))
        small_yuv(small, self.rows[-1])


def nothing() -> NDArray[np.float32]:
    """Return no rows and no columns."""
    return np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Part:
    """The frames and samples that one pass measured, by the files they lie in."""

    frames: pa.Table
    samples: pa.Table

    @staticmethod
    def files(folder: Path, name: str) -> tuple[Path, Path]:
        """Return where the frames and the samples of a pass are written."""
        return folder / f"{name}.frames.arrow", folder / f"{name}.samples.arrow"

    @classmethod
    def read(cls, folder: Path, name: str) -> "Part":
        """Read what a pass has written."""
        frames, samples = cls.files(folder, name)
        return cls(read_table(frames, None), read_table(samples, None))


def scan_keyframes(
    path: Path, options: ScanOptions, folder: Path, frames_file: Path, samples_file: Path
) -> VideoScan:
    """Scan a video's keyframes, and windows in which a transition is suspected.

    The file is read three times: how long a keyframe is looked at follows from the packets, and
    the windows from what was seen. Raises WholeDecodeError where the packets do not tell the
    frames, or the keyframes are none.
    """
    faults, pictures = Faults(), KeptPictures()
    log = told_packets(path, faults)
    video, pts = packets_of(log)
    brief, glimpses = brief_looks(video, pts), wanted_glimpses(video, pts)
    with open_video(path) as (container, stream):
        frames = begun(key_frames(container, stream, brief, glimpses, faults))
        first = next(frames)
        sampler = sampler_for(first[1], stream, options)
        keys = measured_keys(chain([first], frames), sampler, pictures, brief, folder)
        looked_at = keys.frames["pts"].to_numpy()
        looks = looks_of(video, pts, looked_at, np.array(pictures.rows), glimpses)
        spikes = spikes_of(video, looks)
        # Without the network nothing would be told by what lies in them.
        windows = suspected_windows(video, looks, spikes) if "learned" in options.metrics else []
        again = Sampler(sampler.shape, sampler.time_base, sampler.interval_s)
        runs, lasts = measured_windows(path, options, folder, log, windows, again, faults)
        change = packet_changes(video, looks, spikes, windows, lasts)
        decoded = in_order(keys.frames, runs.frames, pts[video.keys])
        spread(decoded, log, frames_file, change)
        n_samples = write_samples(keys.samples, runs.samples, samples_file)
        found = Decoded("keyframes", decoded.num_rows, n_samples, sampler.shape)
        return described(container, stream, options, faults, log, pts, found)


def packets_of(log: PacketLog) -> tuple[Packets, Ticks]:
    """Return a log's packets in the order of time, and the times of all frames."""
    order = log.order()
    keys = np.flatnonzero(np.asarray(log.keys, np.bool_)[order])
    packets_in_order = Packets(np.asarray(log.sizes, np.float64)[order], keys)
    return packets_in_order, np.asarray(log.pts, np.int64)[order]


def looks_of(
    video: Packets, pts: Ticks, looked_at: Ticks, rows: NDArray[np.uint8], glimpses: Glimpses
) -> Looks:
    """Return the first and the last tiny picture of each keyframe and what was decoded after it.

    `rows` are the pictures of what was looked at. A frame that was needs no glimpse.
    Raises WholeDecodeError where a keyframe was not decoded.
    """
    key_pts = pts[video.keys]
    place = np.searchsorted(looked_at, key_pts)
    if place[-1] == len(looked_at) or not np.array_equal(looked_at[place], key_pts):
        raise WholeDecodeError("some of its keyframes cannot be decoded by themselves")
    seen = glimpses.pictures | dict(zip(looked_at.tolist(), rows, strict=True))
    times = sorted(glimpses.wanted & seen.keys())
    frames = np.searchsorted(pts, times).tolist()
    by_frame = {frame: seen[time] for frame, time in zip(frames, times, strict=True)}
    return Looks(rows[place], rows[np.append(place[1:], len(looked_at)) - 1], by_frame)


def told_packets(path: Path, faults: Faults) -> PacketLog:
    """Read a video's packets; WholeDecodeError where they do not tell which frames to decode."""
    log, clock = PacketLog(), Clock()
    faults.offsets = clock.offsets
    with open_video(path) as (container, stream):
        if must_be_read_through(container, stream):
            raise WholeDecodeError("its frames depend on where decoding begins")
        base = stream.time_base or Fraction(1, 1000)
        found = on_clock(packets(container, stream, faults), clock, base)
        deque(log.record(found, stream), 0)
    check_told(log, faults)
    if not any(log.keys):
        raise WholeDecodeError("no keyframe is shown")
    if sum(log.keys) > max(1, MAX_KEY_SHARE * len(log)):
        raise WholeDecodeError("most of its frames are keyframes")
    return log


def brief_looks(video: Packets, pts: Ticks) -> frozenset[int]:
    """Return the times of keyframes that a schedule is likely to have put there.

    They are looked at only until something has moved.
    """
    return frozenset(pts[video.keys[1:]][video.scheduled >= LIKELY].tolist())


def wanted_glimpses(video: Packets, pts: Ticks) -> Glimpses:
    """Prepare to take glimpses of what the largest packets show."""
    return Glimpses(frozenset(pts[video.largest].tolist()))


def key_frames(
    container: InputContainer,
    stream: VideoStream,
    brief: frozenset[int],
    glimpses: Glimpses,
    faults: Faults,
) -> Frames:
    """Yield the keyframes of a video, each with the next ones that others refer to.

    These show how much moves; at the times `brief` one that shows it is enough. Of the frames
    after those, glimpses are taken. Raises WholeDecodeError where a keyframe is none.
    """
    log, codec = PacketLog(), stream.codec_context
    base = stream.time_base or Fraction(1, 1000)
    look, soon, late = (int(time / base) for time in (LOOK_S, FLOW_GAP_S, FLOW_GAP_MAX_S))
    begins = None
    for number, packet in log.record(packets(container, stream, Damage()), stream):
        is_key = number is not None and packet.is_keyframe
        if is_key or not packet.size:
            if begins is not None:
                yield from shown(rest_of(codec, faults), begins)
                begins = None
            glimpses.end(codec)
        if is_key:
            begins = log.pts[-1]
            glimpses.begin(packet)
        if begins is None:
            if number is not None:
                glimpses.look(packet, log.pts[-1], codec)
            continue
        codec.skip_frame = "DEFAULT" if is_key else "NONREF"
        yield from shown(decode_packets([packet], faults), begins)
        since = log.pts[-1] - begins
        if since >= look or (begins in brief and soon <= since <= late):
            yield from shown(rest_of(codec, faults), begins)
            begins = None


def shown(frames: Iterable[VideoFrame], begins: int) -> Frames:
    """Yield frames from a keyframe on with their times; WholeDecodeError where that is none."""
    for frame in frames:
        pts = shown_at(frame)
        if pts == begins and not frame.key_frame and frame.pict_type != PictureType.I:
            raise WholeDecodeError("its keyframes are none")
        if pts >= begins:
            yield pts, frame


def measured_keys(
    frames: Frames, sampler: Sampler, pictures: KeptPictures, brief: frozenset[int], folder: Path
) -> Part:
    """Measure keyframes, each by itself, and keep their tiny pictures."""
    meter = SignalMeter((), FRAMES_PER_BATCH)
    sampled = with_due_samples(frames, sampler, brief)
    measured = measure_batches(sampled, meter, (pictures.detector,), sampler, LastFrame())
    write_batches(measured, sampler, frames_schema(()), *Part.files(folder, "keys"))
    return Part.read(folder, "keys")


def with_due_samples(frames: Frames, sampler: Sampler, brief: frozenset[int]) -> Frames:
    """Pass frames on, and have a sample taken soon after each keyframe, of short films at the end.

    At the times `brief` the keyframe itself is sampled, whatever changed before it: no shot begins
    there, whose picture had to settle. A sample of long ago counts as just due, else an abrupt
    change would be sampled at once.
    """
    upcoming = next(frames, None)
    while upcoming is not None:
        (pts, frame), upcoming = upcoming, next(frames, None)
        if frame.key_frame:
            oldest = pts - sampler.ticks(sampler.interval_s)
            sampler.last = oldest if sampler.last is None else max(sampler.last, oldest)
            soon = pts if pts in brief else pts + sampler.ticks(SETTLE_S)
            sampler.due = max(soon, sampler.last + sampler.ticks(MIN_GAP_S))
            sampler.is_changing |= pts in brief
        if upcoming is None and sampler.n_samples == 0 and sampler.pending is None:
            sampler.due = pts
        yield pts, frame


def measured_windows(
    path: Path,
    options: ScanOptions,
    folder: Path,
    log: PacketLog,
    windows: Sequence[Window],
    sampler: Sampler,
    faults: Faults,
) -> tuple[Part, NDArray[np.uint8]]:
    """Measure the frames of windows, and keep the tiny picture of the last one of each.

    The column RUN is the number of the window.
    """
    lasts: list[NDArray[np.uint8]] = []
    order = log.order()

    def batches(container: InputContainer, stream: VideoStream) -> Iterator[Columns]:
        found = window_frames(container, stream, log, windows, faults)
        for number, group in groupby(found, lambda one: one[0]):
            key, end = windows[number].key, windows[number].end
            pictures = KeptPictures()
            meter = SignalMeter(options.metrics, min(FRAMES_PER_BATCH, end - key))
            delayed = delayed_detectors(options.metrics, None)
            settled = log.pts[order[max(key, end - AFTER + LATE)]]
            frames = with_last_sample(((pts, frame) for _, pts, frame in group), sampler, settled)
            # Keyframes have samples already.
            sampler.last = log.pts[order[key]]
            sampler.due = sampler.last + sampler.ticks(sampler.interval_s)
            kept = (*delayed, pictures.detector)
            measured = measure_batches(frames, meter, kept, sampler, LastFrame())
            for detector in delayed:
                measured = with_delayed(measured, detector)
            for batch in measured:
                yield batch | {RUN: np.full(len(batch["pts"]), number, np.int32)}
            lasts.append(pictures.rows[-1])
        if len(lasts) < len(windows):
            raise WholeDecodeError("its frames are not those of its packets")

    schema = frames_schema(options.metrics).append(pa.field(RUN, pa.int32(), False))
    with open_video(path) as (container, stream):
        write_batches(batches(container, stream), sampler, schema, *Part.files(folder, "windows"))
    return Part.read(folder, "windows"), np.array(lasts).reshape(-1, 3, HEIGHT, WIDTH)


def with_last_sample(frames: Frames, sampler: Sampler, settled: int) -> Frames:
    """Pass the frames of a window on, and have a sample taken where its last shot has settled."""
    is_taken = False
    for pts, frame in frames:
        if pts >= settled and not is_taken and sampler.last is not None:
            sampler.due = max(pts, sampler.last + sampler.ticks(MIN_GAP_S))
            is_taken = True
        yield pts, frame


def window_frames(
    container: InputContainer,
    stream: VideoStream,
    log: PacketLog,
    windows: Sequence[Window],
    faults: Faults,
) -> Iterator[tuple[int, int, VideoFrame]]:
    """Yield the number of each window with the times and frames in it, as scan.decode reference.

    Raises WholeDecodeError where a frame does not come out that was to be decoded.
    """
    codec = stream.codec_context
    order, pts = log.order(), np.asarray(log.pts, np.int64)
    waiting = deque(enumerate(windows))
    current, last, due = -1, -1, set[int]()
    for number, packet in PacketLog().record(packets(container, stream, Damage()), stream):
        if last < 0 and not waiting:
            return
        if last < 0 and number == order[waiting[0][1].key]:
            current, one = waiting.popleft()
            own = order[one.key : one.end]
            begins, ends, last = pts[own[0]], pts[own[-1]], int(own.max())
            skipping = SkippedFrames(log)
        if last < 0:
            continue
        is_whole = skipping.needs_all(number)
        codec.skip_frame = "DEFAULT" if is_whole else "NONREF"
        if is_whole and number is not None and begins <= pts[number] <= ends:
            due.add(int(pts[number]))
        found = list(decode_packets([packet], faults))
        if number == last:
            found += rest_of(codec, faults)
            last = -1
        for frame in found:
            time = shown_at(frame)
            due.discard(time)
            if begins <= time <= ends:
                yield current, time, frame
        if last < 0 and due:
            raise WholeDecodeError("its frames are not those of its packets")


def in_order(keys: pa.Table, windows: pa.Table, key_pts: Ticks) -> pa.Table:
    """Join the rows of keyframes and windows in the order of time, each frame once."""
    pts, known = keys["pts"].to_numpy(), windows["pts"].to_numpy()
    n_windows = len(np.unique(windows[RUN].to_numpy()))
    runs = n_windows + np.searchsorted(key_pts, pts, "right")
    alone = keys.append_column(pa.field(RUN, pa.int32(), False), pa.array(runs, pa.int32()))
    alone = alone.filter(pa.array(~np.isin(pts, known)))
    return pa.concat_tables([windows, alone], promote_options="default").sort_by("pts")


def write_samples(keys: pa.Table, windows: pa.Table, samples_file: Path) -> int:
    """Write the samples of both passes in the order of time; return how many there are."""
    alone = keys.filter(pa.array(~np.isin(keys["pts"].to_numpy(), windows["pts"].to_numpy())))
    joined = pa.concat_tables([windows, alone])
    order = np.argsort(joined["pts"].to_numpy())
    with pa.ipc.new_file(samples_file, SAMPLES_SCHEMA) as out:
        for first in range(0, len(order), SAMPLES_PER_BATCH):
            chosen = joined.take(pa.array(order[first : first + SAMPLES_PER_BATCH]))
            out.write_table(chosen.cast(SAMPLES_SCHEMA))
    return len(order)
