"""Which of very many clips are shown."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SEED = 0


def sample_by_fate(fates: pa.ChunkedArray, most: int) -> NDArray[np.int64]:
    """Return the positions of at most `most` clips in order, every fate by its share.

    A fate that clips have has at least one, where `most` allows it. Equal fates give equal clips.
    """
    if len(fates) <= most:
        return np.arange(len(fates))
    groups = fates.combine_chunks().dictionary_encode()
    numbers = groups.indices.to_numpy()
    sizes = np.bincount(numbers, minlength=len(groups.dictionary))
    dice = np.random.default_rng(SEED)
    chosen = [
        dice.choice(np.flatnonzero(numbers == group), wanted, replace=False)
        for group, wanted in shares(dict(enumerate(sizes.tolist())), most).items()
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def shares(sizes: Mapping[int, int], most: int) -> dict[int, int]:
    """Divide `most` places among groups by their sizes, at least one each while there are any."""
    total = sum(sizes.values())
    by_size = sorted((group for group in sizes if sizes[group]), key=lambda group: -sizes[group])
    places = dict.fromkeys(by_size, 0)
    left = most
    for group in reversed(by_size):  # the small ones first, since the large ones have to spare
        places[group] = min(left, max(1, most * sizes[group] // total))
        left -= places[group]
    for group in by_size:
        more = min(left, sizes[group] - places[group])
        places[group] += more
        left -= more
    return places
