"""Devices that decode video instead of the CPU, used only where they give the CPU's pictures.

A device decodes a video up to the first sign that it cannot: what then comes is a MediaError, and
the CPU decodes the video from its start. PyAV brings a device's pictures into memory.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import av.error
import av.logging
import numpy as np
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidcurate.errors import MediaError
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import SEMIPLANAR, Faults, as_planar, decode_video
from vidcurate.media.io.packets import error_text

CPU = "cpu"
AUTO = "auto"
# In the order in which `auto` tries them.
NAMES = ("cuda", "videotoolbox", "vaapi")
# Codecs whose standards leave a decoder no choice of values. MPEG-2, MPEG-4 and JPEG do.
EXACT_CODECS = ("h264", "hevc", "vp8", "vp9")
# About a second: drivers err in predicted pictures where they do not in the first.
COMPARED = 24

Opened = AbstractContextManager[tuple[InputContainer, VideoStream]]


@dataclass(frozen=True, slots=True)
class Device:
    """A device that opens on this machine.

    `codecs` are FFmpeg's names of what it decodes, `open` is container.open_video on it.
    """

    name: str
    codecs: frozenset[str]
    open: Callable[[Path], Opened]


def device_of(name: str) -> Device:
    """Return a device that opens on this machine, by its name."""
    codecs = frozenset(codec for codec in EXACT_CODECS if name in device_types(codec))
    accel = HWAccel(name, allow_software_fallback=False)
    return Device(name, codecs, partial(open_video, accel=accel))


def device_types(codec: str) -> set[str]:
    """Return the names of the devices for which this build of PyAV has a decoder of a codec."""
    return {c.device_type.name for c in Codec(codec, "r").hardware_configs if c.is_supported}


def names_of(hwaccel: str) -> tuple[str, ...]:
    """Return the names of the devices that may be used, by a device's name or "auto"."""
    return tuple(n for n in NAMES if n in hwdevices_available()) if hwaccel == AUTO else (hwaccel,)


def devices_that_open(hwaccel: str) -> tuple[Device, ...]:
    """Return the device of a name, or with "auto" all, as far as they open on this machine."""
    return tuple(device_of(name) for name in names_of(hwaccel) if device_fault(name) is None)


def opening_fault(hwaccel: str) -> str | None:
    """Say why no device opens here, by a device's name or "auto"; None where one does."""
    faults = [device_fault(name) for name in names_of(hwaccel)]
    if None in faults:
        return None
    return "; ".join(map(str, faults)) or "this build of PyAV decodes on none"


@cache
def device_fault(name: str) -> str | None:
    """Say in FFmpeg's words why a device does not open on this machine; None where it does."""
    codec = next((codec for codec in EXACT_CODECS if name in device_types(codec)), None)
    if codec is None:
        built = ", ".join(names_of(AUTO))
        return f"this build of PyAV decodes on {built or 'no device'}, not on {name}"
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as lines:
            HWAccel(name).create(Codec(codec, "r"))
    except av.error.FFmpegError as error:
        return f"{name} does not open: {lines[0][2].strip() if lines else error_text(error)}"
    finally:
        av.logging.set_level(None)
    return None


def decode_on_device(
    container: InputContainer,
    stream: VideoStream,
    faults: Faults,
    expected: Iterator[tuple[int, VideoFrame]],
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield every frame of a video that was opened on a device; see decode.decode_video.

    `expected` are its frames as the CPU decodes them, of which the first COMPARED are compared.
    Raises MediaError where the device gives others, and at the first damage, as which a failing
    device appears too: of a damaged video no two decoders show the same.
    """
    frames = decode_video(container, stream, faults, decode=decode_undamaged)
    for number, (pts, frame) in enumerate(frames, 1):
        if frame.format.name not in SEMIPLANAR:
            raise MediaError(f"pictures come as {frame.format.name}")
        if number <= COMPARED and not is_same((pts, frame), next(expected, None)):
            raise MediaError(f"picture {number} is not the one that the CPU decodes")
        yield pts, frame


def decode_undamaged(found: Iterable["Packet[Any]"], _faults: Faults) -> Iterator[Any]:
    """Yield the frames of packets; raises MediaError at the first that is refused or damaged."""
    for packet in found:
        try:
            frames: list[Any] = packet.decode()
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(error_text(error)) from error
        for frame in frames:
            if frame.is_corrupt:
                raise MediaError("a picture is damaged")
            yield frame


def is_same(found: tuple[int, VideoFrame], expected: tuple[int, VideoFrame] | None) -> bool:
    """Check whether two frames have the same time, the same tags and the same pixels."""
    if expected is None:
        return False
    tags, expected_tags = (
        (pts, frame.key_frame, frame.colorspace, frame.color_range, frame.color_primaries)
        for pts, frame in (found, expected)
    )
    frame, picture = as_planar(found[1]), expected[1]
    is_one_form = frame.format.name == picture.format.name.replace("yuvj", "yuv")
    return (
        tags == expected_tags
        and is_one_form
        and np.array_equal(frame.to_ndarray(), picture.to_ndarray())
    )
