from dataclasses import replace
from fractions import Fraction

import pytest

from tests.support.spoken_sentences import sentence
from vidcurate.captioning.spoken_text import shown_sentence
from vidcurate.clips.spans import clip_of
from vidcurate.errors import MediaError

CLIP = clip_of("v", Fraction(1, 25), 100, 300, 200)  # from 4 to 12 s


def test_the_sentence_of_the_span_is_the_caption() -> None:
    """The nearest span counts first, then how well it fits; all that are near are candidates."""
    own, weaker = sentence(4, 12, 0.3), replace(sentence(4, 12, 0.2), text="A pan.")
    beside, far = sentence(6, 14, 0.9), sentence(10, 18, 0.9)
    text, made = shown_sentence(CLIP, [far, beside, weaker, own])
    assert (text.text, made) == (own.text, own)
    assert [one.score for one in text.candidates] == [0.9, 0.2, 0.3]
    alone, _ = shown_sentence(CLIP, [own, far])
    assert alone.candidates == ()


def test_a_clip_without_a_sentence_has_no_caption() -> None:
    """A clip that no sentence shares by half fails, and the reason says where to look."""
    with pytest.raises(MediaError, match="no spoken sentence has a span like the clip's"):
        shown_sentence(CLIP, [sentence(10, 18)])
