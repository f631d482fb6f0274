import json
from collections.abc import Sequence

from vidcurate.captioning.quality.judges import Judges
from vidcurate.captioning.quality.questions import (
    Match,
    Question,
    answer_questions,
    make_questions,
    match_answers,
)
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Answer, ModelRequest, run_conversation

QUESTIONS = (
    Question("detailed", "Who walks?", "a man"),
    Question("detailed", "Who barks?", "a dog"),
)


def replies(*values: object) -> tuple[list[str], "object"]:
    """A model that gives these answers in turn, and what it was asked."""
    asked: list[str] = []
    left = iter(values)

    def ask(request: ModelRequest) -> Answer:
        asked.append(str(request.parts[0]))
        return Answer(json.dumps(next(left)), "ok", "m", 1, 1, 0.0)

    return asked, ask


def answered(values: Sequence[object]) -> object:
    """What comes of answers of a model to two questions."""
    _, ask = replies(*[{"answers": value} for value in values])
    return run_conversation(answer_questions("A man walks.", QUESTIONS, Judges()), ask)  # type: ignore[arg-type]


def test_questions_are_at_most_twenty_and_none_twice() -> None:
    """What is asked again, or has no answer, is left out."""
    pairs = [{"question": f"Q{n // 2}?", "answer": str(n)} for n in range(60)]
    _, ask = replies({"pairs": [{"question": "Q?", "answer": " "}, *pairs]})
    found = run_conversation(make_questions("Text.", "camera", Judges()), ask)  # type: ignore[arg-type]
    assert not isinstance(found, MediaError)
    assert len(found) == 20
    assert found[1] == Question("camera", "Q1?", "2")


def test_an_answer_that_is_not_told_is_wrong_without_a_judge() -> None:
    """The judge is asked about the others alone, which keep their places."""
    asked, ask = replies({"verdicts": [{"match": "yes", "score": 4}]})
    talk = match_answers(QUESTIONS, ["Not told.", "a hound"], Judges())
    found = run_conversation(talk, ask)  # type: ignore[arg-type]
    assert found == [Match(is_right=False, score=0), Match(is_right=True, score=4)]
    assert "1. Who barks? True answer: a dog Given answer: a hound" in asked[0]


def test_an_empty_text_tells_nothing() -> None:
    """Nobody is asked what it says."""
    asked, ask = replies()
    found = run_conversation(answer_questions(" ", QUESTIONS, Judges()), ask)  # type: ignore[arg-type]
    assert (found, asked) == (["not told", "not told"], [])


def test_a_wrong_number_of_answers_is_asked_again_and_then_fails() -> None:
    """The second answer may be right; two wrong ones are an error that says so."""
    assert answered([["a man"], ["a man", "not told"]]) == ["a man", "not told"]
    fault = answered([["a man"], ["a man"]])
    assert isinstance(fault, MediaError)
    assert "answers" in str(fault)
