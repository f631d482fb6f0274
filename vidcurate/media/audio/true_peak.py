"""The true peak of sound, that of the wave between its samples, without oversampling all of it.

It is ffmpeg's: the largest sample after libswresample has brought the sound to 192 kHz (ITU-R
BS.1770, annex 2). That is dear, and most of a sound is too quiet to hold the peak, so only
stretches that may exceed the largest one known so far are oversampled.
"""

from dataclasses import dataclass, field
from math import ceil, gcd

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

OVERSAMPLED_HZ = 192_000
# Half the length of libswresample's default filter is 16 samples, more where it lowers a rate.
REACH = 32
BLOCK_S = 0.04
# What the filter adds at most: the sum of its absolute taps is 2.353 in the worst of its phases.
# Less linear interpolation, which adds nothing, it is a filter of second differences whose taps sum
# to 0.618; its gain at 0 Hz and its slope are off by less than the hundredth that is added here.
MOST_GAIN = 2.4
PEAK_GAIN, BEND_GAIN = 1.01, 0.65

Samples = NDArray[np.float32]


@dataclass(slots=True)
class Oversampler:
    """Brings stretches of sound to 192 kHz, on the grid that the whole sound would have.

    One serves all clips of a video: making its filter is dear.
    """

    rate_hz: int
    resampler: AudioResampler = field(
        default_factory=lambda: AudioResampler("fltp", "mono", OVERSAMPLED_HZ)
    )
    n_due: int = 0

    @property
    def grid(self) -> int:
        """After so many samples both rates have one at the same time again."""
        return self.rate_hz // gcd(self.rate_hz, OVERSAMPLED_HZ)

    @property
    def margin(self) -> int:
        """How many samples about a stretch decide what it becomes, in whole grids."""
        reach = REACH * max(1, ceil(self.rate_hz / OVERSAMPLED_HZ))
        return ceil(reach / self.grid) * self.grid

    @property
    def block(self) -> int:
        """The length of a stretch in samples, in whole grids."""
        return max(1, round(BLOCK_S * self.rate_hz / self.grid)) * self.grid

    def peak(self, rows: Samples) -> float:
        """The true peak of stretches, shape (stretches, margin + block + margin).

        The resampler takes them for one sound. What it makes of the seams falls into the margins,
        and it holds back no more than a margin of the last one.
        """
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(rows.reshape(1, -1)), "fltp", "mono")
        frame.sample_rate = self.rate_hz
        parts = [part.to_ndarray()[0] for part in self.resampler.resample(frame)]
        made = np.concatenate(parts)[self.n_due :]
        n_margin, n_row = (n * OVERSAMPLED_HZ // self.rate_hz for n in (self.margin, rows.shape[1]))
        waves = np.zeros((len(rows), n_row), np.float32)
        waves.ravel()[: len(made)] = made
        self.n_due = waves.size - len(made)
        inner = waves[:, n_margin : n_row - n_margin]
        return float(max(inner.max(), -inner.min()))


@dataclass(slots=True)
class PeakMeter:
    """Measures one sound, given piece by piece."""

    oversampler: Oversampler
    peak: float = 0.0
    has_begun: bool = False
    n_waiting: int = 0
    waiting: list[Samples] = field(default_factory=list)

    def add(self, samples: Samples) -> None:
        """Take the next samples, shape (channels, n)."""
        self.waiting.append(samples)
        self.n_waiting += samples.shape[1]
        if self.n_waiting >= self.oversampler.rate_hz:
            self.measure()

    def finish(self) -> float:
        """The true peak of all that was added, where 1 is full scale; 0 of silence."""
        if self.n_waiting:
            missing = self.oversampler.block + self.oversampler.margin
            self.measure(after=missing)
        return self.peak

    def measure(self, after: int = 0) -> None:
        """Measure all whole blocks that wait; `after` samples are put behind the sound's end.

        As in libswresample, sound is mirrored at its ends, so that an end is no peak by itself.
        """
        margin, block = self.oversampler.margin, self.oversampler.block
        sound = np.concatenate(self.waiting, axis=1)
        before = 0 if self.has_begun else margin
        if before or after:
            sound = np.pad(sound, ((0, 0), (before, after)), "reflect")
        self.has_begun = True
        width = block + 2 * margin
        if sound.shape[1] >= width:
            rows = sliding_window_view(sound, width, axis=1)[:, ::block]
            self.search(rows.reshape(-1, width))
            sound = sound[:, rows.shape[1] * block :]
        self.waiting, self.n_waiting = [sound], sound.shape[1]

    def search(self, rows: Samples) -> None:
        """Oversample the loudest row, then those that may exceed it."""
        most = np.maximum(rows.max(axis=1), -rows.min(axis=1))
        first = int(most.argmax())
        if most[first] * MOST_GAIN <= self.peak:
            return
        self.peak = max(self.peak, self.oversampler.peak(rows[first : first + 1]))
        most[first] = 0
        at = np.flatnonzero(most * MOST_GAIN > self.peak)
        if self.oversampler.rate_hz <= OVERSAMPLED_HZ:
            bend = np.abs(np.diff(rows[at], 2, axis=1)).max(axis=1, initial=0)
            at = at[PEAK_GAIN * most[at] + BEND_GAIN * bend > self.peak]
        if len(at):
            self.peak = max(self.peak, self.oversampler.peak(rows[at]))
