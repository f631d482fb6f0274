"""Full-size stills of a video by exact timestamp, decoding only what leads up to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

import cv2
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
    Landing,
    landings,
    must_be_read_through,
    open_video,
    packet_pts,
)
from vidcurate.media.io.decode import Faults, decode, frames_of, timed
from vidcurate.media.io.interlacing import PROGRESSIVE, is_interlaced, whole_pictures
from vidcurate.media.io.orientation import display_matrix, upright
from vidcurate.media.io.packets import Damage, packets
from vidcurate.records import Video
from vidcurate.store.atomic import atomic_write

Image = NDArray[np.uint8]
Format = Literal["jpeg", "png", "webp"]

# A still this near is reached by decoding on: keyframes are seldom closer, so a seek would only
# land behind the reading position.
DECODE_ON_S = Fraction(1)
# Frames come out of a decoder this many packets after they went in, at most.
MAX_DELAY = 32
# Decoders that skip pictures on request, picture by picture.
SKIPPING = frozenset({"h264", "hevc"})
QUALITY = {"jpeg": cv2.IMWRITE_JPEG_QUALITY, "webp": cv2.IMWRITE_WEBP_QUALITY}
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}


def grab(
    path: Path, video: Video, pts: Sequence[int], offsets: Sequence[int] = ()
) -> Iterator[tuple[int, Image]]:
    """The frames shown at exactly these times, in time order, as they are shown.

    `pts` are ticks of the video's time base, `offsets` those of the scan of a video whose clock
    begins again. An image is RGB in the colours of an ordinary display, shape (height, width, 3),
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
        yield expected, shown_image(frame, video.pixel_aspect)


def frames_at(
    path: Path,
    time_base: Fraction,
    wanted: Sequence[int],
    offsets: Sequence[int] = (),
    field_order: str = PROGRESSIVE,
    options: Mapping[str, str] = DECODER_OPTIONS,
) -> Iterator[tuple[int, VideoFrame]]:
    """Those of the frames at these times, which rise, that can be decoded, each after its time.

    Reading begins at the keyframe before; where a frame does not come out of that, as where the
    container calls frames keyframes that are none, further and further back, at last at the start.
    A video whose clock begins again (`offsets`) is read from its start. Frames of a video with a
    `field_order` are deinterlaced. `options` are the decoder's.
    """
    with open_video(path) as (container, stream):
        if len(offsets) > 1 or must_be_read_through(container, stream):
            yield from from_start(path, list(wanted), offsets, field_order, options)
            return
        stream.codec_context.options = dict(options)
        for group in groups(wanted, int(DECODE_ON_S / time_base)):
            missing = list(group)
            yield from sought(container, stream, missing, field_order)
            if missing:
                yield from from_start(path, missing, offsets, field_order, options)


def groups(wanted: Sequence[int], near: int) -> Iterator[list[int]]:
    """Times in order, parted where the next is more than `near` ticks away."""
    group: list[int] = []
    for pts in wanted:
        if group and pts - group[-1] > near:
            yield group
            group = []
        group.append(pts)
    if group:
        yield group


def sought(
    container: InputContainer, stream: VideoStream, missing: list[int], field_order: str
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames that some keyframe leads to; those found are taken off the list."""
    while missing:
        due = missing[0]
        for landing in landings(container, stream, due):
            frames = decoded_from(container, stream, landing, missing, field_order)
            yield from pick(whole_pictures(frames, field_order), missing)
            if not missing or missing[0] != due:
                break
        else:
            return


def pick(
    frames: Iterable[tuple[int, VideoFrame]], missing: list[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Those frames that are missing, which are taken off the list, to the first that is not met."""
    for pts, frame in frames:
        if missing and pts == missing[0]:
            missing.pop(0)
            yield pts, frame
        if not missing or pts > missing[0]:
            return


def from_start(
    path: Path,
    missing: list[int],
    offsets: Sequence[int],
    field_order: str,
    options: Mapping[str, str],
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames as the scan met them, from the video's start; those found are taken off the list."""
    with open_video(path) as (container, stream):
        stream.codec_context.options = dict(options)
        frames = decode(container, stream, Faults(), offsets)
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
    landing: Landing,
    wanted: Sequence[int],
    field_order: str,
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from a keyframe on until the last wanted one can have come out.

    Nothing comes from what was called a keyframe and is none, or is only where pictures begin to be
    refreshed part by part: decoders show those too early.
    """
    found = chain([landing.packet], packets(container, stream, Damage()))
    may_skip = stream.codec_context.name in SKIPPING and not is_interlaced(field_order)
    read = needed(found, stream, wanted, may_skip=may_skip)
    is_sure = False
    for pts, frame in timed(frames_of(read, Faults()), stream):
        if pts < landing.key_pts:
            continue
        if not is_sure and not frame.key_frame and frame.pict_type != PictureType.I:
            return
        is_sure = True
        yield pts, frame


def needed(
    found: Iterable["Packet[VideoStream]"],
    stream: VideoStream,
    wanted: Sequence[int],
    *,
    may_skip: bool,
) -> Iterator["Packet[VideoStream]"]:
    """The packets up to the last that can matter.

    The decoder is told to skip pictures that no other refers to, wanted ones excepted.
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


def true_landing(container: InputContainer, stream: VideoStream, pts: int) -> Landing | None:
    """As container.seek_before, but from what is called a keyframe and is none, further back."""
    for landing in landings(container, stream, pts):
        frames = decoded_from(container, stream, landing, (landing.key_pts,), PROGRESSIVE)
        if next(frames, None) is not None:
            container.seek(landing.target_pts, stream=stream)
            read = packets(container, stream, Damage())
            next((p for p in read if p.size and p.is_keyframe), None)
            return landing
    return None


def shown_image(frame: VideoFrame, aspect: Fraction) -> Image:
    """A frame as it is shown: RGB, square pixels, upright."""
    picture = as_rgb(frame, max(1, round(frame.width * aspect)), frame.height)
    return upright(picture.to_ndarray(), display_matrix(frame))


def shrunk(image: Image, max_side: int | None) -> Image:
    """An image whose longer side is at most `max_side` pixels; never enlarged."""
    height, width = image.shape[:2]
    if max_side is None or max(width, height) <= max_side:
        return image
    factor = max_side / max(width, height)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_jpeg(image: Image, quality: int = 90) -> bytes:
    """An RGB image as JPEG, quality 1 to 100."""
    return encode_image(image, "jpeg", quality)


def encode_image(image: Image, format: Format, quality: int) -> bytes:  # noqa: A002 - the field's word
    """An RGB image as the bytes of a file; PNG is lossless and takes no quality."""
    settings = [QUALITY[format], quality] if format in QUALITY else []
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(SUFFIXES[format], bgr, settings)
    if not done:
        raise MediaError(f"a picture of {image.shape[1]}x{image.shape[0]} cannot be {format}")
    return data.tobytes()


def write_still(
    image: Image,
    file: Path,
    format: Format = "jpeg",  # noqa: A002 - the field's word
    quality: int = 90,
    max_side: int | None = None,
) -> tuple[int, int]:
    """Write an RGB image, whole or not at all; gives the width and height it was written with."""
    small = shrunk(image, max_side)
    data = encode_image(small, format, quality)
    with atomic_write(file) as partial:
        partial.write_bytes(data)
    return small.shape[1], small.shape[0]


def jpeg_of_file(file: Path, max_side: int | None) -> bytes:
    """A still from a file, as JPEG of at most this long side.

    Raises MediaError for a file that is not there or holds no picture.
    """
    image = cv2.imread(str(file)) if file.exists() else None
    if image is None:
        raise MediaError(f"the still {file.name} is gone or damaged")
    return encode_jpeg(shrunk(np.asarray(image[:, :, ::-1], np.uint8), max_side))
