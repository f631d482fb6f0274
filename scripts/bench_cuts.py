"""Holds detectors of shot transitions against composed films of which every transition is known."""

import argparse
import functools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import transnet

from vidcurate.media.container import open_film
from vidcurate.media.decode import Faults, decode, shrinker_for
from vidcurate.media.detectors import DetectorOptions, detect
from vidcurate.media.learned import LearnedDetector, LearnedOptions, Values, transitions
from vidcurate.media.scan import ScanOptions, read_frames, scan_film

THEIRS = ("adaptive", "content", "histogram", "hash", "threshold")
KINDS = ("cut", "dissolve", "fade", "wipe", "push", "zoom")
TOLERANCE = 2

Found = list[tuple[int, int, str]]
Done = TypeVar("Done")


@dataclass(slots=True)
class Score:
    """Counts of one detector over all films; `errors` are frames that found hard cuts are off."""

    n_right: int = 0
    n_wrong: int = 0
    n_true: int = 0
    seconds: float = 0.0
    found: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    errors: list[int] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of the found that are true."""
        return self.n_right / max(1, self.n_right + self.n_wrong)

    @property
    def recall(self) -> float:
        """Share of the true that are found."""
        return self.n_right / max(1, self.n_true)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.n_right / max(1, self.n_right + self.n_wrong + self.n_true)

    def add(self, truth: Found, found: Found) -> list[tuple[int, int, str]]:
        """Count one film; the found that match nothing."""
        pairs = matched(truth, [end for _, end, _ in found])
        for index, (start, end, kind) in enumerate(truth):
            self.true[kind] += 1
            if index in pairs:
                self.found[kind] += 1
                place = found[pairs[index]]
                self.named[kind] += named_alike(kind, place[2])
                if end == start + 1:
                    self.errors.append(place[1] - end)
        wrong = [one for n, one in enumerate(found) if n not in set(pairs.values())]
        self.n_true += len(truth)
        self.n_right += len(pairs)
        self.n_wrong += len(wrong)
        return wrong


def named_alike(true: str, found: str) -> bool:
    """Whether a kind is the true one; pushes and zooms go by the name of wipe."""
    return found == {"push": "wipe", "zoom": "wipe"}.get(true, true)


def matched(truth: Found, boundaries: list[int]) -> dict[int, int]:
    """Boundary of each matched transition, each used once: the most pairs that there can be.

    A boundary, the first frame of a new shot, matches from two frames before a transition's start
    to two after its end. Transitions are in time order, so taking for each the earliest free
    boundary, those that end first coming first, pairs as many as possible.
    """
    left = sorted(range(len(boundaries)), key=lambda n: boundaries[n])
    pairs: dict[int, int] = {}
    for index, (start, end, _) in enumerate(truth):
        near = [n for n in left if start - TOLERANCE <= boundaries[n] <= end + TOLERANCE]
        if near:
            pairs[index] = near[0]
            left.remove(near[0])
    return pairs


def truth_of(film: Path) -> Found:
    """The transitions of a composed film."""
    rows = json.loads(film.with_suffix(".json").read_text())["transitions"]
    return [(row["start"], row["end"], row["kind"]) for row in rows]


def recorded_signals(film: Path, names: Iterable[str]) -> dict[str, Found]:
    """What PySceneDetect's detectors find in one scan's signals."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frames.arrow"
        scan = scan_film(film, ScanOptions(), file, Path(folder) / "samples.arrow")
        frames = read_frames(file)
        pts = np.array(frames["pts"].to_numpy())
        found = {}
        for name in names:
            cuts = detect(frames, scan.time_base, scan.frame_rate, DetectorOptions(detector=name))
            ends = [int(np.searchsorted(pts, cut.end_pts)) for cut in cuts]
            starts = [int(np.searchsorted(pts, cut.start_pts)) for cut in cuts]
            kinds = [cut.kind for cut in cuts]
            found[name] = list(zip(starts, ends, kinds, strict=True))
    return found


def learned_rows(film: Path) -> Values:
    """What the learned detector says of each frame of a film."""
    detector = LearnedDetector()
    with open_film(film) as (container, stream):
        shrinker = None
        for _, frame in decode(container, stream, Faults()):
            shrinker = shrinker or shrinker_for(frame)
            detector.add(shrinker.shrink(frame))
    detector.finish()
    return detector.take()


def bare_decode(film: Path) -> None:
    """Decode a film and drop its frames."""
    with open_film(film) as (container, stream):
        for _ in decode(container, stream, Faults()):
            pass


def timed(work: Callable[[], Done], score: Score) -> Done:
    """Do some work; its processor time is added to a score."""
    begun = time.process_time()
    done = work()
    score.seconds += time.process_time() - begun
    return done


def report(scores: dict[str, Score], n_frames: int) -> None:
    """Print a line for each detector."""
    kinds = "".join(f"{kind:>9}" for kind in KINDS)
    heads = f"{'detector':10} {'precision':>9} {'recall':>7} {'F1':>6}"
    print(f"{heads}{kinds} {'off':>5} {'kind':>6} {'frames/s':>9}")
    for name, score in scores.items():
        shares = "".join(f"{score.found[k] / max(1, score.true[k]):9.3f}" for k in KINDS)
        off = sum(error != 0 for error in score.errors)
        kind = sum(score.named.values()) / max(1, score.n_right)
        print(
            f"{name:10} {score.precision:9.3f} {score.recall:7.3f} {score.f1:6.3f}{shares} "
            f"{off:5} {kind:6.2f} {n_frames / max(1e-9, score.seconds):9.0f}"
        )


def main() -> None:
    """Run all detectors on all films; a kind's column is its recall, off the cuts misplaced."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", nargs="+", type=Path, help="composed films, a .json beside each")
    parser.add_argument("--transnet", action="store_true", help="TransNetV2 too; slow")
    parser.add_argument("--ours-only", action="store_true", help="the learned detector alone")
    parser.add_argument("--wrong", action="store_true", help="print the learned one's errors")
    parser.add_argument("--threshold", type=float, default=LearnedOptions().threshold)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    names = [] if options.ours_only else list(THEIRS)
    scores = {name: Score() for name in ("decode", *names, "learned")}
    model = transnet.network(1) if options.transnet else None
    if model is not None:
        scores["transnetv2"] = Score()
    n_frames = 0
    for film in options.films:
        truth = truth_of(film)
        timed(functools.partial(bare_decode, film), scores["decode"])
        if names:
            n_films = Score()
            found = timed(functools.partial(recorded_signals, film, names), n_films)
            for name in names:
                scores[name].seconds += n_films.seconds
                scores[name].add(truth, found[name])
        rows = timed(functools.partial(learned_rows, film), scores["learned"])
        n_frames += len(rows)
        ours = transitions(rows, LearnedOptions(threshold=options.threshold))
        wrong = scores["learned"].add(truth, [(t.start, t.end, t.kind) for t in ours])
        if options.wrong:
            print(film.name, "wrong", wrong, flush=True)
        if model is not None:
            run = functools.partial(transnet.predictions, model, film)
            single, _ = timed(run, scores["transnetv2"])
            seen = [(a, b, "cut") for a, b, _ in transnet.transitions(single)]
            scores["transnetv2"].add(truth, seen)
    report(scores, n_frames)


if __name__ == "__main__":
    main()
