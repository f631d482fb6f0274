from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.conversations import Model, caption_by, reply
from vidcurate.captioning.clip_input import CaptionText
from vidcurate.captioning.model_team import ModelTeam
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.text.agreement import mean_word_f1, word_f1, words_in
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import (
    ModelRequest,
    Outcome,
    one_request,
    run_conversations,
)

TEACHERS = ("model=a", "model=b prompt=motion", "model=c")
HARE, HARE_TOO, BOAT = "A grey hare runs.", "A grey hare runs fast.", "The boat is red."


def taught(*outcomes: Outcome, **options: Any) -> tuple[CaptionText, Model]:
    """What three teachers come to, and what they were asked."""
    model = Model(outcomes)
    return caption_by(model, strategy="teachers", teachers=TEACHERS, **options), model


def test_the_text_that_agrees_most_is_taken() -> None:
    """Each teacher is asked by its own prompt; of three texts one of the two like ones wins."""
    texts = [reply(BOAT, model="a-1"), reply(HARE, model="b-1"), reply(HARE_TOO, model="c-1")]
    result, model = taught(*texts)
    assert result.text == HARE
    assert result.model == "b-1"
    assert [request.to for request in model.requests] == list(TEACHERS)
    assert "movement alone" in model.texts()[1]
    assert [(c.text, c.source) for c in result.candidates] == [
        (BOAT, "a-1@describe"),
        (HARE, "b-1@motion"),
        (HARE_TOO, "c-1@describe"),
    ]
    scores = [c.score for c in result.candidates]
    assert scores[0] is not None
    assert scores == mean_word_f1([BOAT, HARE, HARE_TOO])
    assert result.structured is None


def test_a_teacher_that_fails_is_left_out() -> None:
    """The others' texts are judged, and the row says who failed and why."""
    result, _ = taught(MediaError("no connection"), reply(HARE), reply("", "empty"))
    assert result.text == HARE
    assert [c.score for c in result.candidates] == [None]
    failed = {"teacher 1": "no connection", "teacher 3": "the model's answer was empty"}
    assert result.structured == {"failed": failed}


def test_without_any_text_the_clip_fails() -> None:
    """If all teachers fail, the reason names each."""
    faults = [MediaError(f"fault {n}") for n in range(3)]
    with pytest.raises(MediaError, match="teacher 1: fault 0; teacher 2: fault 1; teacher 3"):
        taught(*faults)


def test_a_text_cut_off_is_taken_last() -> None:
    """A whole text is preferred to one that ran out of tokens, whatever their scores."""
    result, _ = taught(reply(HARE, "truncated"), reply(BOAT), reply(HARE_TOO, "truncated"))
    assert (result.text, result.status) == (BOAT, "ok")


def test_the_nearest_to_the_clip_is_taken() -> None:
    """With `alignment` the scores are what the clip's vector gives, and it must be there."""

    def text_scorer(texts: Sequence[str]) -> list[float]:
        return [0.3 if text == BOAT else 0.1 for text in texts]

    texts = [reply(HARE), reply(BOAT), reply(HARE_TOO)]
    result, _ = taught(*texts, scorer="alignment", text_scorer=text_scorer)
    assert result.text == BOAT
    assert [c.score for c in result.candidates] == [0.1, 0.3, 0.1]
    with pytest.raises(MediaError, match="not embedded"):
        taught(*texts, scorer="alignment")


def test_a_judge_marks_the_texts() -> None:
    """The judge is the config's own model, sees the frames and all texts, and its marks count."""
    texts = [reply(HARE), reply(BOAT), reply(HARE_TOO)]
    result, model = taught(*texts, reply('{"marks": [2, 5, 4]}'), scorer="judge")
    assert result.text == BOAT
    assert [c.score for c in result.candidates] == [2.0, 5.0, 4.0]
    judged = model.requests[3]
    assert judged.to == ""
    assert f"Text 2: {BOAT}" in str(judged.parts[0])
    assert len(judged.parts) > 5


@pytest.mark.parametrize("marks", ["[5, 5]", "[1, 2, 9]", "[1, 2, 0]"])
def test_marks_that_do_not_fit_fail(marks: str) -> None:
    """Too few marks, or marks off the scale, choose no text."""
    texts = [reply(HARE), reply(BOAT), reply(HARE_TOO)]
    with pytest.raises(MediaError, match="the judge gave the marks"):
        taught(*texts, reply(f'{{"marks": {marks}}}'), scorer="judge")


@pytest.mark.parametrize(
    ("teachers", "words"),
    [
        (("model=a",), "two teachers or more"),
        (("model=a", "eye"), "teacher 2: write it as name=value"),
        (("model=a", "colour=red"), "teacher 2: write it as name=value"),
        (("model=a", "model="), "teacher 2: write it as"),
        (("model=a", "max_tokens=many"), "teacher 2: max_tokens: must be a whole number"),
        (
            ("model=a", "backend=facts"),
            "teacher 2: backend: must be 'openai', 'transformers' or 'vllm', not 'facts'",
        ),
        (("model=a", "base_url=http://me:sk-1@h/v1"), "teacher 2: base_url: .*holds a user"),
        (("model=a", "model='b"), "teacher 2: No closing quotation"),
    ],
)
def test_faulty_teachers_are_named(teachers: tuple[str, ...], words: str) -> None:
    """A faulty teacher is an error before anything runs, and no key is repeated."""
    options = {"backend": "openai", "model": "m", "strategy": "teachers", "teachers": teachers}
    with pytest.raises(ValidationError, match=words) as caught:
        CaptionConfig.model_validate(options)
    assert all("sk-1" not in str(e["ctx"]["error"]) for e in caught.value.errors())


def test_a_team_asks_each_its_own() -> None:
    """Requests of many conversations reach the model that they name, and answers come back."""

    class NearCopy:
        def __init__(self, name: str) -> None:
            self.name = name

        def ask(self, request: ModelRequest) -> Outcome:
            return reply(f"{self.name} {request.parts[0]}")

        def converse(self, conversations: Any) -> Any:
            return run_conversations(
                conversations, lambda requests: [self.ask(request) for request in requests], 2
            )

    team = ModelTeam({"": NearCopy("main"), "x": NearCopy("other")})
    requests = [ModelRequest((str(n),), to="x" if n % 2 else "") for n in range(5)]
    found = list(team.converse(one_request(request) for request in requests))
    assert [f.text if not isinstance(f, MediaError) else "" for f in found] == [
        *("main 0", "other 1", "main 2", "other 3", "main 4")
    ]


def test_words_of_any_script() -> None:
    """Words are counted without regard to case and marks; unspaced scripts count by letter."""
    assert words_in("A Hare's run, 2x!") == ["a", "hare", "s", "run", "2x"]
    assert words_in("兎が走る") == ["兎", "が", "走", "る"]
    assert word_f1("a b", "b a") == 1.0
    assert word_f1("a b", "c") == 0.0
    assert word_f1("a a b", "a") == pytest.approx(2 / 4)
    assert word_f1("", "") == 0.0
    assert mean_word_f1(["alone"]) == [None]
