"""What every model of texts offers, so that a stage can use any of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TextVectors:
    """Vectors of length one of some texts, shape (texts, dimension).

    `are_cut` tells for each text whether the model read only its beginning; None where nothing
    tells it.
    """

    vectors: Vectors
    are_cut: tuple[bool, ...] | None


class TextEncoder(Protocol):
    """A model that is ready to make vectors of texts."""

    def encode(self, groups: Iterable[Sequence[str]]) -> Iterator[TextVectors | MediaError]:
        """The vectors of each group of texts, in order; a group that fails gives its error."""
        ...


def mean_over_tokens(states: Vectors, mask: NDArray[Any]) -> Vectors:
    """The mean of the vectors of a text's tokens, at length one; padding does not count.

    `states` has the shape (texts, tokens, dimension), `mask` (texts, tokens) with 1 for a token.
    """
    weights = mask[..., None].astype(np.float32)
    sums = (states * weights).sum(axis=1)
    return unit_length(sums / np.maximum(weights.sum(axis=1), 1))


def unit_length(rows: Vectors) -> Vectors:
    """Rows at length one.

    Raises MediaError for a row that has no direction: zeros, or no numbers.
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise MediaError("the model gave a vector of zeros, or of no numbers, for some text")
    return np.asarray(rows / lengths, np.float32)
