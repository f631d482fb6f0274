"""Which sizes lose least of the pictures at hand, for a model and a number of pixels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.rendition import Size

MAX_SHAPES = 4
# One more size makes every batch smaller: it must save this share of all pictures.
MIN_GAIN = 0.005
# Measured bars differ by a few pixels, so that there are many sizes: the most frequent count.
MAX_PICTURES = 2000


@dataclass(frozen=True, slots=True)
class ShapeLoss:
    """What pictures lose that are brought to one size.

    `clips` is how many. `cropped` is the mean share of the picture that is cut off, `scaled_down`
    the mean share of pixels that the number of pixels allows and the size does not have.
    """

    size: Size
    clips: int
    cropped: float
    scaled_down: float


@dataclass(frozen=True, slots=True)
class ShapeLosses:
    """What pictures lose by a choice of sizes: `lost` is the mean share of them, over all clips.

    A clip that is `left_out`, since it is smaller than every size, loses all.
    """

    shapes: tuple[ShapeLoss, ...]
    left_out: int
    lost: float


def choose_sizes(
    pictures: Mapping[Size, float],
    multiple: int,
    pixels: int,
    *,
    enlarge: bool = False,
    max_shapes: int = MAX_SHAPES,
) -> tuple[Size, ...]:
    """Choose sizes of at most so many pixels, whose sides are multiples, that lose least.

    `pictures` says how many clips have a picture of a size, inside its bars. A size is added while
    it saves `MIN_GAIN` of all pictures; then each is exchanged for a better one, until none is. The
    same clips give the same sizes, the most used first. Empty where no picture fills any size.
    """
    sides, weights = most_frequent(pictures)
    candidates = candidate_sizes(sides, multiple, pixels, enlarge=enlarge)
    if not len(candidates):
        return ()
    costs = Costs.of(sides, weights, candidates, pixels, enlarge=enlarge)
    chosen: list[int] = []
    lost = 1.0
    while len(chosen) < max_shapes:
        best, loss = costs.best([*chosen, -1], len(chosen))
        if lost - loss < MIN_GAIN and chosen:
            break
        chosen, lost = exchange(costs, [*chosen, best], loss)
    uses = costs.uses(chosen)
    used = sorted((-use, *candidates[n]) for n, use in zip(chosen, uses, strict=True) if use > 0)
    return tuple(Size(int(width), int(height)) for _, width, height in used)


def exchange(costs: "Costs", chosen: list[int], lost: float) -> tuple[list[int], float]:
    """Exchange chosen sizes one at a time for better ones, until there is none."""
    while True:
        before = lost
        for place in range(len(chosen)):
            best, loss = costs.best(chosen, place)
            if loss < lost - 1e-9:
                chosen, lost = [*chosen[:place], best, *chosen[place + 1 :]], loss
        if lost == before:
            return chosen, lost


def most_frequent(
    pictures: Mapping[Size, float],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the most frequent sizes of pictures, and the share of clips that has each."""
    ordered = sorted(pictures.items(), key=lambda item: (-item[1], item[0]))[:MAX_PICTURES]
    sides = np.array([size for size, _ in ordered], np.int64).reshape(-1, 2)
    weights = np.array([weight for _, weight in ordered], np.float64)
    return sides, weights / weights.sum() if len(weights) else weights


def candidate_sizes(
    sides: NDArray[np.int64], multiple: int, pixels: int, *, enlarge: bool
) -> NDArray[np.int64]:
    """Return the sizes among which is chosen: sides rounded both ways at the largest scale.

    Those of the number of pixels alone are among them, so that one size may serve many pictures.
    """
    found: set[tuple[int, int]] = set()
    for width, height in sides.tolist():
        scale = sqrt(pixels / (width * height))
        scale = scale if enlarge else min(1.0, scale)
        widths, heights = (rounded(side * scale, multiple) for side in (width, height))
        found |= set(product(widths, heights))
    limits = [(int(w), int(h)) for w, h in sides] if not enlarge else [(pixels, pixels)]
    widest = max((width for width, _ in limits), default=0)
    for width in range(multiple, min(widest, pixels // multiple) + 1, multiple):
        found.add((width, pixels // width // multiple * multiple))
    kept = sorted(
        size
        for size in found
        if 0 < size[0] * size[1] <= pixels
        and any(size[0] <= width and size[1] <= height for width, height in limits)
    )
    return np.array(kept, np.int64).reshape(-1, 2)


def rounded(side: float, multiple: int) -> Iterator[int]:
    """Yield the multiples below and above a side."""
    below = int(side // multiple) * multiple
    yield from (below, below + multiple)


@dataclass(frozen=True)
class Costs:
    """What each picture loses by each size, and how near that size is to it.

    Rows are pictures, columns are sizes.
    """

    weights: NDArray[np.float64]
    loss: NDArray[np.float64]
    distance: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        sides: NDArray[np.int64],
        weights: NDArray[np.float64],
        sizes: NDArray[np.int64],
        pixels: int,
        *,
        enlarge: bool,
    ) -> "Costs":
        """Compute what pictures lose by sizes, and the order in which a picture takes them.

        As an export does, a picture takes the size of the nearest aspect among those that it
        fills, and of equal aspects the largest.
        """
        width, height = (sides[:, n, None].astype(float) for n in (0, 1))
        to_width, to_height = (sizes[None, :, n].astype(float) for n in (0, 1))
        cropped, scaled_down = shares_lost(width, height, to_width, to_height, pixels)
        fills = (width >= to_width) & (height >= to_height) | enlarge
        aspect = np.abs(np.log(width * to_height / (height * to_width)))
        area = to_width * to_height
        distance = np.round(aspect, 9) - area / area.max() * 1e-10
        loss = 1 - (1 - cropped) * (1 - scaled_down)
        return cls(
            weights, np.where(fills, loss, 1.0), np.where(fills, distance, np.inf).astype(float)
        )

    def best(self, chosen: Sequence[int], place: int) -> tuple[int, float]:
        """Return the size that loses least in a place of a choice, and what is lost then."""
        others = [n for at, n in enumerate(chosen) if at != place]
        nearest, loss = self.taken(others)
        is_nearer = self.distance < nearest[:, None]
        totals = self.weights @ np.where(is_nearer, self.loss, loss[:, None])
        found = int(np.argmin(np.round(totals, 12)))
        return found, float(totals[found])

    def taken(self, chosen: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how near the size that each picture takes is to it, and what it loses."""
        n_pictures = len(self.weights)
        if not chosen:
            return np.full(n_pictures, np.inf), np.ones(n_pictures)
        at = np.argmin(self.distance[:, chosen], axis=1)
        rows = np.arange(n_pictures)
        columns = np.asarray(chosen)[at]
        return self.distance[rows, columns], self.loss[rows, columns]

    def uses(self, chosen: Sequence[int]) -> list[float]:
        """Return the share of clips that takes each size of a choice."""
        at = np.argmin(self.distance[:, chosen], axis=1)
        is_taken = np.isfinite(self.distance[:, chosen].min(axis=1))
        return [float(self.weights[(at == n) & is_taken].sum()) for n in range(len(chosen))]


def shares_lost(
    width: NDArray[np.float64],
    height: NDArray[np.float64],
    to_width: NDArray[np.float64],
    to_height: NDArray[np.float64],
    pixels: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return which share of a picture is cropped, and which share of its pixels scaling loses.

    Scaling loses none down to the number of pixels: more can be in no size.
    """
    scale = np.maximum(to_width / width, to_height / height)
    whole = scale**2 * width * height
    allowed = np.minimum(width * height, pixels)
    return 1 - to_width * to_height / whole, 1 - np.minimum(1, whole / allowed)


def shape_losses(
    pictures: Mapping[Size, float], sizes: Sequence[Size], pixels: int, *, enlarge: bool = False
) -> ShapeLosses:
    """Say what pictures lose by sizes; sizes that no clip takes are named too."""
    sides, weights = most_frequent(pictures)
    n_clips = sum(pictures.values())
    table = np.array(sizes, np.int64).reshape(-1, 2)
    if not len(sides) or not len(table):
        return ShapeLosses((), round(n_clips), 1.0 if n_clips else 0.0)
    costs = Costs.of(sides, weights, table, pixels, enlarge=enlarge)
    at = np.argmin(costs.distance, axis=1)
    is_taken = np.isfinite(costs.distance.min(axis=1))
    (width, height), (to_width, to_height) = sides.T.astype(float), table[at].T.astype(float)
    lost = shares_lost(width, height, to_width, to_height, pixels)
    shapes = []
    for number, size in enumerate(sizes):
        takes = (at == number) & is_taken
        share = float(weights[takes].sum())
        means = [float(weights[takes] @ one[takes]) / share if share else 0.0 for one in lost]
        shapes.append(ShapeLoss(size, round(share * n_clips), *(round(mean, 4) for mean in means)))
    total = float(weights @ np.where(is_taken, 1 - (1 - lost[0]) * (1 - lost[1]), 1.0))
    left_out = round(float(weights[~is_taken].sum()) * n_clips)
    return ShapeLosses(tuple(shapes), left_out, round(total, 4))
