import pytest

from vidcurate.exporting.layouts.questions import Questions, turns_of
from vidcurate.exporting.tables.samples import texts_of
from vidcurate.exporting.tables.table import FROM_VERSION

ROW = {
    "clip_id": "c",
    "caption": "a bear",
    "caption_short_text": "an animal",
    "caption_before": "a dog",
    "caption_candidates": [{"text": "a wolf"}],
    "caption_structured": '{"animal": "dog"}',
}


@pytest.mark.parametrize("written", [None, "a bear"])
def test_a_caption_that_a_person_wrote_stands_alone(written: str | None) -> None:
    """What it corrects, and what came of the same answer, is no further text about the clip."""
    row = {**ROW, "review_caption": written}
    others = [] if written else ["an animal", "a dog", "a wolf"]
    assert list(texts_of(row)) == ["a bear", *others]
    turns = turns_of(["a bear"], row, Questions(), 0, every=True)
    assert [turn.answer for turn in turns] == ["a bear", *([] if written else ["dog"])]


def test_versions_of_the_caption_are_texts_too() -> None:
    """A column of the user's list of videos that is named like one is none."""
    made = {f"captions_chinese_{name}": None for name in FROM_VERSION}
    row = {**ROW, "captions_chinese": "一只熊", **made, "captions_own": "from a list"}
    assert list(texts_of(row)) == ["a bear", "an animal", "a dog", "a wolf", "一只熊"]
