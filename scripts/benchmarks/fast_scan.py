"""Measures scans that decode a part of the frames: time, transitions, and what clips look like.

Time is CPU time beside a bare decode by ffmpeg on one thread, the ways taking turns in each round.
Transitions are scored against a film's labels (see edits), or the truth beside a composed one; a
film without either against the whole scan. Clips are the shots of two seconds and more that the
whole scan finds: the mean of their samples' vectors of appearance is alike from a cosine of 0.9,
their tag is the one of the highest mean probability, of ImageNet by EfficientNet-Lite0. Of 1000
labels many are near to each other, so it is also told whether the tag is among the other's first.
A whole scan that samples at other moments tells how far clips agree where nothing was skipped.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.edits import film_of, labels_for
from scripts.benchmarks.scan import cpu_seconds, ffmpeg_decode
from scripts.benchmarks.score_cuts import Passage, Score, truth_of
from vidcurate.clips.spans import clip_of, shot_spans
from vidcurate.clips.vectors import clip_frames
from vidcurate.errors import MissingExtraError
from vidcurate.media.scan.files import read_frames, read_samples
from vidcurate.media.scan.proxies import clip_proxies
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, scan_video
from vidcurate.media.scan.sparse import scan_in_part
from vidcurate.media.shots.detectors import DetectorOptions, detect
from vidcurate.media.visual.appearance import appearance_vector, decode_half_size
from vidcurate.models.vision.imagenet import Tagger, open_imagenet
from vidcurate.records import Clip, Cut, VideoCuts

WAYS = ("all", "reference", "keyframes")
OTHER_SAMPLES, OTHER_INTERVAL_S = "other samples", 0.85
MIN_CLIP_S, ALIKE, MAX_FRAMES, FIRST_TAGS = 2, 0.9, 8, 5


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one way left of a film."""

    scan: VideoScan
    samples_file: Path
    pts: NDArray[np.int64]
    cuts: tuple[Cut, ...]

    def passages(self) -> list[Passage]:
        """The transitions by frame."""
        places = [np.searchsorted(self.pts, [cut.start_pts, cut.end_pts]) for cut in self.cuts]
        return [
            Passage(int(start), int(end), cut.kind, cut.confidence)
            for (start, end), cut in zip(places, self.cuts, strict=True)
        ]


def scan(video: Path, way: str, folder: Path) -> VideoScan:
    """Scan a film one way into a folder."""
    files = folder / "frames.arrow", folder / "samples.arrow"
    if way == OTHER_SAMPLES:
        return scan_video(video, ScanOptions(sample_interval_s=OTHER_INTERVAL_S), *files)
    if way == "all":
        return scan_video(video, ScanOptions(), *files)
    return scan_in_part(video, way, ScanOptions(), *files)


def scan_and_forget(way: str, video: Path) -> None:
    """Scan a film one way and throw away what it leaves."""
    with tempfile.TemporaryDirectory() as folder:
        scan(video, way, Path(folder))


def scanned(video: Path, way: str, folder: Path) -> Scanned:
    """Scan a film one way and find its transitions."""
    folder.mkdir()
    found = scan(video, way, folder)
    frames = read_frames(folder / "frames.arrow")
    cuts = detect(frames, found.time_base, found.frame_rate, DetectorOptions())
    return Scanned(found, folder / "samples.arrow", np.asarray(frames["pts"].to_numpy()), cuts)


def clips_of(whole: Scanned) -> list[Clip]:
    """The shots of a whole scan that are long enough."""
    scan, edges = whole.scan, np.append(whole.pts, whole.scan.end_pts)
    spans = shot_spans(VideoCuts("film", whole.cuts), whole.pts)
    clips = [
        clip_of("film", scan.time_base, int(edges[s.first]), int(edges[s.end]), s.end - s.first)
        for s in spans
    ]
    return [clip for clip in clips if clip.duration_s >= MIN_CLIP_S]


def look(clip: Clip, file: Path) -> NDArray[np.float32]:
    """The mean vector of a clip's samples, of length one."""
    jpegs = clip_frames(read_samples(file, ("pts", "jpeg")), clip)["jpeg"].to_pylist()
    mean = np.mean([appearance_vector(decode_half_size(jpeg)) for jpeg in jpegs], axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def top_tags(clip: Clip, file: Path, tagger: Tagger) -> list[int]:
    """The numbers of a clip's likeliest tags, the first one first."""
    images = [proxy.image for proxy in clip_proxies(file, clip, MAX_FRAMES)]
    order = np.argsort(-tagger.probabilities(images).mean(axis=0))
    return [int(number) for number in order[:FIRST_TAGS]]


def truth_for(video: Path, whole: Scanned) -> tuple[list[Passage], str]:
    """What is true of a film, and where from."""
    if video.with_suffix(".json").exists():
        return truth_of(video), "composed"
    rows = labels_for(video.parent)
    if any(row["file"] == video.name and row["frames"] == len(whole.pts) for row in rows):
        return list(film_of(video, rows).truth), "labels"
    return whole.passages(), "whole scan"


def times(video: Path, rounds: int) -> dict[str, list[float]]:
    """Each way's CPU time over that of a bare decode, by round."""
    ratios: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        bare = cpu_seconds(ffmpeg_decode, video)
        for way in WAYS:
            ratios[way].append(cpu_seconds(partial(scan_and_forget, way), video) / bare)
    return ratios


def report(video: Path, rounds: int, tagger: Tagger | None, totals: dict[str, Score]) -> None:
    """Print what each way costs and finds of one film."""
    ratios = times(video, rounds)
    with tempfile.TemporaryDirectory() as folder:
        found = {way: scanned(video, way, Path(folder) / way) for way in WAYS}
        whole = found["all"]
        truth, source = truth_for(video, whole)
        clips = clips_of(whole)
        print(f"{video.name}: {len(whole.pts)} frames, {len(truth)} transitions by {source}")
        for way, one in found.items():
            score = Score()
            for each in (score, totals[way]):
                each.add(truth, one.passages())
            spent = ratios[way]
            line = (
                f"  {way:10} {one.scan.decode:10} {one.scan.n_decoded / len(whole.pts):5.2f} "
                f"decoded, {statistics.median(spent):5.2f} x ({min(spent):.2f} to {max(spent):.2f})"
                f", F1 {score.f1:.3f} (P {score.precision:.3f}, R {score.recall:.3f})"
            )
            print(line + agreement(clips, whole, one, tagger), flush=True)
        again = scanned(video, OTHER_SAMPLES, Path(folder) / "again")
        every = f"  all        samples every {OTHER_INTERVAL_S} s"
        print(every + agreement(clips, whole, again, tagger), flush=True)


def agreement(clips: Sequence[Clip], whole: Scanned, one: Scanned, tagger: Tagger | None) -> str:
    """How many clips look the same by the samples of two scans."""
    if not clips or one is whole:
        return ""
    files = whole.samples_file, one.samples_file
    cosines = [float(look(clip, files[0]) @ look(clip, files[1])) for clip in clips]
    alike = sum(cosine >= ALIKE for cosine in cosines) / len(clips)
    said = f"; {len(clips)} clips: look {alike:.2f}, median cosine {statistics.median(cosines):.3f}"
    if tagger is None:
        return said
    tags = [[top_tags(clip, file, tagger) for file in files] for clip in clips]
    same = sum(ours[0] == theirs[0] for ours, theirs in tags) / len(clips)
    among = sum(ours[0] in theirs for ours, theirs in tags) / len(clips)
    return f"{said}, tag {same:.2f}, among the first {FIRST_TAGS} {among:.2f}"


def main() -> None:
    """Measure all films, and what the ways find in all of them together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    try:
        tagger: Tagger | None = open_imagenet()
    except MissingExtraError as error:
        print(f"no tags: {error}")
        tagger = None
    totals = {way: Score() for way in WAYS}
    for video in options.films:
        report(video, options.rounds, tagger, totals)
    for way, score in totals.items():
        print(f"all films  {way:10} F1 {score.f1:.3f}")


if __name__ == "__main__":
    main()
