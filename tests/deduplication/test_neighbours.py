import numpy as np

from vidcurate.deduplication import neighbours
from vidcurate.deduplication.neighbours import EXACT, LIKEST_CLIPS, candidates
from vidcurate.deduplication.shown import packed

DIMENSION = 64


def rows(n: int, seed: int = 1) -> np.typing.NDArray[np.float32]:
    """Random directions."""
    found = np.random.default_rng(seed).normal(0, 1, (n, DIMENSION)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def test_like_samples_make_a_pair_once() -> None:
    """Two clips with a like sample are a pair, told once with the best cosine; others are not."""
    vectors = rows(6)
    vectors[4] = vectors[1] + 0.2 * vectors[5]
    vectors[3] = vectors[1]
    samples = packed(vectors)
    owners = np.array([0, 0, 1, 1, 2, 3])
    found = list(candidates(samples, samples, owners))
    assert [pair[:2] for pair in found] == [(0, 1), (0, 2), (1, 2)]
    assert found[0][2] > 0.999 > found[1][2] > 0.9


def test_a_clip_is_no_copy_of_itself() -> None:
    """Samples of one clip do not make a pair, however alike."""
    samples = packed(np.repeat(rows(1), 5, axis=0))
    assert list(candidates(samples, samples, np.zeros(5, np.int64))) == []
    none = np.empty((0, DIMENSION), np.int8)
    assert list(candidates(none, none, np.empty(0, np.int64))) == []


def test_only_the_likest_clips_are_looked_at() -> None:
    """A clip that looks like very many others is compared with the likest of them."""
    n = 3 * LIKEST_CLIPS
    samples = packed(rows(1) + 0.02 * rows(n, seed=2))
    found = list(candidates(samples[:1], samples[:1], np.array([0])))
    assert found == []
    found = list(candidates(samples, samples, np.arange(n)))
    assert n * LIKEST_CLIPS / 2 <= len(found) <= n * LIKEST_CLIPS


def test_cells_find_what_comparing_all_finds() -> None:
    """In many more samples than are compared with each other, copies are still found."""
    n = EXACT + 2000
    originals = rows(n)
    copies = originals[:500] + 0.03 * rows(500, seed=3)
    samples = packed(np.concatenate([originals, copies]))
    assert len(samples) > neighbours.EXACT
    found = {pair[:2] for pair in candidates(samples, samples, np.arange(len(samples)))}
    wanted = {(k, n + k) for k in range(500)}
    assert len(found & wanted) > 490
