"""Judges the learned detector's weights on films whose transitions are known, and calibrates it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.score_cuts import Passage, Score, counted, reliability, verdicts
from scripts.training.footage import Film
from scripts.training.logistic_regression import fitted
from vidcurate.media.shots.bands import bands, picture_features
from vidcurate.media.shots.learned import (
    MARGIN,
    Ensemble,
    LearnedOptions,
    Values,
    calibrate,
    log_odds,
    probabilities,
    transitions,
)

THRESHOLD, UNCALIBRATED = 0.5, (1.0, 0.0)
CHUNK = 4096

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """A film and every alarm in it, with the networks' own probability as its confidence."""

    film: Film
    alarms: tuple[Passage, ...]


def rows_of(film: Film, ensemble: Ensemble) -> Values:
    """What networks say of each frame of a film."""
    pictures = film.pictures
    padded = np.concatenate(
        [pictures[:1].repeat(MARGIN, 0), pictures, pictures[-1:].repeat(MARGIN, 0)]
    )
    found = []
    for first in range(0, len(pictures), CHUNK):
        window = padded[first : first + CHUNK + 2 * MARGIN]
        found.append(probabilities(bands(picture_features(window)), ensemble))
    return np.concatenate(found)


def judged(film: Film, ensemble: Ensemble) -> Judged:
    """Let networks look at a film; where nobody can tell, only alarms that are right count."""
    rows = rows_of(film, ensemble)
    found = [
        Passage(one.start, one.end, one.kind, one.confidence)
        for one in transitions(rows, LearnedOptions(threshold=0.0), UNCALIBRATED)
    ]
    return Judged(film, tuple(counted(film.transitions, film.uncertain, found)))


def fit_calibration(films: Iterable[Judged]) -> tuple[float, float]:
    """Scale and offset of the logistic function of the log odds that fits best (Platt)."""
    pairs = [pair for one in films for pair in verdicts(one.film.transitions, one.alarms)]
    odds = np.array([[log_odds(p)] for p, _ in pairs])
    scale, offset = fitted(odds, np.array([float(right) for _, right in pairs]))
    return scale, offset


def calibrated(one: Judged, calibration: tuple[float, float]) -> list[Passage]:
    """The alarms of a film with calibrated confidence."""
    return [replace(a, confidence=calibrate(a.confidence, calibration)) for a in one.alarms]


def report(films: list[Judged], calibration: tuple[float, float], *, each: bool = False) -> str:
    """F1 by film and of all together; films without a transition count their false alarms."""
    whole, every, lines, by_film = Score(), Score(), [], []
    for one in films:
        alarms = calibrated(one, calibration)
        found = [a for a in alarms if a.confidence >= THRESHOLD]
        every.add(one.film.transitions, alarms)
        score = Score()
        score.add(one.film.transitions, found)
        whole.add(one.film.transitions, found)
        if one.film.transitions:
            by_film.append(score.f1)
        if each and (score.n_wrong or (score.f1 < 1.0 and one.film.transitions)):
            counts = f"true {score.true.total()} right {score.n_right} wrong {score.n_wrong}"
            lines.append(f"  {one.film.name}: F1 {score.f1:.3f} ({counts})")
    shares = ", ".join(f"{kind} {whole.found[kind]}/{n}" for kind, n in sorted(whole.true.items()))
    n_frames = sum(len(one.film.pictures) for one in films)
    lines.append(
        f"  {len(films)} films, {n_frames} frames: mean F1 over films with transitions "
        f"{np.mean(by_film) if by_film else math.nan:.3f}, micro {whole.f1:.3f} "
        f"(P {whole.precision:.3f}, R {whole.recall:.3f}); {whole.n_wrong} false alarms; {shares}"
    )
    return "\n".join([*lines, reliability(every)])
