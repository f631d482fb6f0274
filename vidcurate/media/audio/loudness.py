"""Loudness by EBU R128: libav's own filter, fed in chunks so that memory stays small.

The filter is ffmpeg's `ebur128`, so that the numbers are those that ffmpeg prints, and no further
package is needed; see EBU Tech 3341 and 3342. Its true peak would cost more than all the rest, so
that is measured apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import log10

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph
from numpy.typing import NDArray

from vidcurate.media.audio.true_peak import PeakMeter

# Loudness is of blocks of 400 ms above -70 LUFS, its range of stretches of 3 s.
BLOCK_S, RANGE_BLOCK_S = Fraction(4, 10), 3
GATE_LUFS = -70.0
PACKED = "flt"


@dataclass(frozen=True, slots=True)
class Loudness:
    """Integrated loudness, loudness range and true peak; None where too short or quiet for one."""

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None


@dataclass(slots=True)
class LoudnessMeter:
    """Measures sound of one rate and layout."""

    rate_hz: int
    layout: str
    peaks: PeakMeter
    graph: Graph = field(default_factory=Graph)
    n_samples: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)

    def add(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples, shape (channels, n)."""
        # Packed: PyAV writes beyond the planes of eight channels and more.
        packed = np.ascontiguousarray(samples.T).reshape(1, -1)
        frame = AudioFrame.from_ndarray(packed, PACKED, self.layout)
        frame.sample_rate, frame.time_base = self.rate_hz, Fraction(1, self.rate_hz)
        frame.pts = self.n_samples
        if not self.graph.configured:
            source = self.graph.add_abuffer(
                sample_rate=self.rate_hz,
                format=PACKED,
                layout=self.layout,
                time_base=frame.time_base,
            )
            meter = self.graph.add("ebur128", "metadata=1")
            self.graph.link_nodes(source, meter, self.graph.add("abuffersink")).configure()
        self.graph.push(frame)
        self.peaks.add(samples)
        self.n_samples += frame.samples
        self.drain()

    def drain(self) -> None:
        """Keep the filter's latest result; a last part under 100 ms gives none."""
        while True:
            try:
                self.facts = self.graph.pull().metadata or self.facts
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    def finish(self) -> Loudness:
        """Return the measurements of everything that was added."""
        if self.n_samples:
            self.graph.push(None)
            self.drain()
        length_s = Fraction(self.n_samples, self.rate_hz)
        integrated = float(self.facts.get("lavfi.r128.I", GATE_LUFS))
        is_loud = length_s >= BLOCK_S and integrated > GATE_LUFS
        has_range = is_loud and length_s >= RANGE_BLOCK_S
        peak = self.peaks.finish()
        return Loudness(
            integrated_lufs=integrated if is_loud else None,
            range_lu=float(self.facts["lavfi.r128.LRA"]) if has_range else None,
            true_peak_dbtp=20 * log10(peak) if peak > 0 else None,
        )
