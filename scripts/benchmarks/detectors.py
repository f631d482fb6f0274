"""Holds our cuts against PySceneDetect's own run on the same videos, cut by cut."""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scenedetect import (
    AdaptiveDetector,
    ContentDetector,
    HashDetector,
    HistogramDetector,
    SceneManager,
    ThresholdDetector,
    open_video,
)

from vidcurate.media.scan.scanner import ScanOptions, read_frames, scan_video
from vidcurate.media.scan.signals import METRICS
from vidcurate.media.shots.detectors import DetectorOptions, detect

THEIRS = {
    "content": ContentDetector,
    "adaptive": AdaptiveDetector,
    "histogram": HistogramDetector,
    "hash": HashDetector,
    "threshold": ThresholdDetector,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Cut times in seconds that both found, or one alone."""

    same: list[float]
    only_theirs: list[float]
    only_ours: list[float]

    @property
    def share(self) -> float:
        """Cuts found by both as a share of all cuts found; 1 where there is none."""
        total = len(self.same) + len(self.only_theirs) + len(self.only_ours)
        return len(self.same) / total if total else 1.0


def their_cuts(video: Path, detector: str) -> list[float]:
    """Times of PySceneDetect's cuts, in seconds, all its settings at their defaults."""
    manager = SceneManager()
    manager.add_detector(THEIRS[detector]())
    manager.detect_scenes(open_video(str(video)))
    return [cut.seconds for cut in manager.get_cut_list(show_warning=False)]


def our_cuts(frames: pa.Table, base: Fraction, rate: Fraction, detector: str) -> list[float]:
    """Times of our cuts in seconds from the first frame; a fade's is the middle of its dark."""
    pts = frames["pts"].to_numpy()
    cuts = detect(frames, base, rate, DetectorOptions(detector=detector))
    times = []
    for cut in cuts:
        first = int(np.searchsorted(pts, cut.end_pts))
        if cut.kind == "fade":
            dark = int(np.searchsorted(pts, cut.start_pts)) + 1
            if frames["average_rgb"][0].as_py() < DetectorOptions().fade_threshold:
                dark = 0 if cut.start_pts == pts[0] else dark
            first = dark + round((first - dark) / 2)
        times.append(float(int(pts[first] - pts[0]) * base))
    return times


def compare(theirs: list[float], ours: list[float], tolerance_s: float) -> Comparison:
    """Match cuts one to one where their times agree."""
    left = list(ours)
    same, only_theirs = [], []
    for time in theirs:
        near = [t for t in left if abs(t - time) <= tolerance_s]
        if near:
            left.remove(near[0])
            same.append(time)
        else:
            only_theirs.append(time)
    return Comparison(same, only_theirs, left)


def signals_at(frames: pa.Table, times: NDArray[np.float64], time: float) -> str:
    """The recorded metrics of the frame nearest to a time, and of its neighbours."""
    near = int(np.abs(times - time).argmin())
    rows = range(max(0, near - 1), min(len(times), near + 2))
    columns = [c for columns in METRICS.values() for c in columns if c in frames.column_names]
    parts = [f"{c} {'/'.join(f'{frames[c][r].as_py():.2f}' for r in rows)}" for c in columns]
    return "  ".join(parts)


def compare_video(video: Path, detectors: list[str], *, verbose: bool) -> dict[str, Comparison]:
    """Scan one video, run both sides, print what differs."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frames.arrow"
        scan = scan_video(
            video,
            ScanOptions(metrics=("content", "histogram", "threshold", "hash")),
            file,
            Path(folder) / "samples.arrow",
        )
        frames = read_frames(file)
        times = (frames["pts"].to_numpy() - scan.first_pts) * float(scan.time_base)
        results = {}
        for detector in detectors:
            ours = our_cuts(frames, scan.time_base, scan.frame_rate, detector)
            result = compare(their_cuts(video, detector), ours, 0.6 / float(scan.frame_rate))
            results[detector] = result
            for side, cuts in (("theirs", result.only_theirs), ("ours", result.only_ours)):
                for time in cuts if verbose else ():
                    found = signals_at(frames, times, time)
                    print(f"  {video.name} {detector} only {side} {time:.3f} s  {found}")
    return results


def main() -> None:
    """Compare and print one line for each detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--detector", action="append", choices=list(THEIRS))
    parser.add_argument("-q", "--quiet", action="store_true", help="only the totals")
    options = parser.parse_args()
    detectors = options.detector or list(THEIRS)
    totals = {name: Comparison([], [], []) for name in detectors}
    for video in options.videos:
        for name, result in compare_video(video, detectors, verbose=not options.quiet).items():
            totals[name].same.extend(result.same)
            totals[name].only_theirs.extend(result.only_theirs)
            totals[name].only_ours.extend(result.only_ours)
        print(f"{video.name}: compared", file=sys.stderr)
    print(f"{'detector':10} {'same':>6} {'theirs':>7} {'ours':>6} {'share':>8}")
    for name, total in totals.items():
        counts = f"{len(total.same):6} {len(total.only_theirs):7} {len(total.only_ours):6}"
        print(f"{name:10} {counts} {total.share:8.2%}")


if __name__ == "__main__":
    main()
