import base64
import dataclasses
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.chat_bench import KEY, OPTIONS, answers, conversation, opened, texts
from tests.support.chat_server import Script
from vidcurate.errors import UsageError
from vidcurate.models.chat.conversation import Answer, Conversation, ModelRequest
from vidcurate.models.chat.openai import AHEAD, open_chat
from vidcurate.models.chat.options import ModelEntry
from vidcurate.models.chat.requests import chat_payload, initial_format
from vidcurate.models.chat.responses import retry_after_s
from vidcurate.options import given_options


def test_an_answer_names_its_model(script: Script) -> None:
    """Text, the server's own model name, tokens and seconds are all given."""
    [answer] = answers(script)
    assert isinstance(answer, Answer)
    assert answer.seconds > 0
    assert dataclasses.replace(answer, seconds=0.0) == Answer("clip 0", "ok", "eye-1", 11, 5, 0.0)


def test_the_request_carries_frames_times_and_key(script: Script) -> None:
    """Frames arrive as JPEG data URLs that decode, each after its words, with options and key."""
    answers(script)
    [body], [headers] = script.bodies, script.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("eye", 99, 0.0)
    content = body["messages"][0]["content"]
    assert [part["text"] for part in content if part["type"] == "text"] == [
        "clip 0",
        "first:",
        "second:",
    ]
    assert [part["type"] for part in content] == ["text", *["text", "image_url"] * 2]
    for part, level in zip(content[2::2], (40, 200), strict=True):
        kind, _, data = part["image_url"]["url"].partition(",")
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        assert kind == "data:image/jpeg;base64"
        assert picture is not None
        assert picture.shape == (36, 64, 3)
        assert abs(float(picture.mean()) - level) < 2
        assert part["image_url"]["detail"] == "low"


def test_a_local_server_needs_no_key(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable a placeholder is sent, never the key of another variable."""
    monkeypatch.delenv("TEST_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-this-server")
    assert texts(answers(script)) == ["clip 0"]
    assert script.headers[0]["authorization"] == "Bearer none"


@pytest.mark.parametrize(
    ("mode", "status", "text"),
    [
        ("length", "truncated", "A cut"),
        ("refusal", "refused", "I cannot."),
        ("filter", "refused", ""),
        ("empty", "empty", ""),
        ("parts", "ok", "In parts"),
        ("bare", "ok", "Bare"),
    ],
)
def test_how_an_answer_ended(script: Script, mode: str, status: str, text: str) -> None:
    """Cut-off, refused and empty answers are answers with their status, and are not asked twice."""
    [answer] = answers(script, mode)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.text) == (status, text)
    assert answer.model == ("eye" if mode == "bare" else "eye-1")
    assert len(script.bodies) == 1


def test_slots_are_filled_and_never_more(script: Script) -> None:
    """Of 12 requests with concurrency 4, four are in hand at once, and never five."""
    script.together = threading.Barrier(4)
    results = texts(answers(script, n_clips=12, concurrency=4))
    assert results == [f"clip {number}" for number in range(12)]
    assert script.n_most == 4


def test_results_keep_the_order_of_requests(script: Script) -> None:
    """Answers that overtake each other are still given in the order of the requests."""
    served: list[str] = []

    def before(body: dict[str, Any]) -> None:
        text = body["messages"][0]["content"][0]["text"]
        time.sleep(0.2 if text == "clip 0" else 0.0)
        served.append(text)

    script.before = before
    results = texts(answers(script, n_clips=6, concurrency=3))
    assert results == [f"clip {number}" for number in range(6)]
    assert served != results


def test_requests_are_taken_as_needed(script: Script) -> None:
    """Conversations are taken a bounded number ahead, so frames need not all be held."""
    taken: list[int] = []

    def conversations() -> Iterator[Conversation[Answer]]:
        for number in range(40):
            taken.append(number)
            yield conversation(number)

    results = opened(script, concurrency=2).converse(conversations())
    assert texts([next(results)]) == ["clip 0"]
    assert len(taken) <= AHEAD * 2
    assert len(list(results)) == 39
    assert len(script.bodies) == 40


def test_closing_early_ends_the_requests(script: Script) -> None:
    """A caller that stops reading leaves no request behind."""
    results = opened(script).converse([conversation(number) for number in range(50)])
    next(results)
    assert hasattr(results, "close")
    results.close()
    n_seen = len(script.bodies)
    assert n_seen <= 1 + AHEAD
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("chat")]


def test_the_key_is_nowhere(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    """No error, log line or printed captioner holds the key, even if the server repeats it."""
    caplog.set_level(logging.DEBUG)
    modes = ["400", "429/3600", "500", "error-200", "404"]
    results = texts(answers(script, *modes, n_clips=5, max_retries=0))
    assert all(headers["authorization"].endswith(KEY) for headers in script.headers)
    assert all(result.startswith("!") for result in results)
    assert any("***" in result for result in results)
    assert all(KEY not in result for result in results)
    assert KEY not in repr(opened(script))
    assert caplog.records
    assert KEY not in caplog.text
    [refused] = texts(answers(script, "401"))
    assert KEY not in refused


def test_a_password_in_the_address_is_not_shown(script: Script) -> None:
    """User, password and query of base_url stay out of errors."""
    url = script.url.replace("//", "//me:pass-word@")
    [result] = texts(answers(script, "400", base_url=f"{url}?token=hid"))
    assert "pass-word" not in result
    assert "hid" not in result


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "localhost:8000"}, "must begin with http"),
        ({"model": ""}, "no model is named"),
        ({"concurrency": "many"}, "option concurrency"),
    ],
)
def test_wrong_options_are_named(script: Script, changes: dict[str, object], words: str) -> None:
    """An option that cannot be used is a usage error before anything is sent."""
    with pytest.raises(UsageError, match=words):
        open_chat({**OPTIONS, "base_url": script.url, **changes})
    with pytest.raises(UsageError, match="option base_url"):
        open_chat(OPTIONS)
    assert not script.bodies


def test_a_key_that_no_header_can_carry(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key with a line break inside is named by its variable, not by its value."""
    monkeypatch.setenv("TEST_KEY", "sk-a\nb")
    with pytest.raises(UsageError, match=r"\$TEST_KEY holds characters") as caught:
        opened(script)
    assert "sk-a" not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
    ],
)
def test_the_token_limit_has_two_names(script: Script, base_url: str, name: str) -> None:
    """OpenAI is sent the name its newer models want; no temperature is sent where none is set."""
    server = opened(script, base_url=base_url, temperature=None)
    payload = chat_payload(server.options, ModelRequest(("Hello",)), initial_format(server.options))
    assert payload[name] == 99
    assert set(payload) == {"model", "messages", name}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("2.5", 2.5),
        ("-3", 0.0),
        ("inf", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """Both forms of the header are read; a past date is no wait, nonsense is no header."""
    assert retry_after_s(header) == seconds


def test_a_model_that_does_not_hear_decides_rows_as_before() -> None:
    """The option hears is in a fingerprint only where it is yes, so older data sets stay done."""
    silent = ModelEntry.model_validate({"model": "eye", "hears": False})
    hearing = ModelEntry.model_validate({"model": "eye", "hears": True})
    assert "hears" not in given_options(silent)
    assert given_options(hearing) == {**given_options(silent), "hears": True}
