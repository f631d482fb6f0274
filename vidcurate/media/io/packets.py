"""Reading a video's packets past damage, on one clock that advances through joined recordings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

# A demuxer that looks for the next packet gives up after 64 KiB, and may be asked again.
RESYNC_BYTES = 1 << 14
LEAST_TRIES = 1000
# What means "again", and damage that a demuxer can read on after.
PASSING = (av.error.BlockingIOError, av.error.InvalidDataError)
# A clock that goes back so far begins again; less is a frame out of order.
RESTART_S = 1


@dataclass(slots=True)
class Damage:
    """What went wrong while packets were read; grows as reading goes on.

    `n_errors` counts what was read past; `stopped` is the error that ended the reading; `n_read` is
    how many bytes of the file lie before the end of its last packet.
    """

    n_errors: int = 0
    stopped: str | None = None
    n_read: int = 0


@dataclass(slots=True)
class Clock:
    """A stream's clock, which goes on where a recording that was joined to another begins anew.

    `offsets` are the ticks to be added in each part of the video; where they are not known yet,
    each part goes on where the one before it ended. `end` is where the packets so far end by their
    own times, `due` by their number where some have none.
    """

    offsets: list[int] = field(default_factory=lambda: [0])
    part: int = 0
    last: int | None = None
    end: int | None = None
    due: int | None = None
    lacks_times: bool = False

    def place(self, packet: "Packet[Any]", restart: int) -> None:
        """Put a packet on the clock; it begins again where time goes back by `restart` ticks."""
        stored = packet.pts if packet.dts is None else packet.dts
        if stored is None:
            self.lacks_times = True
            return
        begins = stored if packet.pts is None else packet.pts
        if self.last is not None and self.last - stored > restart:
            self.begin_part(begins)
        self.last = stored
        offset = self.offsets[min(self.part, len(self.offsets) - 1)]
        if offset:
            packet.pts = None if packet.pts is None else packet.pts + offset
            packet.dts = None if packet.dts is None else packet.dts + offset
        duration = packet.duration or 1
        self.lacks_times |= packet.pts is None
        self.end = max(begins + offset + duration, self.end or begins + offset)
        self.due = (begins + offset if self.due is None else self.due) + duration

    def begin_part(self, begins: int) -> None:
        """A new part, whose first packet is shown at `begins` of its own clock."""
        self.part += 1
        if self.part == len(self.offsets):
            ends = [self.end or 0, *([self.due or 0] if self.lacks_times else [])]
            self.offsets.append(max(ends) - begins)
        self.end = self.due = None
        self.lacks_times = False


def packets(
    container: InputContainer, streams: Stream | Sequence[Stream], damage: Damage
) -> Iterator["Packet[Any]"]:
    """All packets from here on, then those that flush the decoders, going on after damage.

    Reading ends at an error that is not passing, as of a disk, and where passing ones are more
    than a file of this size can give: one every 16 KiB.
    """
    left = LEAST_TRIES + (container.size or 0) // RESYNC_BYTES
    reading = container.demux(streams)
    while True:
        try:
            packet = next(reading, None)
        except PASSING as error:
            damage.n_errors += 1
            if damage.n_errors > left:
                damage.stopped = reason(error)
                return
            reading = container.demux(streams)
        except (av.error.FFmpegError, OSError) as error:
            damage.stopped = reason(error)
            return
        else:
            if packet is None:
                return
            if packet.pos is not None:
                damage.n_read = max(damage.n_read, packet.pos + packet.size)
            yield packet


def clocked(
    found: Iterator["Packet[Any]"], clock: Clock, time_base: Fraction
) -> Iterator["Packet[Any]"]:
    """The packets of one stream, read from the video's start, on a clock that advances."""
    restart = int(RESTART_S / time_base)
    for packet in found:
        clock.place(packet, restart)
        yield packet


def reason(error: Exception) -> str:
    """FFmpeg's own words without its error number and file name."""
    return str(getattr(error, "strerror", None) or error)
