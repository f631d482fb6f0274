"""A scripted server of transcription on this machine, for tests."""

import io
import threading
import wave
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from tests.support.local_server import QuietHandler, running

Reply = tuple[int, Mapping[str, Any]]


def four_words(fields: Mapping[str, list[str]], seconds: float) -> Reply:
    """Four words from 0.4 s to 0.4 s before the end, as a server tells them that is asked so."""
    words = ("Look", "the", "hare", "runs")
    step = (seconds - 0.8) / len(words)
    starts = [0.4 + step * number for number in range(len(words))]
    said: dict[str, Any] = {"text": "Look, the hare runs.", "language": "english"}
    if fields["response_format"] == ["verbose_json"]:
        span = {"start": starts[0], "end": starts[-1] + step}
        said["segments"] = [{**span, "text": f" {said['text']}", "avg_logprob": -0.2}]
    if fields.get("timestamp_granularities[]"):
        said["words"] = [
            {"word": w, "start": s, "end": s + step} for w, s in zip(words, starts, strict=True)
        ]
    return 200, said


@dataclass
class SpeechScript:
    """What the server does, and the fields and seconds of sound of each request."""

    say: Callable[[Mapping[str, list[str]], float], Reply] = four_words
    url: str = ""
    asked: list[tuple[dict[str, list[str]], float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(QuietHandler):
    """One connection; the script is the server's attribute."""

    def respond(self, sent: bytes) -> None:
        """Answer one request."""
        script: SpeechScript = self.server.script  # type: ignore[attr-defined]
        kind = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        fields: dict[str, list[str]] = {}
        seconds = 0.0
        for part in message_from_bytes(kind + sent).get_payload():
            assert not isinstance(part, str)
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            name = part.get_param("name", header="content-disposition")
            if name == "file":
                with wave.open(io.BytesIO(content)) as sound:
                    assert (sound.getnchannels(), sound.getframerate()) == (1, 16_000)
                    seconds = sound.getnframes() / 16_000
            else:
                fields.setdefault(str(name), []).append(content.decode())
        with script.lock:
            script.asked.append((fields, seconds))
            status, answer = script.say(fields, seconds)
        self.send_json(status, answer)


def transcribing(script: SpeechScript) -> AbstractContextManager[SpeechScript]:
    """A running server that follows a script."""
    return running(Handler, script)
