import numpy as np
import pytest

from tests.support.signatures import signature
from vidcurate.deduplication.shown import gallery, packed, unpacked
from vidcurate.records import SIGNATURES


def test_packing_turns_vectors_little() -> None:
    """A byte a number keeps the cosine to a thousandth, zeros stay zeros."""
    random = np.random.default_rng(1)
    vectors = random.normal(0, 1, (50, 390)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    again = unpacked(packed(vectors))
    assert (again * vectors).sum(axis=1).min() > 0.999
    assert np.linalg.norm(again, axis=1) == pytest.approx(1, abs=1e-6)
    assert not unpacked(packed(np.zeros((1, 390), np.float32))).any()


def test_clips_come_out_as_they_went_in() -> None:
    """Each clip has its own samples and course, also beside one without samples."""
    rows = [signature(seed, n_samples=n) for seed, n in ((1, 3), (2, 0), (3, 2))]
    clips = gallery(SIGNATURES.to_arrow(rows))
    assert clips.owners.tolist() == [0, 0, 0, 2, 2]
    for number, row in enumerate(rows):
        clip = clips.clip(number)
        assert clip.duration_s == row.duration_s
        assert tuple(clip.times_s) == row.times_s
        assert clip.hashes.tobytes() == row.hashes
        assert clip.course.astype(np.float32).tobytes() == row.course
        assert clip.packed.tobytes() == row.vectors


def test_no_clips_at_all() -> None:
    """A table without rows is a gallery without clips."""
    clips = gallery(SIGNATURES.schema.empty_table())
    assert len(clips.durations_s) == len(clips.owners) == 0
