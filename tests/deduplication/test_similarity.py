from dataclasses import replace

import numpy as np
import pytest

from tests.support.signatures import signature
from vidcurate.deduplication.content import ClipContent, content_arrays
from vidcurate.deduplication.luma_sequence import resampled
from vidcurate.deduplication.similarity import agreement_needed, clip_similarity
from vidcurate.records import SIGNATURES, Signature


def shown(row: Signature) -> ClipContent:
    """What a signature holds."""
    return content_arrays(SIGNATURES.to_arrow([row])).clip(0)


def test_equal_clips_are_next_to_one() -> None:
    """A clip has next to 1 with itself, from its beginning, at its own speed, as a whole."""
    clip = shown(signature(1))
    found = clip_similarity(clip, clip)
    assert found is not None
    assert found.similarity == pytest.approx(1, abs=0.01)
    assert (found.offset_s, found.speed, found.is_whole) == (0.0, 1.0, True)


def test_a_clip_that_was_sped_up_is_a_whole_copy() -> None:
    """Half as long, with the same samples at half their times: the other runs twice as fast."""
    slow = shown(signature(1, n_samples=8))
    fast = replace(
        slow,
        duration_s=4.0,
        times_s=slow.times_s / 2,
        luma_sequence=resampled(slow.luma_sequence, 32),
    )
    found = clip_similarity(fast, slow)
    assert found is not None
    assert found.similarity > 0.95
    assert (found.speed, found.is_whole) == (2.0, True)


def test_much_longer_clips_are_no_copies_of_a_moment() -> None:
    """A clip of a quarter of a second is neither the whole nor a part of one of ten seconds."""
    long = shown(signature(1, n_samples=10))
    short = replace(long, duration_s=0.25, luma_sequence=long.luma_sequence[:, :2])
    assert clip_similarity(short, long) is None


def test_samples_of_other_times_are_no_evidence() -> None:
    """The same samples in reverse order do not make a copy."""
    clip = shown(signature(1, n_samples=10))
    backwards = replace(clip, hashes=clip.hashes[::-1], luma_sequence=clip.luma_sequence[:, ::-1])
    found = clip_similarity(backwards, clip)
    assert found is not None
    assert found.similarity < 0.8


def test_what_cannot_reach_the_limit_is_left_out() -> None:
    """With a lower cosine courses must agree better; where they do not nothing is compared."""
    assert agreement_needed(0.8, 0.7) > agreement_needed(0.8, 0.9)
    one, other = shown(signature(1)), shown(signature(2))
    assert clip_similarity(one, other) is not None
    assert clip_similarity(one, other, enough=0.99) is None
    assert np.isclose(agreement_needed(1.0, 1.0), 1.0)
