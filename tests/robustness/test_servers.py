"""A fault of a server is no fact about a clip: all wait together, adapt once, or stop at once."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_bench import OPTIONS, answers, opened, texts
from tests.support.chat_bench import script as script  # noqa: PLC0414 - a fixture
from tests.support.chat_server import Script, serving
from tests.support.pipeline import done, process, rows
from tests.support.videos import render
from vidcurate.errors import EmptyResultError, ServerDownError, ServerError, UsageError
from vidcurate.models.chat.connection import proxy_of, trusted_certificates
from vidcurate.models.chat.conversation import ModelRequest
from vidcurate.models.chat.openai import open_chat
from vidcurate.models.chat.options import ModelConfig
from vidcurate.models.chat.responses import read_status, wait_in
from vidcurate.models.notices import take_notices
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.records import CAPTIONS

LOADING = (503, "Loading model")


def refusing(script: Script, holds: Callable[[dict[str, Any]], bool], words: str) -> None:
    """Let the server refuse what holds, in these words."""
    script.refuse = lambda body: (400, words) if holds(body) else None


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["temperature"], "Unsupported value: 'temperature' does not support 0 with this model."),
        (["max_tokens"], "Unsupported parameter: 'max_tokens': use 'max_completion_tokens'."),
        (["temperature", "max_tokens"], "temperature, max_tokens: Extra inputs are not permitted"),
    ],
)
def test_a_refused_parameter_goes_once_for_all(
    script: Script, names: list[str], words: str
) -> None:
    """After the first refusal no request holds the parameter, every clip is answered, one told."""
    take_notices()
    refusing(script, lambda body: any(name in body for name in names), words)
    results = answers(script, n_clips=6)
    assert texts(results) == [f"clip {n}" for n in range(6)]
    assert len(script.bodies) == 6 + len(names)
    assert "max_tokens" in script.bodies[-1] or "max_completion_tokens" in script.bodies[-1]
    notes = [n for n in take_notices() if "temperature" in n]
    assert len(notes) == ("temperature" in names)


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    "words",
    [
        "The provided JSON schema contains features not supported by xgrammar.",
        "JSON schema conversion failed:\nUnrecognized schema: {}",
        "Failed to initialize samplers: failed to parse grammar",
        "'response_format.type' must be 'json_schema' or 'text'",
        "Guided decoding is not supported by this backend",
    ],
)
def test_a_schema_is_refused_in_many_words(script: Script, words: str, status: int) -> None:
    """Whatever a server calls it, it is asked for any JSON next, then in words."""
    script.refuse = lambda body: (status, words) if "response_format" in body else None
    outcome = opened(script, retries=0).ask(ModelRequest(("What?",), {"type": "object"}))
    assert texts([outcome]) == ["What?"]
    forms = [body.get("response_format", {}).get("type") for body in script.bodies]
    assert forms == ["json_schema", "json_object", None]


def test_a_busy_server_is_waited_for_together(script: Script) -> None:
    """While it loads, one request at a time tries, far longer than a clip's own retries would."""
    until = time.monotonic() + 1.0
    script.refuse = lambda _: LOADING if time.monotonic() < until else None
    results = answers(script, n_clips=8, concurrency=4, retries=1, backoff_s=0.1)
    assert texts(results) == [f"clip {n}" for n in range(8)]
    assert len(script.bodies) < 8 + 4 + 12


def test_patience_ends(script: Script) -> None:
    """A server that stays busy ends all requests with one line."""
    script.refuse = lambda _: LOADING
    results = answers(script, n_clips=30, concurrency=2, patience_s=0.3, backoff_s=0.05)
    assert all(isinstance(result, ServerDownError) for result in results)
    assert len(set(map(str, results))) == 1
    assert "Loading model" in str(results[0])


def test_a_server_that_refuses_all_is_left_alone(script: Script) -> None:
    """Where nothing was ever answered, a million refusals are not asked for."""
    script.refuse = lambda _: (400, "At most 1 image(s) may be provided in one prompt.")
    results = answers(script, n_clips=60, concurrency=2)
    assert isinstance(results[-1], ServerDownError)
    assert len(script.bodies) < 20
    assert "keyframes.count" in str(results[-1])


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ([{"error": {"details": [{"retryDelay": "44.5s"}]}}], 44.5),
        ({"error": {"message": "Please try again in 1m2.5s."}}, 62.5),
        ({"error": {"message": "Rate limit: try again in 350ms"}}, 0.35),
        ({"error": {"message": "try again later"}}, None),
    ],
)
def test_a_wait_stands_in_the_body(body: Any, seconds: float | None) -> None:
    """Google's RetryInfo in a list and OpenAI's words are read where no header says it."""
    fault = read_status(429, {}, json.dumps(body).encode())
    assert fault.is_busy
    assert fault.wait_s == (None if seconds is None else pytest.approx(seconds))
    assert wait_in(None) is None


@pytest.mark.parametrize(
    ("variables", "url", "found"),
    [
        ({"ALL_PROXY": "socks5://p:1"}, "http://localhost:8000/v1", None),
        ({"ALL_PROXY": "socks://p:1"}, "http://127.0.0.1:8000/v1", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://[::1]:8000/v1", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3/v1", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": ".other.org"}, "https://a.org/v1", "http://p:1"),
        ({"ALL_PROXY": "socks://p:1"}, "http://a.org/v1", "$ALL_PROXY names a proxy of kind"),
    ],
)
def test_a_proxy_is_for_others(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, found: str | None
) -> None:
    """This machine's servers are reached directly; a proxy that cannot be used is named."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if found and found.startswith("$"):
        with pytest.raises(UsageError) as caught:
            proxy_of(url)
        assert str(caught.value).startswith(found)
    else:
        proxy = proxy_of(url)
        assert (proxy and proxy.url) == found


def test_a_dead_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy where nobody listens ends the run, and its variable is told."""
    for name in ("http_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    options = {**OPTIONS, "base_url": "http://models.invalid/v1"}
    outcome = open_chat(options).ask(ModelRequest(("What?",)))
    assert isinstance(outcome, ServerDownError)
    assert "through the proxy of $HTTP_PROXY" in str(outcome)


def test_certificates_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of certificates that is none is named by its variable."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"\$REQUESTS_CA_BUNDLE names no certificates"):
        trusted_certificates()


@pytest.mark.parametrize("value", ["none", None])
def test_none_is_the_models_own_temperature(value: Any) -> None:
    """The word of the help and YAML's null both leave it to the backend."""
    assert ModelConfig(temperature=value).temperature is None
    assert ModelConfig(temperature="0.5").temperature == 0.5


def test_a_fault_of_the_server_is_done_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed on the way stays to be done, what was answered stays; no option is needed."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    video = render(tmp_path / "video.mp4", [("testsrc2", 4)], size=(160, 90), audio=False)
    with serving(Script(say=lambda _: "A red ball rolls over the grass.")) as script:
        options = {
            "cuts": {"detector": "fixed", "fixed_interval_s": 1.0},
            "split": {"min_clip_s": 0.5},
            "keyframes": {"count": 1},
            "caption": {
                "backend": "openai",
                "model": "eye",
                "base_url": script.url,
                "retries": 0,
                "concurrency": 1,
            },
        }
        script.modes[:] = ["ok", "closes", "400"]
        first = process(tmp_path / "out", options, video)["caption"]
        assert (first.ok, first.failed, first.pending) == (2, 1, 1)
        assert len(done(tmp_path / "out", CAPTIONS)) == 3
        second = process(tmp_path / "out", options)["caption"]
        assert (second.ok, second.failed, second.pending) == (3, 1, 0)
        assert len(script.bodies) == 5
        script.modes[:] = ["401"]
        with pytest.raises(ServerDownError, match="what is done stays"):
            process(tmp_path / "out", options, run_options=RunOptions(retry_failed=True))
    assert {row.text for row in rows(tmp_path / "out", CAPTIONS)} == {
        "A red ball rolls over the grass."
    }
    assert issubclass(ServerDownError, ServerError)
    assert ServerDownError.exit_code == 2
    assert EmptyResultError.exit_code == 3
