import json
from collections.abc import Callable, Sequence
from math import exp, log
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.chat_bench import grey_jpeg, opened
from tests.support.chat_server import Script
from vidcurate.errors import MediaError, ServerDownError
from vidcurate.models.chat.choices import TokenStep, answered_steps, choice_logprobs, value_told
from vidcurate.models.chat.conversation import (
    Answer,
    ChoiceAnswer,
    Conversation,
    Frame,
    ModelRequest,
    Sound,
    ask_choice,
)
from vidcurate.models.chat.vllm import read_output
from vidcurate.models.notices import take_notices

YES_NO = ("yes", "no")
FRAME = Frame(1.0, grey_jpeg(40))
SOUND = Sound(b"RIFF of a clip", 1.0, 2.0, 1.0)


def step(token: str, **likeliest: float) -> TokenStep:
    """A step in which the tokens have these probabilities; an underscore is a space."""
    pairs = {t.replace("_", " "): log(p) for t, p in likeliest.items()}
    return TokenStep(token, tuple(pairs.items()))


def shares(steps: Sequence[TokenStep], choices: Sequence[str] = YES_NO) -> dict[str, float]:
    """The probability of each choice."""
    return {c: exp(logprob) for c, logprob in choice_logprobs(steps, choices).items()}


def test_tokens_that_mean_the_same_are_summed() -> None:
    """Case, spaces and quotes before a word make no other choice; the rest counts for none."""
    found = shares([step("Yes", Yes=0.5, yes=0.1, _Yes=0.1, YES=0.05, No=0.2, Maybe=0.05)])
    assert found == pytest.approx({"yes": 0.75, "no": 0.2})
    quoted = [
        step('"', **{'"': 0.9, "yes": 0.1}),
        step("no", no=0.8, yes=0.2),
        step('"', **{'"': 1}),
    ]
    assert shares(quoted) == pytest.approx({"yes": 0.1 + 0.18, "no": 0.72})


def test_a_choice_may_take_several_tokens() -> None:
    """What begins two choices is decided by what follows, and a longer word is no choice."""
    steps = [step("red", red=0.9, blue=0.1), step(" boat", _boat=0.75, _car=0.25)]
    colours = ("red car", "red boat", "blue car")
    expected = {"red car": 0.225, "red boat": 0.675, "blue car": 0.1}
    assert shares(steps, colours) == pytest.approx(expected)
    assert shares([step("kay", kay=0.7, sail=0.2), step("aking", aking=1.0)], ("kayaking",)) == (
        pytest.approx({"kayaking": 0.7})
    )
    assert shares([step("no", no=0.9), step("thing", thing=0.8, **{".": 0.2})]) == pytest.approx(
        {"no": 0.9}
    )
    assert shares([step("nothing", nothing=0.9, no=0.1)]) == pytest.approx({"no": 0.1})


def test_a_choice_that_begins_another_ends_at_its_own_end() -> None:
    """A "no" is told from "not sure" by the end of the answer, or by what stands after it."""
    unsure = ("no", "not sure")
    ended = [step("no", no=0.9, not_sure=0.1), step("<|im_end|>", **{"<|im_end|>": 0.7, "t": 0.3})]
    assert shares(ended, unsure) == pytest.approx({"no": 0.63, "not sure": 0.1 + 0.27})
    assert shares([step("no", no=0.9)], unsure) == pytest.approx({"no": 0.9})
    assert shares([step("\u662f\u7684", 是的=0.8, 不=0.2)], ("\u662f", "\u4e0d")) == (
        pytest.approx({"\u662f": 0.8, "\u4e0d": 0.2})
    )


def test_thoughts_before_an_answer_are_passed_over() -> None:
    """The tokens of the answer count, not those of a thought that names a choice."""
    thought = [step(t, **{t: 1.0}) for t in ("<think>", "no", "</think>", "\n")]
    steps = [*thought, step("Yes", Yes=0.6, No=0.4)]
    assert shares(answered_steps(steps, "Yes")) == pytest.approx({"yes": 0.6, "no": 0.4})


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["Yes", " no", "n", "o", ".", "y", ""]), st.floats(0.01, 1)
        ),
        max_size=4,
    )
)
def test_choices_never_have_more_than_everything(written: list[dict[str, float]]) -> None:
    """However tokens fall, the probabilities of all choices are at most 1 together."""
    steps = []
    for weights in written:
        total = sum(weights.values())
        pairs = tuple((token, log(weight / total)) for token, weight in weights.items())
        steps.append(TokenStep(pairs[0][0] if pairs else "", pairs))
    assert sum(shares(steps).values()) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"answer": "Yes", "confidence": 80}', ("yes", 0.8)),
        ('Here: {"answer": "no.", "confidence": 0.6}', ("no", 0.6)),
        ('{"answer": "yes", "confidence": 0}', ("yes", 0.0)),
        ('{"answer": "yes", "confidence": 300}', None),
        ('{"answer": "perhaps", "confidence": 50}', None),
        ('{"answer": "yes"}', None),
        ("yes, 80", None),
        ("[1]", None),
    ],
)
def test_a_confidence_is_read_from_json(text: str, told: tuple[str, float] | None) -> None:
    """A whole number is percent, a fraction a share; what is neither tells nothing."""
    assert value_told(text, YES_NO) == told


def told_by_server(*tokens: dict[str, float]) -> Callable[[dict[str, Any]], Any]:
    """The log-probabilities of an answer as servers send them; the first token was written."""
    content = [
        {
            "token": next(iter(step)),
            "logprob": log(next(iter(step.values()))),
            "top_logprobs": [
                {"token": t, "logprob": log(p), "bytes": None} for t, p in step.items()
            ],
        }
        for step in tokens
    ]
    return lambda body: {"content": content} if body.get("logprobs") else None


def in_json(body: dict[str, Any]) -> str:
    """What a model says that is asked in words, or by a choice alone."""
    is_json = "JSON" in body["messages"][0]["content"][-1]["text"]
    return json.dumps({"answer": "yes", "confidence": 80}) if is_json else "Yes"


def asked(script: Script, n: int = 1) -> list[ChoiceAnswer | MediaError]:
    """What so many questions come to."""
    conversations: list[Conversation[ChoiceAnswer]] = [
        ask_choice(("Is a hare there?", FRAME), YES_NO) for _ in range(n)
    ]
    return list(opened(script, max_retries=0).converse(conversations))


def test_a_server_tells_the_probability_of_each_choice(script: Script) -> None:
    """It is asked for the likeliest tokens, and its probabilities are those of the choices."""
    script.say, script.logprobs = in_json, told_by_server({"Yes": 0.6, " No": 0.2, "A": 0.2})
    [answer] = asked(script)
    assert isinstance(answer, ChoiceAnswer)
    assert answer.probabilities == pytest.approx({"yes": 0.75, "no": 0.25})
    assert answer.score_from == "logprobs"
    assert answer.outside == pytest.approx(0.2)
    [body] = script.bodies
    assert (body["logprobs"], body["top_logprobs"]) == (True, 5)
    question, picture, choose = body["messages"][0]["content"]
    assert (question["text"], picture["type"]) == ("Is a hare there?", "image_url")
    assert choose["text"] == "Answer with one of these and nothing else: yes, no."
    assert "response_format" not in body


@pytest.mark.parametrize("way", ["refuses", "is silent"])
def test_a_server_without_probabilities_is_asked_in_words(script: Script, way: str) -> None:
    """All requests then ask for JSON with a confidence, and a notice says so once."""
    take_notices()
    script.say = in_json
    if way == "refuses":
        script.refuse = lambda b: (400, "logprobs are not supported") if "logprobs" in b else None
    answers = asked(script, 3)
    assert all(isinstance(answer, ChoiceAnswer) for answer in answers)
    for answer in answers:
        assert isinstance(answer, ChoiceAnswer)
        assert answer.probabilities == pytest.approx({"yes": 0.8, "no": 0.2})
        assert (answer.score_from, answer.outside, answer.answer.text) == ("words", 0.0, "yes")
    assert ["logprobs" in body for body in script.bodies] == [True, False, False, False]
    schema = script.bodies[1]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["answer"]["enum"] == ["yes", "no"]
    [notice] = take_notices()
    assert "asked in words how sure it is" in notice


def test_vllm_tells_the_same_in_process() -> None:
    """The log-probabilities of vLLM's own output are read as those of a server are."""
    tokens = {5: ("Yes", 0.6), 6: (" no", 0.2)}
    likeliest = {
        n: SimpleNamespace(decoded_token=t, logprob=log(p)) for n, (t, p) in tokens.items()
    }
    output = SimpleNamespace(finish_reason="stop", text="Yes", token_ids=[5], logprobs=[likeliest])
    result = SimpleNamespace(outputs=[output], prompt_token_ids=[1])
    answer = read_output(result, "eye", 9, 0.1, YES_NO)
    assert isinstance(answer, Answer)
    assert answer.choice_logprobs == pytest.approx({"yes": log(0.6), "no": log(0.2)})
    assert answer.score_from == "logprobs"


def test_an_answer_beside_the_choices_fails_alone(script: Script) -> None:
    """A model that would say something else has no probabilities; the next question is asked."""
    script.say = lambda _body: "A hare"
    script.logprobs = told_by_server({"A": 0.9, "The": 0.1})
    first, second = asked(script, 2)
    assert isinstance(first, MediaError)
    assert str(first) == "the answer is none of yes, no: 'A hare'"
    assert isinstance(second, MediaError)
    assert len(script.bodies) == 2


def test_sound_is_sent_in_its_place(script: Script) -> None:
    """A WAV file goes to the server as input_audio, between the parts that stand around it."""
    opened(script).ask(ModelRequest(("Listen:", SOUND, "Look:", FRAME)))
    content = script.bodies[0]["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "input_audio", "text", "image_url"]
    assert content[1]["input_audio"] == {"data": "UklGRiBvZiBhIGNsaXA=", "format": "wav"}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "At most 0 audio(s) may be provided in one request."),
        (422, "Invalid value: 'input_audio'. Supported values are: 'text' and 'image_url'."),
        (500, "audio input is not supported - hint: if this is unexpected, provide the mmproj"),
        (400, "'content' objects must have a 'type' field that is either 'text' or 'image_url'"),
    ],
)
def test_a_model_that_does_not_hear_ends_the_run(script: Script, status: int, words: str) -> None:
    """The first refusal of sound is one error that names the option, and nothing more is sent."""
    script.refuse = lambda body: (status, words) if "input_audio" in json.dumps(body) else None
    request = ModelRequest(("Listen.", SOUND))
    chat = opened(script)

    def listen() -> Conversation[str]:
        answer = yield request
        return answer.text

    first, *others = chat.converse(listen() for _ in range(3))
    assert isinstance(first, ServerDownError)
    assert "leave out the option hears" in str(first)
    assert words[:40] in str(first)
    assert all(isinstance(other, ServerDownError) for other in others)
    assert len(script.bodies) == 1


def test_a_sound_that_is_refused_later_is_its_own_fault(script: Script) -> None:
    """A server that has heard one sound refuses another for what it is: the next one is sent."""
    chat = opened(script, max_retries=0)
    assert not isinstance(chat.ask(ModelRequest(("Listen.", SOUND))), MediaError)
    script.refuse = lambda _body: (400, "the audio cannot be decoded")
    error = chat.ask(ModelRequest(("Listen.", SOUND)))
    assert isinstance(error, MediaError)
    assert not isinstance(error, ServerDownError)
