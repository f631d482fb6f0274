import pytest

from tests.support.conversations import Model, caption_by, reply
from vidcurate.captioning.strategies.motion_detail import shares_of_words
from vidcurate.errors import MediaError

MOTION, DETAIL = "The hare leaps upwards.", "The hare is grey."


def test_two_texts_are_fused() -> None:
    """Movement and appearance are asked with frames, the fused text from both without."""
    model = Model([reply(MOTION), reply(DETAIL), reply("The grey hare leaps upwards.")])
    result = caption_by(model, strategy="motion-detail")
    assert result.text == "The grey hare leaps upwards."
    assert [len(request.parts) for request in model.requests] == [5, 5, 1]
    motion, detail, fuse = model.texts()
    assert "movement alone" in motion
    assert "appearance alone" in detail
    assert MOTION in fuse
    assert DETAIL in fuse
    assert result.structured["motion_text"] == MOTION
    assert result.structured["motion_share"] == 2 / 5
    assert result.structured["detail_share"] == 1 / 5


def test_shares_count_own_words_only() -> None:
    """Words that both texts have count for neither, nor do words that neither has."""
    found = shares_of_words("The hare leaps.", MOTION, DETAIL)
    assert found == {
        "motion_share": 1 / 3,
        "motion_kept": 1 / 2,
        "detail_share": 0.0,
        "detail_kept": 0.0,
    }
    assert set(shares_of_words("", "", "").values()) == {0.0}


def test_a_text_cut_off_marks_the_whole() -> None:
    """If any of the three ran out of tokens, the caption says so; a refusal ends it."""
    model = Model([reply(MOTION, "truncated"), reply(DETAIL), reply("Both.")])
    assert caption_by(model, strategy="motion-detail").status == "truncated"
    with pytest.raises(MediaError, match="refused"):
        caption_by(Model([reply(MOTION), reply("", "refused")]), strategy="motion-detail")
