"""Full-size stills of a film by exact timestamp, decoding only what leads up to them."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.colours import as_rgb
from vidcurate.media.container import Landing, landings, open_film, packet_pts
from vidcurate.media.fields import PROGRESSIVE, is_interlaced, whole_pictures
from vidcurate.media.orientation import display_matrix, upright
from vidcurate.records import Video
from vidcurate.table import write_whole

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


def grab(path: Path, video: Video, pts: Sequence[int]) -> Iterator[tuple[int, Image]]:
    """The frames shown at exactly these times, in time order, as they are shown.

    `pts` are ticks of the film's time base. An image is RGB in the colours of an ordinary display,
    shape (height, width, 3), upright, deinterlaced, with square pixels. Raises MediaError for a
    time at which the film has no frame.
    """
    near = int(DECODE_ON_S / video.time_base)
    with open_film(path) as (container, stream):
        for group in groups(sorted(set(pts)), near):
            found = 0
            for time, frame in frames_at(container, stream, group, video.field_order):
                if time != group[found]:
                    break
                found += 1
                yield time, shown_image(frame, video.pixel_aspect)
            if found < len(group):
                lost = group[found]
                time_s = float(lost * video.time_base)
                raise MediaError(f"no frame can be decoded at {time_s:.6f} s (pts {lost})")


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


def frames_at(
    container: InputContainer,
    stream: VideoStream,
    wanted: Sequence[int],
    field_order: str = PROGRESSIVE,
) -> Iterator[tuple[int, VideoFrame]]:
    """The frames at times that lie close together and rise, without those that cannot be decoded.

    Reading begins at the keyframe before; where a frame does not come out of that, as where the
    container calls frames keyframes that are none, further and further back, at last at the start.
    """
    missing = deque(wanted)
    while missing:
        due = missing[0]
        # Each landing is sought when it is its turn.
        for landing in chain(landings(container, stream, due), [None]):
            frames = decoded_from(container, stream, landing, missing, field_order)
            for pts, frame in whole_pictures(frames, field_order):
                if pts > missing[0]:
                    break
                if pts == missing[0]:
                    missing.popleft()
                    yield pts, frame
                    if not missing:
                        return
            if missing[0] != due:
                break
        else:
            missing.popleft()


def decoded_from(
    container: InputContainer,
    stream: VideoStream,
    landing: Landing | None,
    wanted: Collection[int],
    field_order: str,
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from a keyframe, or the film's start, until the last wanted one can have come out.

    Pictures that no other refers to are skipped, wanted ones excepted. Nothing comes from what was
    called a keyframe and is none, or is only where pictures begin to be refreshed part by part:
    decoders show those too early.
    """
    if landing is None:
        container.seek(0)
    times, last = frozenset(wanted), max(wanted)
    may_skip = stream.codec_context.name in SKIPPING and not is_interlaced(field_order)
    is_sure = landing is None
    beyond = 0
    for packet in packets_from(container, stream, landing):
        pts = packet_pts(packet)
        keep = packet.pts is None or pts in times or not may_skip
        stream.codec_context.skip_frame = "DEFAULT" if keep else "NONREF"
        try:
            frames = stream.decode(packet)
        except av.error.FFmpegError:
            # Damage between the wanted frames does no harm; a wanted one is missed by the caller.
            continue
        for frame in frames:
            if frame.pts is None or (landing is not None and frame.pts < landing.key_pts):
                continue
            if not is_sure and not frame.key_frame and frame.pict_type != PictureType.I:
                return
            is_sure = True
            yield frame.pts, frame
        beyond += pts is not None and pts > last
        if beyond > MAX_DELAY:
            return


def true_landing(container: InputContainer, stream: VideoStream, pts: int) -> Landing | None:
    """As container.seek_before, but from what is called a keyframe and is none, further back."""
    for landing in landings(container, stream, pts):
        frames = decoded_from(container, stream, landing, (landing.key_pts,), PROGRESSIVE)
        if next(frames, None) is not None:
            container.seek(landing.target_pts, stream=stream)
            next((p for p in container.demux(stream) if p.size and p.is_keyframe), None)
            return landing
    return None


def packets_from(
    container: InputContainer, stream: VideoStream, landing: Landing | None
) -> Iterator["Packet[VideoStream]"]:
    """The keyframe that was read already, the packets after it, then the one that flushes."""
    if landing is not None:
        yield landing.packet
    yield from container.demux(stream)


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
