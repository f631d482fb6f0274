"""Measures how well each method's keyframes stand for their clip, against as many uniform ones.

Coverage is the mean, over proxies of the clip five a second, of the largest similarity to a
keyframe; the methods themselves see one proxy a second. Similarity is the cosine of appearance
vectors, which know colours, layout and edges: a small thing that means much (a face, a hand, a
word) hardly counts, a camera that moves counts much, and cluster and scene-driven choose by the
kind of vector that judges them. Query is left out, since these vectors know no words.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.frame_choice import METHODS, FrameRequest, choose_frames
from vidcurate.clips.frame_facts import FRAME_COLUMNS, SAMPLE_COLUMNS, ClipFrames, clip_frame_facts
from vidcurate.clips.spans import Span, divide_span, shot_spans
from vidcurate.clips.vectors import Vectors
from vidcurate.media.scan.files import read_frames, read_samples
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, scan_video
from vidcurate.media.shots.detectors import DetectorOptions, detect
from vidcurate.media.visual.appearance import Appearance
from vidcurate.records import Clip, VideoCuts
from vidcurate.stages.selection.keyframes import COPY_SIMILARITY, WALK_SIMILARITY

Values = NDArray[np.float64]
Ticks = NDArray[np.int64]

JUDGED_EVERY_S, STEP_S = 0.2, 2.0
MIN_S, PIECE_S = 2, 20


@dataclass(frozen=True, slots=True)
class Video:
    """A video's frames and cuts, and its proxies, one a second: times and vectors."""

    scan: VideoScan
    frames: pa.Table
    cuts: VideoCuts
    samples: pa.Table
    vectors: Vectors

    def clip_frames(self, clip: Clip) -> ClipFrames:
        """What is known of a clip's frames."""
        places = np.searchsorted(self.samples["pts"].to_numpy(), [clip.start_pts, clip.end_pts])
        own = self.vectors[slice(*places)]
        return clip_frame_facts(clip, self.frames, self.samples, own, self.cuts)


def read_video(path: Path, interval_s: float) -> Video:
    """Scan a video and describe its proxies."""
    with tempfile.TemporaryDirectory() as name:
        files = Path(name) / "frames.arrow", Path(name) / "samples.arrow"
        scan = scan_video(path, ScanOptions(sample_interval_s=interval_s), *files)
        frames, samples = read_frames(files[0]), read_samples(files[1])
        cuts = detect(frames, scan.time_base, scan.frame_rate, DetectorOptions())
        vectors = Appearance().image_vectors(samples["jpeg"].to_pylist())
        return Video(
            scan,
            frames.select(list(FRAME_COLUMNS)),
            VideoCuts("v", cuts),
            samples.select(list(SAMPLE_COLUMNS)),
            vectors,
        )


def clips_of(video: Video) -> dict[str, list[Clip]]:
    """Two kinds of clips: the video's shots, and pieces of it that hold several."""
    pts, base = video.frames["pts"].to_numpy(), video.scan.time_base
    edges = np.append(pts, video.scan.end_pts)
    long = divide_span(edges, Span(0, len(pts)), int(PIECE_S / base))
    return {
        "shots": list(as_clips(edges, shot_spans(video.cuts, pts), base)),
        f"pieces of {PIECE_S} s": list(as_clips(edges, long, base)),
    }


def as_clips(edges: Ticks, spans: Iterator[Span], base: Fraction) -> Iterator[Clip]:
    """The spans that are long enough, as clips."""
    for span in spans:
        start, end = int(edges[span.first]), int(edges[span.end])
        if (end - start) * base >= MIN_S:
            times = float(start * base), float(end * base), float((end - start) * base)
            yield Clip(f"{start}", "v", start, end, base, *times, span.end - span.first)


def judge(dense: ClipFrames, numbers: Sequence[int]) -> Values:
    """How a clip's keyframes do, each judged by the dense proxy nearest to it.

    Coverage of all proxies, and of those that are neither blank nor blurred; the mean time to a
    keyframe over that of an even spread; the share of keyframes that are blank or blurred.
    """
    chosen, poor = np.asarray(numbers), dense.is_poor[dense.samples]
    off = np.abs(dense.edges[dense.samples][:, None] - dense.edges[chosen])
    places = off.argmin(axis=0)
    nearest = (dense.vectors @ dense.vectors[places].T).max(axis=1)
    to_still = np.abs(dense.edges[:-1, None] - dense.edges[chosen]).min(axis=1).mean()
    even = (dense.edges[-1] - dense.edges[0]) / (4 * len(chosen))
    means = nearest.mean(), nearest[~poor].mean()
    return np.array([*means, to_still / even, poor[places].mean()], np.float64)


def measure(seen: Video, judged: Video, clips: Sequence[Clip], method: str, count: int) -> Values:
    """Number of keyframes, how they do, and how as many uniform ones do: means over the clips."""
    rows = []
    for clip in clips:
        frames, dense = seen.clip_frames(clip), judged.clip_frames(clip)
        alike = WALK_SIMILARITY["appearance"] if method == "semantic-walk" else COPY_SIMILARITY
        chosen = choose_frames(
            method, frames, FrameRequest(count, STEP_S / float(clip.time_base), alike)
        )
        even = choose_frames("uniform", frames, FrameRequest(len(chosen)))
        rows.append([len(chosen), *judge(dense, chosen), *judge(dense, even)])
    return np.asarray(np.mean(rows, axis=0), np.float64)


def report(seen: Video, judged: Video, clips: Sequence[Clip], counts: Sequence[int]) -> None:
    """Print each method's measures, and for coverage how much more it is than uniform's."""
    print(f"  {'':14}{'count':>6}{'frames':>7}{'coverage':>10}{'':7}{'of good':>9}{'':7}", end="")
    print(f"{'spread':>8}{'poor':>7}{'uniform':>9}")
    for method in METHODS:
        if method == "query":
            continue
        own_counts = {"middle": [1], "semantic-walk": [0]}.get(method, counts)
        for count in own_counts:
            n, *own = measure(seen, judged, clips, method, count)
            words = f"  {method:14}{count or 'any':>6}{n:7.2f}"
            for value, even in zip(own[:2], own[4:6], strict=True):
                words += f"{value:10.3f}{value - even:+7.3f}"
            print(f"{words}{own[2]:7.2f}{own[3]:7.1%}{own[7]:9.1%}", flush=True)


def main() -> None:
    """Print a table for each video and kind of clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[3, 8])
    arguments = parser.parse_args()
    for path in arguments.videos:
        seen, judged = read_video(path, 1.0), read_video(path, JUDGED_EVERY_S)
        for kind, clips in clips_of(seen).items():
            print(f"{path.name}: {len(clips)} {kind}")
            report(seen, judged, clips, arguments.counts)


if __name__ == "__main__":
    main()
