"""How far two spaces agree on which clips are alike: the measure, and its growth with more views.

Mutual nearest neighbours: Huh et al. 2024 (The Platonic Representation Hypothesis). More frames and
more captions a clip, and the fit: Zhu et al. 2025 (Dynamic Reflections).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.vectors import Vectors, unit_rows

Numbers = NDArray[np.float64]
# Exponents that the fit tries, both alike; least squares gives the other parameters exactly.
EXPONENTS = tuple(float(e) for e in np.round(np.arange(0.05, 3.0001, 0.05), 2))
MIN_VIEWS_TO_FIT = 3  # numbers of frames, or of captions, that a power of them needs


@dataclass(frozen=True, slots=True)
class NeighbourAgreement:
    """The mean share of neighbours that both spaces have in common, and its standard error."""

    score: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Cell:
    """The agreement by so many frames and captions a clip.

    A clip that has fewer frames gives all of them: `frames_used` is the mean.
    """

    n_frames: int
    n_captions: int
    frames_used: float
    score: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class SaturationFit:
    """score = limit - frame_loss * n_f^-frame_exponent - caption_loss * n_c^-caption_exponent.

    A part is None where there were too few numbers of frames or of captions to fit it; an exponent
    is also where nothing is lost, so that any fits. `error` is the root of the mean squared
    residual.
    """

    limit: float
    frame_loss: float | None
    frame_exponent: float | None
    caption_loss: float | None
    caption_exponent: float | None
    error: float

    @property
    def is_limit_shown(self) -> bool:
        """Whether the data show a limit: not where an exponent lies at the end of what is tried."""
        ends = {EXPONENTS[0], EXPONENTS[-1]}
        return ends.isdisjoint({self.frame_exponent, self.caption_exponent})


def neighbours(vectors: Vectors, k: int) -> NDArray[np.intp]:
    """The places of the k nearest others of each row by cosine, shape (rows, k).

    Of equals the earlier comes first.
    """
    unit = unit_rows(vectors)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k]


def agreement(one: Vectors, other: Vectors, k: int) -> NeighbourAgreement:
    """The mean of |N_k and N'_k| / k over rows that stand for the same clips in both.

    Raises ValueError for fewer than k + 2 rows: of k + 1 all are neighbours of all.
    """
    if len(one) != len(other) or len(one) < k + 2:
        raise ValueError(f"{k} neighbours need {k + 2} clips or more, not {len(one)}")
    pairs = zip(neighbours(one, k), neighbours(other, k), strict=True)
    shares = np.array([len(np.intersect1d(mine, its)) / k for mine, its in pairs])
    error = float(shares.std(ddof=1) / np.sqrt(len(shares)))
    return NeighbourAgreement(float(shares.mean()), error)


def chance(n: int, k: int) -> float:
    """The agreement of two spaces that have nothing to do with each other, over n clips."""
    return k / (n - 1)


def evenly(n: int, count: int) -> NDArray[np.intp]:
    """The places of `count` of n things, each in the middle of an equal part; all if fewer."""
    if n <= count:
        return np.arange(n)
    return np.floor((np.arange(count) + 0.5) * n / count).astype(np.intp)


def mean_of(views: Sequence[Vectors], count: int) -> Vectors:
    """The mean of `count` evenly chosen rows of each clip's, shape (clips, dimension)."""
    return np.stack([rows[evenly(len(rows), count)].mean(axis=0) for rows in views])


def first_of(views: Sequence[Vectors], count: int) -> Vectors:
    """The mean of the first `count` rows of each clip's, shape (clips, dimension)."""
    return np.stack([rows[:count].mean(axis=0) for rows in views])


def agreement_table(
    frames: Sequence[Vectors],
    captions: Sequence[Vectors],
    k: int,
    frame_counts: Sequence[int],
    caption_counts: Sequence[int],
) -> Iterator[Cell]:
    """The agreement for each number of frames and of captions; both lists are of the same clips."""
    for n_frames in frame_counts:
        pictures = mean_of(frames, n_frames)
        used = float(np.mean([min(len(rows), n_frames) for rows in frames]))
        for n_captions in caption_counts:
            found = agreement(pictures, first_of(captions, n_captions), k)
            yield Cell(n_frames, n_captions, used, found.score, found.standard_error)


def fit_saturation(cells: Sequence[Cell]) -> SaturationFit | None:
    """Fit the growth of the agreement; None where neither frames nor captions can be fitted.

    The exponents come from a grid of 0.05, the rest from least squares with losses that are not
    negative, so that the fit is the best on the grid. The number of frames is that which was used.
    """
    frames = np.array([cell.frames_used for cell in cells])
    captions = np.array([float(cell.n_captions) for cell in cells])
    scores = np.array([cell.score for cell in cells])
    by_frames = EXPONENTS if len(np.unique(frames)) >= MIN_VIEWS_TO_FIT else (None,)
    by_captions = EXPONENTS if len(np.unique(captions)) >= MIN_VIEWS_TO_FIT else (None,)
    if by_frames == by_captions == (None,):
        return None
    fits = (
        fit_losses(frames, captions, scores, alpha, beta)
        for alpha, beta in product(by_frames, by_captions)
    )
    return min(fits, key=lambda fit: fit.error)


def fit_losses(
    frames: Numbers, captions: Numbers, scores: Numbers, alpha: float | None, beta: float | None
) -> SaturationFit:
    """The best fit with given exponents; a loss that came out negative is 0."""
    given = (
        (views, exponent)
        for views, exponent in ((frames, alpha), (captions, beta))
        if exponent is not None
    )
    columns = [-(views**-exponent) for views, exponent in given]
    held = list(range(len(columns)))
    while True:
        design = np.stack([np.ones_like(scores), *(columns[i] for i in held)], axis=1)
        solved, *_ = np.linalg.lstsq(design, scores, rcond=None)
        worst = min(range(len(held)), key=lambda i: solved[1 + i], default=None)
        if worst is None or solved[1 + worst] >= 0:
            break
        del held[worst]
    losses = dict.fromkeys(range(len(columns)), 0.0)
    losses.update({i: float(loss) for i, loss in zip(held, solved[1:], strict=True)})
    error = float(np.sqrt(np.mean((design @ solved - scores) ** 2)))
    in_order = iter(losses.values())
    frame_loss = None if alpha is None else next(in_order)
    caption_loss = None if beta is None else next(in_order)
    return SaturationFit(
        float(solved[0]),
        frame_loss,
        alpha if frame_loss else None,
        caption_loss,
        beta if caption_loss else None,
        error,
    )
