"""Devices that decode on the CPU behind the door of real ones, and give what those give."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from av.video.frame import VideoFrame

from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import SEMIPLANAR
from vidcurate.media.io.devices import EXACT_CODECS, Device

NEVER = 1 << 30
FORMS = {planar: form for form, planar in SEMIPLANAR.items()} | {"yuvj420p": "nv12"}


class DevicePacket:
    """A packet whose frames come as a device's do, until the device fails."""

    def __init__(self, packet: Any, device: "CpuDevice") -> None:
        self.__dict__.update(packet=packet, device=device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.packet, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.packet, name, value)

    def decode(self) -> list[VideoFrame]:
        """Decode on the CPU; raises what FFmpeg says of a device without memory."""
        frames = [self.device.deliver(frame) for frame in self.packet.decode()]
        if self.device.n_frames > self.device.fails_after:
            raise av.error.MemoryError(12, "Cannot allocate memory")
        return frames if self.device.n_frames <= self.device.stops_after else []


class DeviceContainer:
    """A container whose packets are decoded by a device."""

    def __init__(self, container: Any, device: "CpuDevice") -> None:
        self.container = container
        self.device = device

    def __getattr__(self, name: str) -> Any:
        return getattr(self.container, name)

    def demux(self, streams: Any) -> Iterator[DevicePacket]:
        """Read the packets of streams."""
        for packet in self.container.demux(streams):
            yield DevicePacket(packet, self.device)


class CpuDevice:
    """Decodes as a device would: `gives` frames of another form, or fails after some frames.

    It `fails_after` so many with an error, and `stops_after` so many without one. From the frame
    `spoils_from` on it shifts pictures by a pixel.
    """

    def __init__(
        self,
        *,
        fails_after: int = NEVER,
        stops_after: int = NEVER,
        spoils_from: int = NEVER,
        gives: str | None = None,
    ) -> None:
        self.fails_after = fails_after
        self.stops_after = stops_after
        self.gives = gives
        self.spoils_from = spoils_from
        self.n_frames = 0

    def deliver(self, frame: VideoFrame) -> VideoFrame:
        """Bring a frame into the form in which a device gives it."""
        self.n_frames += 1
        given = frame.reformat(format=self.gives or FORMS[frame.format.name], threads=1)
        if self.n_frames >= self.spoils_from:
            luma = np.frombuffer(memoryview(given.planes[0]), np.uint8)
            luma[:] = np.roll(luma, 1)
        return given

    @contextmanager
    def open(self, path: Path) -> Iterator[Any]:
        """Open a video whose frames this device gives."""
        with open_video(path) as (container, stream):
            yield DeviceContainer(container, self), stream

    def device(self, name: str = "cuda") -> Device:
        """The device as the scan knows it."""
        return Device(name, frozenset(EXACT_CODECS), self.open)
