"""Full-size stills of a film by exact timestamp, decoding only what leads up to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.container import (
    DECODER_OPTIONS,
    must_be_read_through,
    open_film,
    packet_pts,
    seek_before,
)
from vidcurate.media.decode import Faults, decode, frames_of, timed
from vidcurate.media.orientation import display_matrix, upright
from vidcurate.media.packets import Damage, packets
from vidcurate.records import Video
from vidcurate.table import write_whole

Image = NDArray[np.uint8]
Format = Literal["jpeg", "png", "webp"]

# A still this near is reached by decoding on: keyframes are seldom closer, so a seek would only
# land behind the reading position.
DECODE_ON_S = Fraction(1)
# How far before a frame a seek goes that did not find it: a keyframe may lie nearer than it is good
# for, where the container does not say when frames are shown.
SEEK_BACK_S = (Fraction(0), Fraction(10))
# Frames come out of a decoder this many packets after they went in, at most.
MAX_DELAY = 32
# Decoders that skip pictures on request, picture by picture.
SKIPPING = frozenset({"h264", "hevc"})
HD_HEIGHT = 720
UNSPECIFIED = 2
QUALITY = {"jpeg": cv2.IMWRITE_JPEG_QUALITY, "webp": cv2.IMWRITE_WEBP_QUALITY}
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}


def grab(
    path: Path, video: Video, pts: Sequence[int], offsets: Sequence[int] = ()
) -> Iterator[tuple[int, Image]]:
    """The frames shown at exactly these times, in time order, as they are shown.

    `pts` are ticks of the film's time base, `offsets` those of the scan of a film whose clock
    begins again. An image is RGB, shape (height, width, 3), turned upright, with square pixels.
    Raises MediaError for a time at which the film has no frame.
    """
    wanted = sorted(set(pts))
    for expected, frame in zip_longest(wanted, frames_at(path, video.time_base, wanted, offsets)):
        if frame is None or frame.pts != expected:
            time_s = float(expected * video.time_base)
            raise MediaError(f"no frame can be decoded at {time_s:.6f} s (pts {expected})")
        yield expected, shown_image(frame, video.pixel_aspect)


def frames_at(
    path: Path,
    time_base: Fraction,
    wanted: Sequence[int],
    offsets: Sequence[int] = (),
    options: Mapping[str, str] = DECODER_OPTIONS,
) -> Iterator[VideoFrame]:
    """Those of the frames at these times, which rise, that can be decoded.

    They are sought, and what a seek does not find from further back; a film whose clock begins
    again (`offsets`) is read from its start. `options` are the decoder's.
    """
    with open_film(path) as (container, stream):
        if len(offsets) > 1 or must_be_read_through(container, stream):
            yield from from_start(path, list(wanted), offsets, options)
            return
        stream.codec_context.options = dict(options)
        for group in groups(wanted, int(DECODE_ON_S / time_base)):
            missing = list(group)
            for back_s in SEEK_BACK_S:
                first = group[0] - int(back_s / time_base)
                if missing:
                    yield from pick(decode_for(container, stream, missing, first), missing)
            if missing:
                yield from from_start(path, missing, offsets, options)


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


def pick(frames: Iterable[tuple[int, VideoFrame]], missing: list[int]) -> Iterator[VideoFrame]:
    """Those frames that are missing, which are taken off the list, to the first that is not met."""
    for pts, frame in frames:
        if missing and pts == missing[0]:
            missing.pop(0)
            yield frame
        if not missing or pts > missing[0]:
            return


def from_start(
    path: Path, missing: list[int], offsets: Sequence[int], options: Mapping[str, str]
) -> Iterator[VideoFrame]:
    """Frames as the scan met them, from the film's start; those found are taken off the list."""
    with open_film(path) as (container, stream):
        stream.codec_context.options = dict(options)
        for pts, frame in decode(container, stream, Faults(), offsets):
            while missing and missing[0] < pts:
                missing.pop(0)
            if missing and pts == missing[0]:
                missing.pop(0)
                yield frame
            if not missing:
                return


def decode_for(
    container: InputContainer, stream: VideoStream, wanted: Sequence[int], first: int
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from the keyframe before `first` until the last one wanted can have come out.

    Pictures that no other refers to are skipped, wanted ones excepted.
    """
    landing = seek_before(container, stream, first)
    if landing is None:
        return iter(())
    found = chain([landing.packet], packets(container, stream, Damage()))
    return timed(frames_of(needed(found, stream, wanted), Faults()), stream)


def needed(
    found: Iterable["Packet[VideoStream]"], stream: VideoStream, wanted: Sequence[int]
) -> Iterator["Packet[VideoStream]"]:
    """The packets up to the last that can matter; the decoder is told which it may skip."""
    times = frozenset(wanted)
    beyond = 0
    for packet in found:
        pts = packet_pts(packet)
        keep = packet.pts is None or pts in times or stream.codec_context.name not in SKIPPING
        stream.codec_context.skip_frame = "DEFAULT" if keep else "NONREF"
        yield packet
        beyond += pts is not None and pts > wanted[-1]
        if beyond > MAX_DELAY:
            return


def shown_image(frame: VideoFrame, aspect: Fraction) -> Image:
    """A frame as it is shown: RGB, square pixels, upright."""
    width = max(1, round(frame.width * aspect))
    unnamed = frame.colorspace == UNSPECIFIED and frame.height >= HD_HEIGHT
    picture = frame.reformat(
        width=width,
        height=frame.height,
        format="rgb24",
        src_colorspace="ITU709" if unnamed else None,
        interpolation="BICUBIC",
    )
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

    def write(partial: Path) -> None:
        partial.write_bytes(data)

    write_whole(file, write)
    return small.shape[1], small.shape[0]


def jpeg_of_file(file: Path, max_side: int | None) -> bytes:
    """A still from a file, as JPEG of at most this long side.

    Raises MediaError for a file that is not there or holds no picture.
    """
    image = cv2.imread(str(file)) if file.exists() else None
    if image is None:
        raise MediaError(f"the still {file.name} is gone or damaged")
    return encode_jpeg(shrunk(np.asarray(image[:, :, ::-1], np.uint8), max_side))
