"""The facts of a video from its container, so that a bad file fails before it is decoded."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidcurate.errors import MediaError
from vidcurate.media.audio.track_choice import find_track
from vidcurate.media.io.colour import (
    FULL_RANGE,
    HLG,
    MATRICES,
    PQ,
    PRIMARIES,
    RGB,
    SCALED,
    TRANSFERS,
    UNKNOWN,
    colours_of,
    display_filters,
    is_rgb,
)
from vidcurate.media.io.container import (
    AV_TIME,
    COVER_PICTURES,
    check_first_bytes,
    moving_streams,
    open_video,
    seek_before,
)
from vidcurate.media.io.encryption import is_encrypted
from vidcurate.media.io.envelope import missing_bytes
from vidcurate.media.io.interlacing import (
    BOTTOM,
    MAX_HEIGHT,
    MIN_HEIGHT,
    ORDERS,
    PROGRESSIVE,
    TOP,
    field_order,
    is_interlaced,
)
from vidcurate.media.io.orientation import (
    MAX_PIXELS,
    display_matrix,
    display_size,
    pixel_aspect,
    rotation_deg,
)
from vidcurate.media.io.packets import Damage, packets
from vidcurate.media.io.timing import Timing, measure_timing
from vidcurate.records import Video

REORDERING = frozenset({"h264", "hevc"})
HDR = frozenset({"smpte2084", "arib-std-b67"})
# A video begins with pictures that no decoder shows (open GOP, damaged head): so many are allowed.
FIRST_PACKETS = 300
# So many neighbouring frames at the start and at these parts of a video decide whether it is
# interlaced.
FRAMES_PROBED = 8
PARTS_PROBED = (Fraction(1, 3), Fraction(2, 3))
OPAQUE = 255
# Decoders that flag each frame, so that a stream's own word counts for less.
FLAGS_FRAMES = frozenset({"mpeg1video", "mpeg2video", "h264", "hevc", "vc1", "wmv3", "dvvideo"})


def probe_video(path: Path, video_id: str) -> Video:
    """Read the container facts of a video; a few frames are decoded for what only they show.

    Raises MediaError, with the reason in plain words, for a file that is no video, cannot be read
    or cannot be decoded. A video that can be read though its header is wrong has `faults`.
    """
    check_first_bytes(path)
    if is_encrypted(path):
        raise MediaError("encrypted: it can be decoded with its key only")
    with open_video(path, makes_times=True) as (container, stream):
        timing = measure_timing(container, stream, path)
        if timing.n_frames == 1:
            raise MediaError("a still image, not a video")
        if timing.n_frames <= COVER_PICTURES and sound_outlasts_picture(container, stream, timing):
            raise MediaError("a cover picture and sound, not a video")
    with open_video(path) as (container, stream):
        return video_record(path, video_id, container, stream, timing)


def sound_outlasts_picture(container: InputContainer, stream: VideoStream, timing: Timing) -> bool:
    """Check whether a video's few pictures are over long before its sound."""
    base = stream.time_base or AV_TIME
    length_s = container.duration and container.duration * AV_TIME
    shown_s = (timing.end_pts - timing.start_pts) * base
    return bool(container.streams.audio and length_s and length_s > 2 * shown_s + 1)


def first_frames(container: InputContainer, stream: VideoStream) -> list[VideoFrame]:
    """Return the first frames that the decoder gives.

    Raises MediaError if there is none among the first packets.
    """
    read = islice(packets(container, stream, Damage()), FIRST_PACKETS)
    frames = list(islice(decode_past_damage(stream, read), FRAMES_PROBED))
    if frames:
        return frames
    decoder = stream.codec_context
    if not decoder.width:  # the decoder forgets a size that it refuses
        millions = MAX_PIXELS // 1_000_000
        raise MediaError(f"pictures of no stated size, or of over {millions} million pixels")
    raise MediaError(f"no frame can be decoded (codec {decoder.name})")


def later_frames(
    container: InputContainer, stream: VideoStream, timing: Timing
) -> Iterator[list[VideoFrame]]:
    """Yield neighbouring frames at a few parts of the video that can be sought and decoded."""
    for part in PARTS_PROBED:
        pts = timing.start_pts + int(part * (timing.end_pts - timing.start_pts))
        seek_result = seek_before(container, stream, pts)
        if seek_result is not None:
            read = chain([seek_result.packet], packets(container, stream, Damage()))
            yield list(
                islice(decode_past_damage(stream, islice(read, FIRST_PACKETS)), FRAMES_PROBED)
            )


def decode_past_damage(
    stream: VideoStream, read: Iterator["Packet[VideoStream]"]
) -> Iterator[VideoFrame]:
    """Yield the frames of packets, skipping damage, which is common in joined recordings."""
    for packet in read:
        try:
            yield from stream.decode(packet)
        except av.error.FFmpegError:
            continue


def video_record(
    path: Path, video_id: str, container: InputContainer, stream: VideoStream, timing: Timing
) -> Video:
    """Build the row of an opened video."""
    several = len(moving_streams(container, path)) > 1
    frames = first_frames(container, stream)
    frame = frames[0]
    base = stream.time_base or AV_TIME
    rotation = rotation_deg(display_matrix(frame))
    aspect = pixel_aspect(stream.sample_aspect_ratio, frame.width, frame.height)
    display = display_size(frame.width, frame.height, aspect, rotation)
    track, sound_faults = find_track(path)
    transfer = TRANSFERS.get(frame.color_trc, UNKNOWN)
    order = video_field_order(container, stream, timing, frames)
    faults = (*file_faults(path, container, stream), *timing.faults, *sound_faults)
    if several:
        faults += (f"several video streams: number {stream.index} is taken",)
    return Video(
        video_id=video_id,
        container=container.format.name,
        size_bytes=path.stat().st_size,
        duration_s=float((timing.end_pts - timing.start_pts) * base),
        end_s=float(timing.end_pts * base),
        time_base=base,
        start_pts=timing.start_pts,
        container_start_us=container.start_time or 0,
        frame_rate=timing.frame_rate,
        is_vfr=timing.is_vfr,
        n_frames_header=stream.frames,
        video_codec=stream.codec_context.codec.canonical_name,
        pixel_format=frame.format.name,
        bit_depth=frame.format.components[0].bits,
        matrix=MATRICES.get(frame.colorspace, UNKNOWN),
        primaries=PRIMARIES.get(frame.color_primaries, UNKNOWN),
        transfer=transfer,
        is_full_range=frame.color_range == FULL_RANGE or is_rgb(frame.format),
        is_hdr=transfer in HDR,
        field_order=order,
        is_interlaced=is_interlaced(order),
        width=frame.width,
        height=frame.height,
        rotation_deg=rotation,
        pixel_aspect=aspect,
        display_width=display[0],
        display_height=display[1],
        bit_rate=container.bit_rate,
        audio_index=track.index if track else None,
        audio_codec=track.codec if track else None,
        audio_layout=track.layout if track else None,
        audio_channels=track.channels if track else None,
        audio_rate_hz=track.rate_hz if track else None,
        faults=(*faults, *picture_faults(frame, stream, order)),
    )


def video_field_order(
    container: InputContainer, stream: VideoStream, timing: Timing, frames: list[VideoFrame]
) -> str:
    """Detect which field is shown first, from frames here and there or else as stated."""
    decoder = stream.codec_context
    stated = ORDERS.get(decoder.field_order, UNKNOWN)
    if any(frame.interlaced_frame for frame in frames):
        usual = BOTTOM if decoder.name == "dvvideo" else TOP
        stated = stated if stated in (TOP, BOTTOM) else usual
    elif decoder.name in FLAGS_FRAMES:
        stated = PROGRESSIVE
    if not MIN_HEIGHT <= frames[0].height <= MAX_HEIGHT:
        return stated
    runs = chain([frames], later_frames(container, stream, timing))
    return field_order(runs, 1 + len(PARTS_PROBED), stated)


def picture_faults(frame: VideoFrame, stream: VideoStream, order: str) -> tuple[str, ...]:
    """Describe how a video's pictures differ from ordinary ones, and what is done about it."""
    faults = []
    if is_interlaced(order):
        faults.append(
            f"interlaced, {order} field first: encoded clips and keyframes are deinterlaced"
        )
    colours = colours_of(frame)
    if display_filters(colours) is not None:
        name = TRANSFERS[colours.transfer] if colours.transfer in (PQ, HLG) else "wide colours"
        faults.append(f"{name}: encoded clips and keyframes are brought into BT.709")
    if frame.colorspace in MATRICES and frame.colorspace not in (RGB, *SCALED):
        faults.append(f"colours in {MATRICES[frame.colorspace]} are not converted: they are wrong")
    if is_transparent(frame) or stream.metadata.get("alpha_mode") == "1":
        faults.append("transparency is left out: pictures are shown as if opaque")
    stated = stream.sample_aspect_ratio
    if stated and pixel_aspect(stated, frame.width, frame.height) != stated:
        faults.append(f"pixels of {stated} are taken as square")
    return tuple(faults)


def is_transparent(frame: VideoFrame) -> bool:
    """Check whether a picture is partly transparent."""
    if not (frame.format.has_palette or any(part.is_alpha for part in frame.format.components)):
        return False
    return bool(frame.to_ndarray(format="rgba")[:, :, 3].min() < OPAQUE)


def file_faults(path: Path, container: InputContainer, stream: VideoStream) -> tuple[str, ...]:
    """Describe what is wrong with a video apart from the length in its header."""
    faults = []
    cut_short = missing_bytes(path)
    if cut_short is not None:
        faults.append(cut_short)
    codec = stream.codec_context
    if container.format.name == "avi" and codec.name in REORDERING and codec.has_b_frames:
        faults.append(
            f"AVI stores no display times for {codec.name} with B-frames: they are guesses"
        )
    return tuple(faults)
