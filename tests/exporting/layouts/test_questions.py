from pathlib import Path

import pytest

from vidcurate.errors import UsageError
from vidcurate.exporting.layouts.questions import (
    FIELDS,
    LONG,
    SHORT,
    SHORT_WORDS,
    Questions,
    read_questions,
    turns_of,
)

LONG_TEXT = " ".join(["word"] * (SHORT_WORDS + 1))


def asked(text: str, clip_id: str, seed: int = 0) -> str:
    """The one question that a text answers."""
    [turn] = turns_of([text], {"clip_id": clip_id}, Questions(), seed, every=False)
    assert turn.answer == text
    return turn.question


def test_a_question_fits_the_length_of_its_answer() -> None:
    """Short texts answer short questions; which one follows from the clip and the seed alone."""
    short = [asked("A dog runs.", f"c{n}") for n in range(200)]
    assert set(short) == set(SHORT)
    assert {asked(LONG_TEXT, f"c{n}") for n in range(200)} == set(LONG)
    assert short == [asked("A dog runs.", f"c{n}") for n in range(200)]
    assert short != [asked("A dog runs.", f"c{n}", seed=1) for n in range(200)]


def test_further_texts_answer_further_questions() -> None:
    """Asked for all, each different text and each field of the form makes a turn; else only one."""
    row = {"clip_id": "c", "caption_structured": '{"camera_move": "pan <video>", "n": 2, "x": []}'}
    texts = [LONG_TEXT, "A dog runs.", LONG_TEXT, "A cat."]
    turns = turns_of(texts, row, Questions(), 0, every=True)
    assert [turn.answer for turn in turns] == [LONG_TEXT, *texts[1::2], "pan (video)", "2"]
    assert "camera move" in turns[3].question
    assert len({turn.question for turn in turns}) == len(turns)
    assert turns_of(texts, row, Questions(), 0, every=False) == turns[:1]


def test_a_list_of_one_s_own_is_asked(tmp_path: Path) -> None:
    """Questions come from options, a text file or YAML; places are filled from the table."""
    text, lists = tmp_path / "own.txt", tmp_path / "own.yaml"
    text.write_text("\ufeffWhat <video>?\n\nWho in {source_name}, {duration_s} s?\n", "utf-8")
    lists.write_text('short: ["Was?"]\n', "utf-8")
    row = {"clip_id": "c", "source_name": "a.mp4", "duration_s": 2.04}
    found = {
        turns_of(["x"], row | {"clip_id": f"c{n}"}, read_questions([str(text)]), 0, every=False)[0][
            0
        ]
        for n in range(20)
    }
    assert found == {"What (video)?", "Who in a.mp4, 2.0 s?"}
    assert read_questions([str(lists)]) == Questions(short=("Was?",))
    assert read_questions(["One?", "Two?"]).long == ("One?", "Two?")
    assert read_questions(["One?", str(lists)]) == Questions(("One?",), ("One?", "Was?"))
    assert read_questions(["One?"]).field == FIELDS
    assert read_questions([]) == Questions()


def test_a_list_that_is_none_is_refused(tmp_path: Path) -> None:
    """A missing, empty or misspelt list, and an unknown column, are named."""
    file = tmp_path / "own.yaml"
    with pytest.raises(UsageError, match=r"own\.yaml cannot be read"):
        read_questions([str(file)])
    for text, message in (("", "long must be a list"), ("lang: [x]", "'lang'"), ("[1]", "list of")):
        file.write_text(text)
        with pytest.raises(UsageError, match=message):
            read_questions([str(file)])
    with pytest.raises(UsageError, match="did you mean 'duration_s'"):
        turns_of(["x"], {"duration_s": 1}, read_questions(["{durations}?"]), 0, every=False)
