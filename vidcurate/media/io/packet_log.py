"""What a video's packets say of its frames: frames that are not decoded keep their times."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidcurate.media.io.decode import Faults

# Packets this small may say only that nothing changed, and give no frame of their own.
MPEG4_EMPTY_BYTES = 8
VP8_SHOWN = 0x10

Ticks = NDArray[np.int64]


@dataclass(slots=True)
class PacketLog:
    """Times, sizes and keyframe flags of the packets that show a frame, in decoding order.

    `first` is the time and the flag of the first packet of all, which may show none; `n_untimed`
    counts packets without a display time, `n_empty` those that may give no frame.
    """

    pts: "array[int]" = field(default_factory=lambda: array("q"))
    sizes: "array[int]" = field(default_factory=lambda: array("q"))
    keys: "array[int]" = field(default_factory=lambda: array("b"))
    first: tuple[int, bool] | None = None
    last_pts: int | None = None
    last_duration: int = 0
    n_untimed: int = 0
    n_empty: int = 0

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.pts)

    def record(
        self, found: Iterable["Packet[Any]"], stream: VideoStream
    ) -> Iterator[tuple[int | None, "Packet[Any]"]]:
        """Pass packets on, each with the number of the frame it shows; None where it shows none.

        Packets outside an edit list are decoded for others and not shown.
        """
        codec = stream.codec_context
        reorders = codec.has_b_frames
        for packet in found:
            if self.first is None and packet.size and packet.pts is not None:
                self.first = packet.pts, packet.is_keyframe
            if not packet.size or packet.is_discard or is_hidden(packet, codec.name):
                yield None, packet
                continue
            pts = packet.pts
            if pts is None and not reorders:
                pts = packet.dts
            if pts is None:
                self.n_untimed += 1
                yield None, packet
                continue
            self.n_empty += codec.name == "mpeg4" and packet.size <= MPEG4_EMPTY_BYTES
            self.pts.append(pts)
            self.sizes.append(packet.size)
            self.keys.append(packet.is_keyframe)
            if self.last_pts is None or pts > self.last_pts:
                self.last_pts, self.last_duration = pts, packet.duration or 0
            yield len(self) - 1, packet

    def order(self) -> NDArray[np.intp]:
        """Return the numbers of the frames in the order of time."""
        return np.argsort(np.asarray(self.pts, np.int64), kind="stable")


def is_hidden(packet: "Packet[Any]", codec: str) -> bool:
    """Check whether a packet holds a picture that only others refer to, as VP8 has them."""
    return codec == "vp8" and not memoryview(packet)[0] & VP8_SHOWN


def untold(log: PacketLog, faults: Faults) -> str | None:
    """Say why packets do not tell when frames are shown; None where they do."""
    if log.n_untimed or not len(log):
        return "its packets have no display times"
    pts = np.asarray(log.pts, np.int64)
    begins, is_key = log.first or (int(pts[0]), bool(log.keys[0]))
    reasons = {
        "parts of the file cannot be read": faults.n_errors or faults.stopped,
        "its clock begins again": len(faults.offsets) > 1,
        "some of its packets may show nothing": log.n_empty,
        "it does not begin with a keyframe": not is_key or pts.min() < begins,
        "frames share a display time": len(np.unique(pts)) < len(pts),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
