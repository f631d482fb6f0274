"""Images as files: shrinking, encoding, decoding and writing them."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.store.atomic import atomic_write

Image = NDArray[np.uint8]
Format = Literal["jpeg", "png", "webp"]

QUALITY = {"jpeg": cv2.IMWRITE_JPEG_QUALITY, "webp": cv2.IMWRITE_WEBP_QUALITY}
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}


def decode_image(data: bytes, flags: int, fault: str) -> Image:
    """Decode an image file by OpenCV, in the colours that `flags` ask for.

    Raises MediaError with `fault` for bytes that are no image.
    """
    content = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(content, flags) if len(content) else None
    if image is None:
        raise MediaError(fault)
    return np.asarray(image, np.uint8)


def shrink_image(image: Image, max_side: int | None) -> Image:
    """Shrink an image so that its longer side is at most `max_side` pixels; never enlarge it."""
    height, width = image.shape[:2]
    if max_side is None or max(width, height) <= max_side:
        return image
    factor = max_side / max(width, height)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def resize_image(image: Image, width: int, height: int) -> Image:
    """Resize an image to exactly this size, whatever its own proportions."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def encode_jpeg(image: Image, quality: int = 90) -> bytes:
    """Encode an RGB image as JPEG, quality 1 to 100."""
    return encode_image(image, "jpeg", quality)


def encode_image(image: Image, format: Format, quality: int) -> bytes:  # noqa: A002 - the field's word
    """Encode an RGB image as the bytes of a file; PNG is lossless and takes no quality."""
    settings = [QUALITY[format], quality] if format in QUALITY else []
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(SUFFIXES[format], bgr, settings)
    if not done:
        raise MediaError(f"a picture of {image.shape[1]}x{image.shape[0]} cannot be {format}")
    return data.tobytes()


def write_image(
    image: Image,
    file: Path,
    format: Format = "jpeg",  # noqa: A002 - the field's word
    quality: int = 90,
    max_side: int | None = None,
) -> tuple[int, int]:
    """Write an RGB image, completely or not at all; returns its width and height in the file."""
    small = shrink_image(image, max_side)
    data = encode_image(small, format, quality)
    with atomic_write(file) as partial:
        partial.write_bytes(data)
    return small.shape[1], small.shape[0]


def read_image(file: Path) -> Image:
    """Read an image file as RGB.

    Raises MediaError for a file that is not there or holds no picture.
    """
    image = cv2.imread(str(file)) if file.exists() else None
    if image is None:
        raise MediaError(f"the keyframe {file.name} is gone or damaged")
    return np.asarray(image[:, :, ::-1], np.uint8)


def decode_jpeg(data: bytes) -> Image:
    """Decode the bytes of an image file as RGB; raises MediaError for what is no picture."""
    bgr = decode_image(data, cv2.IMREAD_COLOR, "the picture cannot be decoded")
    return np.ascontiguousarray(bgr[:, :, ::-1])


def read_thumbnail(file: Path, height: int) -> Image:
    """Read an image file as RGB, `height` pixels high, without decoding all of a large JPEG.

    Raises MediaError for a file that is not there or holds no picture.
    """
    reduced = cv2.imread(str(file), cv2.IMREAD_REDUCED_COLOR_4) if file.exists() else None
    if reduced is None or reduced.shape[0] < height:
        image = read_image(file)
    else:
        image = np.asarray(reduced[:, :, ::-1], np.uint8)
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return resize_image(image, width, height)


def read_as_jpeg(file: Path, max_side: int | None) -> bytes:
    """Read an image file as JPEG of at most this long side.

    Raises MediaError for a file that is not there or holds no picture.
    """
    return encode_jpeg(shrink_image(read_image(file), max_side))
