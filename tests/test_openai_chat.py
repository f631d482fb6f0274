import base64
import dataclasses
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from chat_server import Script, serving

from vidcurate.errors import MediaError, UsageError
from vidcurate.models.captioner import CaptionAnswer, CaptionRequest, Frame
from vidcurate.models.chat_answers import retry_after_s
from vidcurate.models.chat_request import chat_payload
from vidcurate.models.openai_chat import AHEAD, ChatCaptioner, open_chat
from vidcurate.models.prompts import load_prompt

KEY = "sk-secret-7f3a"
OPTIONS: dict[str, object] = {
    "model": "eye",
    "prompt": "",
    "max_tokens": 99,
    "temperature": 0.0,
    "image_detail": "low",
    "timeout_s": 5.0,
    "concurrency": 1,
    "retries": 2,
    "backoff_s": 0.001,
    "api_key_env": "TEST_KEY",
}
Result = CaptionAnswer | MediaError


@pytest.fixture
def prompt(tmp_path: Path) -> str:
    """A prompt that the server can echo: it names the clip by its duration."""
    path = tmp_path / "prompt.txt"
    path.write_text("clip {duration_s}", encoding="utf-8")
    return str(path)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running server, reached without a proxy, and a key in the environment."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TEST_KEY", KEY)
    with serving(Script()) as script:
        yield script


def still(level: int) -> bytes:
    """A JPEG of one grey."""
    return bytes(cv2.imencode(".jpg", np.full((36, 64, 3), level, np.uint8))[1])


def clip(number: int) -> CaptionRequest:
    """A clip that lasts `number` seconds and begins at 10 s of its film."""
    frames = (Frame(10.5, still(40)), Frame(11.25, still(200)))
    facts = {"clips": {"duration_s": float(number), "start_s": 10.0}}
    return CaptionRequest(f"clip-{number}", frames, facts)


def opened(script: Script, prompt: str, **changes: object) -> ChatCaptioner:
    """The backend under test, talking to the server."""
    return open_chat({**OPTIONS, "base_url": script.url, "prompt": prompt, **changes})


def captions(
    script: Script, prompt: str, *modes: str, n_clips: int = 1, **changes: object
) -> list[Result]:
    """Results for so many clips where the server answers in these modes, then well."""
    script.modes[:] = modes
    captioner = opened(script, prompt, **changes)
    results = list(captioner.caption([clip(number) for number in range(n_clips)]))
    captioner.client.close()
    return results


def texts(results: list[Result]) -> list[str]:
    """Captions; an error gives its text after an exclamation mark."""
    return [r.text if isinstance(r, CaptionAnswer) else f"!{r}" for r in results]


def test_an_answer_says_where_it_is_from(script: Script, prompt: str) -> None:
    """Text, the server's own model name, tokens, seconds and the prompt's hash are all given."""
    [answer] = captions(script, prompt)
    assert isinstance(answer, CaptionAnswer)
    assert answer.seconds > 0
    assert dataclasses.replace(answer, seconds=0.0) == CaptionAnswer(
        "clip 0.0", "ok", "eye-1", 11, 5, 0.0
    )
    captioner = opened(script, prompt)
    assert (captioner.backend, captioner.prompt_hash) == ("openai", load_prompt(prompt).hash)


def test_the_request_carries_frames_times_and_key(script: Script, prompt: str) -> None:
    """Frames arrive as JPEG data URLs that decode, each after its time, with options and key."""
    captions(script, prompt)
    [body], [headers] = script.bodies, script.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("eye", 99, 0.0)
    content = body["messages"][0]["content"]
    assert [part["text"] for part in content if part["type"] == "text"] == [
        "clip 0.0",
        "Frame 1 of 2, at 0.50 s:",
        "Frame 2 of 2, at 1.25 s:",
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


def test_a_local_server_needs_no_key(
    script: Script, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the variable a placeholder is sent, never the key of another variable."""
    monkeypatch.delenv("TEST_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-this-server")
    assert texts(captions(script, prompt)) == ["clip 0.0"]
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
def test_how_an_answer_ended(
    script: Script, prompt: str, mode: str, status: str, text: str
) -> None:
    """Cut-off, refused and empty answers are answers with their status, and are not asked twice."""
    [answer] = captions(script, prompt, mode)
    assert isinstance(answer, CaptionAnswer)
    assert (answer.status, answer.text) == (status, text)
    assert answer.model == ("eye" if mode == "bare" else "eye-1")
    assert len(script.bodies) == 1


@pytest.mark.parametrize(
    "modes",
    [
        ("429/0.01",),
        ("429/Wed, 21 Oct 2015 07:28:00 GMT",),
        ("429/soon",),
        ("500", "500"),
        ("503", "closes"),
        ("hangs-up", "half-json"),
        ("no-body", "not-json"),
    ],
)
def test_what_passes_is_tried_again(script: Script, prompt: str, modes: tuple[str, ...]) -> None:
    """A full or failing server and a broken connection are tried again, and then answer."""
    assert texts(captions(script, prompt, *modes)) == ["clip 0.0"]
    assert len(script.bodies) == len(modes) + 1


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("slow", "no whole answer within timeout_s = 0.2"),
        ("drips", "no whole answer within timeout_s = 0.2"),
        ("closes", "the connection broke off (RemoteProtocolError)"),
        ("hangs-up", "the connection broke off (RemoteProtocolError)"),
        ("half-json", "the answer is cut short"),
        ("not-json", "the answer is not JSON"),
        ("no-body", "the answer is empty"),
        ("500", "answered 500: status 500"),
    ],
)
def test_tries_run_out(script: Script, prompt: str, mode: str, words: str) -> None:
    """A fault that stays ends its clip, named and counted; the next clip has its caption."""
    first, second = captions(script, prompt, mode, mode, n_clips=2, retries=1, timeout_s=0.2)
    assert isinstance(first, MediaError)
    assert str(first).startswith(f"{script.url}: ")
    assert words in str(first)
    assert "(tried 2 times)" in str(first)
    assert texts([second]) == ["clip 1.0"]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("html", "a web page, no chat completion: check base_url"),
        ("no-choices", "it has no choices"),
        ("other-schema", "no chat completion: choices.0.message"),
        ("error-200", "the server answered with an error: model crashed"),
        ("endless", "longer than 8 MiB"),
        ("400", "answered 400: status 400"),
        ("429/3600", "asks to wait 3600 s"),
    ],
)
def test_what_does_not_pass_is_not_tried_again(
    script: Script, prompt: str, mode: str, words: str
) -> None:
    """A wrong request or a wrong kind of answer fails its clip at once, and no other."""
    first, second = texts(captions(script, prompt, mode, n_clips=2))
    assert words in first
    assert second == "clip 1.0"
    assert len(script.bodies) == 2


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("401", "answered 401: it refuses the key in $TEST_KEY"),
        ("403", "answered 403: it refuses the key in $TEST_KEY"),
        ("404", "check base_url (most end in /v1) and model 'eye'"),
        ("html-404", "answered 404: a web page: check base_url"),
        ("429/spent", "answered 429"),
    ],
)
def test_what_meets_all_clips_ends_them_all(
    script: Script, prompt: str, mode: str, words: str
) -> None:
    """A refused key, address or model fails every clip for one reason, after one request a slot."""
    results = texts(captions(script, prompt, *[mode] * 2, n_clips=30, concurrency=2))
    assert len(results) == 30
    assert len(set(results)) == 1
    assert words in results[0]
    assert len(script.bodies) <= 2


def test_a_refusal_ends_a_wait(script: Script, prompt: str) -> None:
    """A thread that waits as the server asked gives up when another learns it is in vain."""
    script.together = threading.Barrier(2)
    results = texts(captions(script, prompt, "429/100", "401", n_clips=2, concurrency=2))
    assert len(script.bodies) == 2
    assert "401" in results[0]
    assert "401" in results[1]


def test_without_a_key_it_is_asked_for(
    script: Script, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a server wants a key and there is none, the error names the variable to set."""
    monkeypatch.delenv("TEST_KEY")
    assert "set $TEST_KEY to a key" in texts(captions(script, prompt, "401"))[0]


def test_a_server_that_is_down(script: Script, prompt: str) -> None:
    """Where nobody listens, the first clip's tries run out and the others fail with its reason."""
    with serving(Script()) as gone:
        pass
    results = texts(captions(gone, prompt, n_clips=9, retries=1))
    assert len(set(results)) == 1
    assert f"{gone.url}: no connection (ConnectError): is it running? (tried 2 times)" in results[0]
    assert not script.bodies


def test_slots_are_filled_and_never_more(script: Script, prompt: str) -> None:
    """Of 12 requests with concurrency 4, four are in hand at once, and never five."""
    script.together = threading.Barrier(4)
    results = texts(captions(script, prompt, n_clips=12, concurrency=4))
    assert results == [f"clip {number}.0" for number in range(12)]
    assert script.n_most == 4


def test_results_keep_the_order_of_requests(script: Script, prompt: str) -> None:
    """Answers that overtake each other are still given in the order of the requests."""
    served: list[str] = []

    def before(body: dict[str, Any]) -> None:
        text = body["messages"][0]["content"][0]["text"]
        time.sleep(0.2 if text == "clip 0.0" else 0.0)
        served.append(text)

    script.before = before
    results = texts(captions(script, prompt, n_clips=6, concurrency=3))
    assert results == [f"clip {number}.0" for number in range(6)]
    assert served != results


def test_requests_are_taken_as_needed(script: Script, prompt: str) -> None:
    """An iterator of requests is read a bounded number ahead, so frames need not all be held."""
    taken: list[int] = []

    def requests() -> Iterator[CaptionRequest]:
        for number in range(40):
            taken.append(number)
            yield clip(number)

    results = opened(script, prompt, concurrency=2).caption(requests())
    assert texts([next(results)]) == ["clip 0.0"]
    assert len(taken) <= AHEAD * 2
    assert len(list(results)) == 39
    assert len(script.bodies) == 40


def test_closing_early_ends_the_requests(script: Script, prompt: str) -> None:
    """A caller that stops reading leaves no request behind."""
    results = opened(script, prompt).caption([clip(number) for number in range(50)])
    next(results)
    assert hasattr(results, "close")
    results.close()
    n_seen = len(script.bodies)
    assert n_seen <= 1 + AHEAD
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("caption")]


def test_a_clip_without_frames_or_length_fails_alone(script: Script, prompt: str) -> None:
    """What cannot be asked is that clip's error, without a request."""
    bare = [CaptionRequest("a", (), {}), CaptionRequest("b", clip(1).frames, {})]
    first, second, third = texts(list(opened(script, prompt).caption([*bare, clip(2)])))
    assert "no frames" in first
    assert "duration_s" in second
    assert third == "clip 2.0"
    assert len(script.bodies) == 1


def test_the_key_is_nowhere(script: Script, prompt: str, caplog: pytest.LogCaptureFixture) -> None:
    """No error, log line or printed captioner holds the key, even if the server repeats it."""
    caplog.set_level(logging.DEBUG)
    modes = ["400", "429/3600", "500", "error-200", "404"]
    results = texts(captions(script, prompt, *modes, n_clips=5, retries=0))
    assert all(headers["authorization"].endswith(KEY) for headers in script.headers)
    assert all(result.startswith("!") for result in results)
    assert any("***" in result for result in results)
    assert all(KEY not in result for result in results)
    assert KEY not in repr(opened(script, prompt))
    assert caplog.records
    assert KEY not in caplog.text
    [refused] = texts(captions(script, prompt, "401"))
    assert KEY not in refused


def test_a_password_in_the_address_is_not_told(script: Script, prompt: str) -> None:
    """User, password and query of base_url stay out of errors."""
    url = script.url.replace("//", "//me:pass-word@")
    [result] = texts(captions(script, prompt, "400", base_url=f"{url}?token=hid"))
    assert "pass-word" not in result
    assert "hid" not in result


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "localhost:8000"}, "must begin with http"),
        ({"model": ""}, "no model is named"),
        ({"prompt": "nowhere"}, "no prompt 'nowhere'"),
        ({"concurrency": "many"}, "option concurrency"),
    ],
)
def test_wrong_options_are_named(
    script: Script, prompt: str, changes: dict[str, object], words: str
) -> None:
    """An option that cannot be used is a usage error before anything is sent."""
    with pytest.raises(UsageError, match=words):
        open_chat({**OPTIONS, "base_url": script.url, "prompt": prompt, **changes})
    with pytest.raises(UsageError, match="option base_url"):
        open_chat({**OPTIONS, "prompt": prompt})
    assert not script.bodies


def test_a_key_that_no_header_can_carry(
    script: Script, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key with a line break inside is named by its variable, not by its value."""
    monkeypatch.setenv("TEST_KEY", "sk-a\nb")
    with pytest.raises(UsageError, match=r"\$TEST_KEY holds characters") as caught:
        opened(script, prompt)
    assert "sk-a" not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
    ],
)
def test_the_token_limit_has_two_names(
    script: Script, prompt: str, base_url: str, name: str
) -> None:
    """OpenAI is sent the name its newer models want; no temperature is sent where none is set."""
    captioner = opened(script, prompt, base_url=base_url, temperature=None)
    payload = chat_payload(captioner.options, captioner.prompt, clip(1))
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
