"""Measures how far a caption names the things that a reference names, by nouns and their vectors.

EntityScore (FAVDBench, Shen et al. 2023), with vectors of a sentence encoder in place of T5's, so
that numbers compare with each other and not with published ones.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VectorOf = Callable[[str], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class EntityAgreement:
    """Nouns of a caption against those of references.

    `recall` R is the share of the references' nouns that the caption has, `nearness` C the mean
    over the caption's nouns of (cos + 1) / 2 with the nearest of the references'.
    """

    n_reference: int
    n_caption: int
    recall: float | None
    nearness: float | None

    @property
    def score(self) -> float | None:
        """2RC / (R + C); None where either text has no nouns."""
        recall, nearness = self.recall, self.nearness
        if recall is None or nearness is None:
            return None
        return 2 * recall * nearness / (recall + nearness) if recall + nearness else 0.0


def compare_nouns(
    caption: Iterable[str], references: Iterable[str], vector_of: VectorOf
) -> EntityAgreement:
    """Compare nouns; each counts once, and `vector_of` gives the unit vector of one."""
    ours, theirs = sorted({*caption}), sorted({*references})
    recall = len({*ours} & {*theirs}) / len(theirs) if theirs else None
    nearness = None
    if ours and theirs:
        own = np.stack([vector_of(noun) for noun in ours])
        other = np.stack([vector_of(noun) for noun in theirs])
        nearness = float(((own @ other.T).max(axis=1) + 1).mean() / 2)
    return EntityAgreement(len(theirs), len(ours), recall, nearness)
