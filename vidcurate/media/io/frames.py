"""Full-size frames of a video by exact timestamp, decoding only what leads up to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.io.colour import as_rgb
from vidcurate.media.io.container import (
    DECODER_OPTIONS,
    SeekResult,
    must_be_read_through,
    open_video,
    packet_pts,
    seek_before,
    seek_results,
)
from vidcurate.media.io.decode import Faults, decode_packets, decode_video, with_times
from vidcurate.media.io.interlacing import PROGRESSIVE, is_interlaced, whole_pictures
from vidcurate.media.io.orientation import display_matrix, upright
from vidcurate.media.io.packets import Damage, packets
from vidcurate.records import Video

Image = NDArray[np.uint8]

# A frame this near is reached by decoding on: keyframes are seldom closer, so a seek would only
# land behind the reading position.
DECODE_ON_S = Fraction(1)
# Frames come out of a decoder this many packets after they went in, at most.
MAX_DELAY = 32
# Decoders that skip pictures on request, picture by picture.
SKIPPING = frozenset({"h264", "hevc"})


def read_images(
    path: Path, video: Video, pts: Sequence[int], offsets: Sequence[int] = ()
) -> Iterator[tuple[int, Image]]:
    """Yield the frames shown at exactly these times, in time order, as images.

    `pts` are ticks of the video's time base, `offsets` those of the scan of a video whose clock
    restarts. An image is RGB in the colours of an ordinary display, shape (height, width, 3),
    upright, deinterlaced, with square pixels. Raises MediaError for a time at which the video has
    no frame.
    """
    wanted = sorted(set(pts))
    found = frames_at(path, video.time_base, wanted, offsets, video.field_order)
    for expected in wanted:
        time, frame = next(found, (None, None))
        if frame is None or time != expected:
            time_s = float(expected * video.time_base)
            raise MediaError(f"no frame can be decoded at {time_s:.6f} s (pts {expected})")
        yield expected, display_image(frame, video.pixel_aspect)


def frames_at(
    path: Path,
    time_base: Fraction,
    wanted: Sequence[int],
    offsets: Sequence[int] = (),
    field_order: str = PROGRESSIVE,
    options: Mapping[str, str] = DECODER_OPTIONS,
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield the frames at these rising times that can be decoded, each after its time.

    Reading begins at the keyframe before; where a frame does not come out of that, as where the
    container calls frames keyframes that are none, further and further back, at last at the start.
    A video whose clock restarts (`offsets`) is read from its start. Frames of a video with a
    `field_order` are deinterlaced. `options` are the decoder's.
    """
    with open_video(path) as (container, stream):
        if len(offsets) > 1 or must_be_read_through(container, stream):
            yield from frames_from_start(path, list(wanted), offsets, field_order, options)
            return
        stream.codec_context.options = dict(options)
        groups = group_times(wanted, int(DECODE_ON_S / time_base))
        for missing in joined_by_keyframe(container, stream, groups):
            yield from frames_by_seeking(container, stream, missing, field_order)
            if missing:
                yield from frames_from_start(path, missing, offsets, field_order, options)


def group_times(wanted: Sequence[int], near: int) -> Iterator[list[int]]:
    """Group times in order; a group ends where the next time is more than `near` ticks away."""
    group: list[int] = []
    for pts in wanted:
        if group and pts - group[-1] > near:
            yield group
            group = []
        group.append(pts)
    if group:
        yield group


def joined_by_keyframe(
    container: InputContainer, stream: VideoStream, groups: Iterable[list[int]]
) -> Iterator[list[int]]:
    """Join neighbouring groups that are decoded from the same keyframe, so that it is done once.

    Web videos have few keyframes: each group by itself would decode all that the one before did.
    """
    joined: list[int] = []
    before: int | None = None
    for group in groups:
        found = seek_before(container, stream, group[0])
        key_pts = None if found is None else found.key_pts
        if joined and key_pts != before:
            yield joined
            joined = []
        joined, before = joined + group, key_pts
    if joined:
        yield joined


def frames_by_seeking(
    container: InputContainer, stream: VideoStream, missing: list[int], field_order: str
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield frames that can be decoded from a keyframe, and take them off the list."""
    while missing:
        due = missing[0]
        for seek_result in seek_results(container, stream, due):
            frames = decoded_from(container, stream, seek_result, missing, field_order)
            yield from take_missing(whole_pictures(frames, field_order), missing)
            if not missing or missing[0] != due:
                break
        else:
            return


def take_missing(
    frames: Iterable[tuple[int, VideoFrame]], missing: list[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield the missing frames and take them off the list, up to the first one that is skipped."""
    for pts, frame in frames:
        if missing and pts == missing[0]:
            missing.pop(0)
            yield pts, frame
        if not missing or pts > missing[0]:
            return


def frames_from_start(
    path: Path,
    missing: list[int],
    offsets: Sequence[int],
    field_order: str,
    options: Mapping[str, str],
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield frames by decoding from the video's start, and take them off the list."""
    with open_video(path) as (container, stream):
        stream.codec_context.options = dict(options)
        frames = decode_video(container, stream, Faults(), offsets)
        for pts, frame in whole_pictures(frames, field_order):
            while missing and missing[0] < pts:
                missing.pop(0)
            if missing and pts == missing[0]:
                missing.pop(0)
                yield pts, frame
            if not missing:
                return


def decoded_from(
    container: InputContainer,
    stream: VideoStream,
    seek_result: SeekResult,
    wanted: Sequence[int],
    field_order: str,
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield frames from a keyframe on until the last wanted one must have come out.

    Nothing comes from what was called a keyframe and is none, or is only where pictures begin to be
    refreshed part by part: decoders show those too early.
    """
    found = chain([seek_result.packet], packets(container, stream, Damage()))
    may_skip = stream.codec_context.name in SKIPPING and not is_interlaced(field_order)
    read = packets_needed(found, stream, wanted, may_skip=may_skip)
    is_sure = False
    for pts, frame in with_times(decode_packets(read, Faults()), stream):
        if pts < seek_result.key_pts:
            continue
        if not is_sure and not frame.key_frame and frame.pict_type != PictureType.I:
            return
        is_sure = True
        yield pts, frame


def packets_needed(
    found: Iterable["Packet[VideoStream]"],
    stream: VideoStream,
    wanted: Sequence[int],
    *,
    may_skip: bool,
) -> Iterator["Packet[VideoStream]"]:
    """Yield the packets up to the last that can matter.

    The decoder skips pictures that no other refers to, except wanted ones.
    """
    times, last = frozenset(wanted), max(wanted)
    beyond = 0
    for packet in found:
        pts = packet_pts(packet)
        keep = packet.pts is None or pts in times or not may_skip
        stream.codec_context.skip_frame = "DEFAULT" if keep else "NONREF"
        yield packet
        beyond += pts is not None and pts > last
        if beyond > MAX_DELAY:
            return


def seek_true_keyframe(
    container: InputContainer, stream: VideoStream, pts: int
) -> SeekResult | None:
    """Seek like container.seek_before, but skip frames that are wrongly marked as keyframes."""
    for seek_result in seek_results(container, stream, pts):
        frames = decoded_from(container, stream, seek_result, (seek_result.key_pts,), PROGRESSIVE)
        if next(frames, None) is not None:
            container.seek(seek_result.target_pts, stream=stream)
            read = packets(container, stream, Damage())
            next((p for p in read if p.size and p.is_keyframe), None)
            return seek_result
    return None


def display_image(frame: VideoFrame, aspect: Fraction) -> Image:
    """Convert a frame to an image as it is shown: RGB, square pixels, upright."""
    picture = as_rgb(frame, max(1, round(frame.width * aspect)), frame.height)
    return upright(picture.to_ndarray(), display_matrix(frame))
