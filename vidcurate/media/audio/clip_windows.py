"""The sound of clips in windows of some seconds, so that memory does not grow with a clip."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np

from vidcurate.media.audio.reader import PREROLL_S, AudioFormat, Samples, video_sound
from vidcurate.media.audio.tracks import Track
from vidcurate.media.io.decode import Faults
from vidcurate.media.io.seeking import track_offsets
from vidcurate.records import Clip


@dataclass(frozen=True, slots=True)
class WindowFormat:
    """How sound is cut: samples a second, and seconds of a window.

    A rest of less than `min_s` at a clip's end is no window of its own: the last one is longer.
    """

    rate_hz: int
    length_s: float
    min_s: float


@dataclass(frozen=True, slots=True)
class SoundWindow:
    """A part of a clip's sound: samples of one channel, shape (n,), -1..1.

    `number` is that of the clip among those that were asked for; `start_s` counts from its start.
    `heard_s` is how much of the clip so far is sound of the video, and no silence in its place.
    """

    number: int
    start_s: float
    samples: Samples
    is_last: bool
    heard_s: float


@dataclass(slots=True)
class WindowBuilder:
    """Collects the samples `start` <= n < `end` of one clip; missing ones become silence."""

    number: int
    start: int
    end: int
    cut: WindowFormat
    position: int
    n_cut: int
    waiting: list[Samples] = field(default_factory=list)
    n_waiting: int = 0
    n_heard: int = 0

    def add(self, start: int, samples: Samples) -> Iterator[SoundWindow]:
        """Take the samples that belong to the clip and are new; yield the windows they fill."""
        low, high = max(start, self.position), min(start + len(samples), self.end)
        if low < high:
            yield from self.pad(low)
            self.n_heard += high - low
            yield from self.feed(samples[low - start : high - start])

    def pad(self, end: int) -> Iterator[SoundWindow]:
        """Add silence up to a sample, a second at a time since a gap may be long."""
        while self.position < end:
            count = min(end - self.position, self.cut.rate_hz)
            yield from self.feed(np.zeros(count, np.float32))

    def feed(self, samples: Samples) -> Iterator[SoundWindow]:
        """Keep samples, and yield a window where enough is left after it."""
        self.waiting.append(samples)
        self.n_waiting += len(samples)
        self.position += len(samples)
        length = round(self.cut.length_s * self.cut.rate_hz)
        rest = ceil(self.cut.min_s * self.cut.rate_hz)
        while self.n_waiting >= length + rest:
            kept = np.concatenate(self.waiting)
            yield self.window(kept[:length], is_last=False)
            self.waiting, self.n_waiting = [kept[length:]], len(kept) - length

    def finish(self) -> Iterator[SoundWindow]:
        """Complete the clip with silence up to its end, and yield what is left of it."""
        yield from self.pad(self.end)
        kept = np.concatenate([np.empty(0, np.float32), *self.waiting])
        yield self.window(kept, is_last=True)

    def window(self, samples: Samples, *, is_last: bool) -> SoundWindow:
        """Cut off the window that comes next."""
        start_s = self.n_cut / self.cut.rate_hz
        self.n_cut += len(samples)
        heard_s = self.n_heard / self.cut.rate_hz
        return SoundWindow(self.number, start_s, samples, is_last, heard_s)


def clip_windows(
    path: Path,
    track: Track,
    clips: Sequence[Clip],
    cut: WindowFormat,
    offsets: Sequence[int] = (),
    faults: Faults | None = None,
) -> Iterator[SoundWindow]:
    """Yield the windows of clips of one video, whose starts rise, in the order of time.

    The sound is decoded once, from the first clip to the end of the last. Each clip has one window
    or more, whose lengths add up to its own: where sound begins late, ends early, is damaged or has
    a gap there is silence, and samples that are no numbers are silence too. `offsets` are those of
    the video's scan, if its clock restarts. Raises MediaError where the video cannot be read.
    """
    waiting = [builder_for(number, clip, cut) for number, clip in enumerate(clips)]
    begin_s = clips[0].start_pts * clips[0].time_base - PREROLL_S
    end_s = max(clip.end_pts * clip.time_base for clip in clips)
    moved_s = track_offsets(path, track, offsets)
    mono = AudioFormat(cut.rate_hz, "mono")
    for chunk in video_sound(path, track, mono, begin_s, end_s, moved_s, faults):
        for builder in [b for b in waiting if b.end <= chunk.start]:
            yield from builder.finish()
            waiting.remove(builder)
        if not waiting:
            return
        samples = np.nan_to_num(chunk.samples[0], posinf=0, neginf=0)
        for builder in waiting:
            yield from builder.add(chunk.start, samples)
    for builder in waiting:
        yield from builder.finish()


def builder_for(number: int, clip: Clip, cut: WindowFormat) -> WindowBuilder:
    """Make an empty builder from the first sample at or after the clip's start to its end."""
    start, end = (
        ceil(pts * clip.time_base * cut.rate_hz) for pts in (clip.start_pts, clip.end_pts)
    )
    return WindowBuilder(number, start, end, cut, start, 0)
