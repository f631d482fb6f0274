"""A chat backend in front of a scripted server, for tests."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import pytest

from tests.support.chat_server import Script, serving
from vidcurate.models.chat.conversation import Answer, Conversation, Frame, ModelRequest, Outcome
from vidcurate.models.chat.openai import ChatServer, open_chat

KEY = "sk-secret-7f3a"
OPTIONS: dict[str, object] = {
    "model": "eye",
    "max_tokens": 99,
    "temperature": 0.0,
    "image_detail": "low",
    "timeout_s": 5.0,
    "concurrency": 1,
    "retries": 2,
    "backoff_s": 0.001,
    "api_key_env": "TEST_KEY",
    "structured_output": "auto",
}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running server, reached without a proxy, and a key in the environment."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TEST_KEY", KEY)
    with serving(Script()) as script:
        yield script


def grey_jpeg(level: int) -> bytes:
    """A JPEG of one grey."""
    return bytes(cv2.imencode(".jpg", np.full((36, 64, 3), level, np.uint8))[1])


def conversation(number: int) -> Conversation[Answer]:
    """A conversation about a clip that lasts `number` seconds, of one request."""
    frames = (Frame(10.5, grey_jpeg(40)), Frame(11.25, grey_jpeg(200)))
    answer = yield ModelRequest((f"clip {number}", "first:", frames[0], "second:", frames[1]))
    return answer


def opened(script: Script, **changes: object) -> ChatServer:
    """The backend under test, talking to the server."""
    return open_chat({**OPTIONS, "base_url": script.url, **changes})


def answers(script: Script, *modes: str, n_clips: int = 1, **changes: object) -> list[Outcome]:
    """Results for so many clips where the server answers in these modes, then well."""
    script.modes[:] = modes
    return list(
        opened(script, **changes).converse([conversation(number) for number in range(n_clips)])
    )


def texts(results: Iterable[Outcome]) -> list[str]:
    """Answers; an error gives its text after an exclamation mark."""
    return [r.text if isinstance(r, Answer) else f"!{r}" for r in results]
