"""Scores detectors of shot transitions on real edited films whose transitions people labelled.

The labels are JSON, one film a line: `file` and, where known, its number of `frames`; `cuts`, the
first frame of each new shot; `jumps`, those of the cuts that stay with one scene; `gradual`
transitions, each of a `kind` from `start`, its first blended frame, to `end`, the first frame
wholly of the new picture; and `uncertain` ranges. Frames count from 0, as they are decoded. A
film's labels lie beside it in labels.jsonl, or in edits.jsonl here, which says where to get it.

What is found in an uncertain range and matches no label counts neither way. A fade from black at a
film's start or to black at its end counts like any other, since a clip must not contain it. A film
without any transition has no F1, so the mean over films leaves it out; its false alarms count in
all sums.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.cuts import finders, timed
from scripts.benchmarks.score_cuts import (
    Passage,
    Score,
    counted,
    matched,
    reliability,
    table,
)
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_video
from vidcurate.media.shots.detectors import DetectorOptions

LABELS = "labels.jsonl"
OWN_LABELS = Path(__file__).with_suffix(".jsonl")
DETECTORS = ("learned", "transnet", "adaptive", "content", "hash", "histogram")
CELL = 160, 90
CELLS, AROUND = 20, 6

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Film:
    """A labelled film; `times` are its frames' in seconds, `uncertain` ranges with both ends."""

    path: Path
    truth: tuple[Passage, ...]
    uncertain: tuple[tuple[int, int], ...]
    times: tuple[float, ...]


def films_of(media: Iterable[Path]) -> list[Film]:
    """The films named, and those in the folders named that have labels."""
    found = []
    for path in media:
        labels = labels_for(path if path.is_dir() else path.parent)
        names = {row["file"] for row in labels}
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        if not path.is_dir() and path.name not in names:
            raise SystemExit(f"{path} has no labels: write them to {path.parent / LABELS}")
        found += [film_of(file, labels) for file in files if file.name in names]
    return found


def labels_for(folder: Path) -> list[dict[str, Any]]:
    """The labels in a folder, and our own."""
    files = [file for file in (folder / LABELS, OWN_LABELS) if file.exists()]
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines if line.strip()]


def film_of(path: Path, labels: Sequence[dict[str, Any]]) -> Film:
    """A labelled film."""
    with open_video(path) as (container, stream):
        base = stream.time_base or Fraction(1, 1000)
        times = tuple(float(pts * base) for pts, _ in decode_video(container, stream, Faults()))
    row = row_of(path, labels, len(times))
    jumps = row.get("jumps", [])
    cuts = [Passage(n - 1, n, "jump" if n in jumps else "cut") for n in row["cuts"]]
    gradual = [Passage(one["start"] - 1, one["end"], one["kind"]) for one in row["gradual"]]
    uncertain = tuple((one["start"], one["end"]) for one in row["uncertain"])
    truth = tuple(sorted([*cuts, *gradual], key=lambda one: one.end))
    return Film(path, truth, uncertain, times)


def row_of(path: Path, labels: Sequence[dict[str, Any]], n_frames: int) -> dict[str, Any]:
    """The first labels of a film's name that are for as many frames as it has."""
    rows = [row for row in labels if row["file"] == path.name]
    row = next((row for row in rows if row.get("frames", n_frames) == n_frames), None)
    if row is None:
        numbers = ", ".join(str(row["frames"]) for row in rows)
        raise SystemExit(f"{path} has {n_frames} frames, its labels are for {numbers}")
    return row


def errors_of(film: Film, found: Sequence[Passage]) -> list[tuple[str, Passage]]:
    """False alarms and misses, in time order."""
    pairs = matched(film.truth, found)
    right = set(pairs.values())
    false = [("false", one) for n, one in enumerate(found) if n not in right]
    missed = [("missed", one) for n, one in enumerate(film.truth) if n not in pairs]
    return sorted([*false, *missed], key=lambda error: error[1].end)


def strip_frames(one: Passage, n_frames: int) -> list[int]:
    """Frames that show a transition and what is around it, at most as many as a strip holds."""
    first, last = max(0, one.start - AROUND), min(n_frames - 1, one.end + AROUND)
    spread = np.linspace(first, last, min(CELLS, last - first + 1))
    return [round(frame) for frame in spread.tolist()]


def write_strips(film: Film, errors: Sequence[tuple[str, Passage]], folder: Path) -> None:
    """Write a picture of the frames around each error, ten in a row, from one decode."""
    wanted = [strip_frames(one, len(film.times)) for _, one in errors]
    needed = {frame for frames in wanted for frame in frames}
    small: dict[int, Picture] = {}
    with open_video(film.path) as (container, stream):
        for number, (_, frame) in enumerate(decode_video(container, stream, Faults())):
            if number in needed:
                small[number] = cell(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), number)
    folder.mkdir(parents=True, exist_ok=True)
    for (verdict, one), frames in zip(errors, wanted, strict=True):
        cells = [small[frame] for frame in frames]
        cells += [np.zeros_like(cells[0])] * (-len(cells) % 10)
        rows = [np.hstack(cells[n : n + 10]) for n in range(0, len(cells), 10)]
        name = f"{film.path.stem}-{one.end:06d}-{verdict}-{one.kind}.png"
        cv2.imwrite(str(folder / name), np.vstack(rows))


def cell(picture: Picture, number: int) -> Picture:
    """A small copy of a frame with its number."""
    small = cv2.resize(picture, CELL, interpolation=cv2.INTER_AREA)
    for colour, width in (((0, 0, 0), 3), ((0, 255, 255), 1)):
        cv2.putText(small, str(number), (3, 86), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, width)
    return np.asarray(small, np.uint8)


def table_by_film(films: Sequence[Film], scores: dict[str, list[Score]]) -> str:
    """F1 of each film by each detector, or false alarms where it has no transition; the mean."""
    lines = [f"{'film':44}{'true':>6}" + "".join(f"{name:>10}" for name in scores)]
    for number, film in enumerate(films):
        cells = (
            f"{score.f1:10.3f}" if film.truth else f"{score.n_wrong:4} false"
            for score in (of_films[number] for of_films in scores.values())
        )
        lines.append(f"{film.path.name[-43:]:44}{len(film.truth):6}" + "".join(cells))
    rows = [number for number, film in enumerate(films) if film.truth]
    means = (np.mean([of_films[n].f1 for n in rows]) for of_films in scores.values())
    lines.append(f"{f'mean of {len(rows)}':44}{'':6}" + "".join(f"{mean:10.3f}" for mean in means))
    return "\n".join(lines)


def main() -> None:
    """Run the detectors over all films and print how well they do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("media", type=Path, nargs="+", help="films, or folders of films")
    parser.add_argument("--detector", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--threshold", type=float, default=DetectorOptions().learned_threshold)
    parser.add_argument("--errors", action="store_true", help="print what each gets wrong")
    parser.add_argument("--strips", type=Path, help="a folder for pictures of what is wrong")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    films = films_of(options.media)
    wanted = options.detector or DETECTORS
    able = finders([*wanted])
    runs = {name: able[name] for name in wanted if name in able}
    scores: dict[str, list[Score]] = {name: [] for name in runs}
    totals = {name: Score() for name in runs}
    every = Score()
    false_kinds: dict[str, Counter[str]] = {name: Counter() for name in runs}
    for film in films:
        for name, run in runs.items():
            total = totals[name]
            alarms = timed(partial(run, film.path), total)
            found = counted(film.truth, film.uncertain, alarms)
            if name == "learned":
                every.add(film.truth, found)
                found = [one for one in found if one.confidence >= options.threshold]
            total.n_frames += len(film.times)
            false_kinds[name].update(one.kind for one in total.add(film.truth, found))
            scores[name].append(Score())
            scores[name][-1].add(film.truth, found)
            errors = errors_of(film, found)
            if options.errors:
                for verdict, one in errors:
                    at = f"{film.times[one.end]:9.3f} s"
                    print(f"{name:10}{film.path.name} {verdict:7}{at} {one}", flush=True)
            if options.strips:
                write_strips(film, errors, options.strips / name)
    print(table_by_film(films, scores))
    print(f"\nAll films together, a kind's column its recall:\n{table(totals)}")
    for name, kinds in false_kinds.items():
        print(f"{name:10} false alarms: {', '.join(f'{n} {k}' for k, n in kinds.most_common())}")
    if every.verdicts:
        print(f"\nThe learned detector's confidence:\n{reliability(every)}")


if __name__ == "__main__":
    main()
