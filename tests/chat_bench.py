"""A chat backend in front of a scripted server, for tests."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from chat_server import Script, serving

from vidcurate.errors import MediaError
from vidcurate.models.captioner import CaptionAnswer, CaptionRequest, Frame
from vidcurate.models.openai_chat import ChatCaptioner, open_chat

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
