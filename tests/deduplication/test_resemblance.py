from dataclasses import replace

import numpy as np
import pytest

from tests.support.signatures import signature
from vidcurate.deduplication.course import resampled
from vidcurate.deduplication.resemblance import agreement_needed, resemblance
from vidcurate.deduplication.shown import Shown, gallery
from vidcurate.records import SIGNATURES, Signature


def shown(row: Signature) -> Shown:
    """What a signature holds."""
    return gallery(SIGNATURES.to_arrow([row])).clip(0)


def test_equal_clips_are_next_to_one() -> None:
    """A clip has next to 1 with itself, from its beginning, at its own speed, as a whole."""
    clip = shown(signature(1))
    found = resemblance(clip, clip)
    assert found is not None
    assert found.similarity == pytest.approx(1, abs=0.01)
    assert (found.offset_s, found.speed, found.is_whole) == (0.0, 1.0, True)


def test_a_clip_that_was_sped_up_is_a_whole_copy() -> None:
    """Half as long, with the same samples at half their times: the other runs twice as fast."""
    slow = shown(signature(1, n_samples=8))
    fast = replace(
        slow, duration_s=4.0, times_s=slow.times_s / 2, course=resampled(slow.course, 32)
    )
    found = resemblance(fast, slow)
    assert found is not None
    assert found.similarity > 0.95
    assert (found.speed, found.is_whole) == (2.0, True)


def test_much_longer_clips_are_no_copies_of_a_moment() -> None:
    """A clip of a quarter of a second is neither the whole nor a part of one of ten seconds."""
    long = shown(signature(1, n_samples=10))
    short = replace(long, duration_s=0.25, course=long.course[:, :2])
    assert resemblance(short, long) is None


def test_samples_of_other_times_are_no_evidence() -> None:
    """The same samples in reverse order do not make a copy."""
    clip = shown(signature(1, n_samples=10))
    backwards = replace(clip, hashes=clip.hashes[::-1], course=clip.course[:, ::-1])
    found = resemblance(backwards, clip)
    assert found is not None
    assert found.similarity < 0.8


def test_what_cannot_reach_the_limit_is_left_out() -> None:
    """With a lower cosine courses must agree better; where they do not nothing is compared."""
    assert agreement_needed(0.8, 0.7) > agreement_needed(0.8, 0.9)
    one, other = shown(signature(1)), shown(signature(2))
    assert resemblance(one, other) is not None
    assert resemblance(one, other, enough=0.99) is None
    assert np.isclose(agreement_needed(1.0, 1.0), 1.0)
