"""Frames decoded right after their keyframe, without those between, to see what they show anew.

An encoder codes a shot that begins between keyframes by itself, for what was before is of no use to
it. So its first picture comes out nearly whole, while one that goes on with a shot comes out much
like the keyframe.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidcurate.media.io.decode import Faults, Shrinker, decode_packets, shrinker_for
from vidcurate.media.scan.partial import rest_of, shown_at
from vidcurate.media.shots.bands import HEIGHT, WIDTH, small_yuv

# Codecs whose packets can be read without those before; others go on with learned probabilities.
READ_ALONE = frozenset({"h264", "hevc", "h263", "flv1", "mpeg1video", "mpeg2video", "mpeg4"})


@dataclass(slots=True)
class Glimpses:
    """Takes glimpses of the frames at the times `wanted`, and keeps their tiny pictures by time."""

    wanted: frozenset[int]
    pictures: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    key: "Packet[Any] | None" = None
    taken: dict[int, "Packet[Any]"] = field(default_factory=dict)
    shrinker: Shrinker | None = None

    def begin(self, key: "Packet[Any]") -> None:
        """Go on from another keyframe."""
        self.key = key

    def look(self, packet: "Packet[Any]", pts: int, codec: VideoCodecContext) -> None:
        """Decode a packet after its keyframe, if a glimpse of it is wanted; the decoder is idle."""
        if self.key is None or pts not in self.wanted or codec.name not in READ_ALONE:
            return
        codec.skip_frame = "DEFAULT"
        # What is not whole comes out too.
        codec.flags |= Flags.output_corrupt
        self.keep(decode_packets([packet] if self.taken else [self.key, packet], Faults()))
        self.taken[pts] = packet

    def end(self, codec: VideoCodecContext) -> None:
        """Take what the decoder still holds, and leave it idle.

        A decoder may take a packet for one of long before, and show nothing; by itself it shows.
        """
        if self.key is None or not self.taken:
            return
        self.keep(rest_of(codec, Faults()))
        for packet in (packet for pts, packet in self.taken.items() if pts not in self.pictures):
            self.keep(decode_packets([self.key, packet], Faults()))
            self.keep(rest_of(codec, Faults()))
        codec.flags &= ~Flags.output_corrupt
        self.taken = {}

    def keep(self, frames: Iterable[VideoFrame]) -> None:
        """Keep the pictures of frames that are wanted; the keyframe is none of them."""
        for frame in frames:
            pts = shown_at(frame)
            if pts in self.wanted:
                self.shrinker = self.shrinker or shrinker_for(frame)
                picture = self.pictures[pts] = np.empty((3, HEIGHT, WIDTH), np.uint8)
                small_yuv(self.shrinker.shrink(frame), picture)
