"""A scripted server of embeddings on this machine, for tests."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.support.local_server import QuietHandler, running

Reply = tuple[int, Mapping[str, Any]]


def vector_of(text: str) -> list[float]:
    """Three numbers that texts of other lengths and letters have otherwise."""
    return [float(len(text)), float(text.count("e")), 1.0]


def in_reverse(texts: Sequence[str]) -> Reply:
    """The vectors of texts, the last first, as the protocol allows."""
    data = [{"index": n, "embedding": vector_of(text)} for n, text in enumerate(texts)]
    return 200, {"object": "list", "data": data[::-1], "model": "words-1"}


@dataclass
class EmbeddingScript:
    """What the server does, and the texts of each request."""

    say: Callable[[Sequence[str]], Reply] = in_reverse
    url: str = ""
    asked: list[list[str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(QuietHandler):
    """One connection; the script is the server's attribute."""

    def respond(self, sent: bytes) -> None:
        """Answer one request."""
        script: EmbeddingScript = self.server.script  # type: ignore[attr-defined]
        body = json.loads(sent)
        assert self.path == "/v1/embeddings"
        with script.lock:
            script.asked.append(body["input"])
            status, answer = script.say(body["input"])
        self.send_json(status, answer)


def embedding(script: EmbeddingScript) -> AbstractContextManager[EmbeddingScript]:
    """A running server that follows a script."""
    return running(Handler, script)
