"""A scripted chat server on this machine that answers well or badly, for tests."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.local_server import QuietHandler, running

MODEL = "eye-1"
LARGE = 9 << 20


def prompt_of(body: Mapping[str, Any]) -> str:
    """The first text of a request."""
    return str(body["messages"][0]["content"][0]["text"])


@dataclass
class Script:
    """What the server does, and what it saw.

    `modes` are taken one by one, then `ok`, in which it answers what `say` makes of the request:
    its own first text if nothing else, with the `logprobs` of the request. A request for which
    `refuse` has a status and words is answered by these. With `together`, a request is answered
    only when so many are in hand at once.
    """

    modes: list[str] = field(default_factory=list)
    together: threading.Barrier | None = None
    before: Callable[[dict[str, Any]], None] = lambda _body: None
    say: Callable[[dict[str, Any]], str] = prompt_of
    refuse: Callable[[dict[str, Any]], tuple[int, str] | None] = lambda _body: None
    logprobs: Callable[[dict[str, Any]], Any] = lambda _body: None
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    n_now: int = 0
    n_most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, headers: Mapping[str, str], body: dict[str, Any]) -> str:
        """Note a request; the mode in which it is answered."""
        with self.lock:
            self.headers.append(headers)
            self.bodies.append(body)
            self.n_now += 1
            self.n_most = max(self.n_most, self.n_now)
            return self.modes.pop(0) if self.modes else "ok"

    def leave(self) -> None:
        """Note the end of a request."""
        with self.lock:
            self.n_now -= 1


def completion(text: str | None, **changes: Any) -> dict[str, Any]:
    """A chat completion as servers send it."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    choice["message"] = {"role": "assistant", "content": text, **changes.pop("message", {})}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{**choice, **changes}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }


class Handler(QuietHandler):
    """One connection; the script is the server's attribute."""

    def respond(self, sent: bytes) -> None:
        """Answer one chat request."""
        script: Script = self.server.script  # type: ignore[attr-defined]
        body = json.loads(sent)
        mode = script.enter({k.lower(): v for k, v in self.headers.items()}, body)
        try:
            script.before(body)
            if script.together is not None:
                script.together.wait(timeout=10)
        finally:
            script.leave()
        with suppress(ConnectionError):
            refusal = script.refuse(body)
            if refusal is not None:
                status, words = refusal
                self.reply(status, json.dumps({"error": {"message": words}}).encode())
            else:
                self.answer(mode, script.say(body), script.logprobs(body))

    def answer(self, mode: str, text: str, logprobs: Any) -> None:
        """Send what the mode asks for; a number is a status."""
        status, _, wait = mode.partition("/")
        texts = {
            "ok": completion(text, logprobs=logprobs),
            "length": completion("A cut", finish_reason="length"),
            "refusal": completion(None, message={"refusal": "I cannot."}),
            "filter": completion("", finish_reason="content_filter"),
            "empty": completion(" \n"),
            "echo": completion(f"You sent {self.headers['Authorization']}"),
            "parts": completion(None, message={"content": [{"type": "text", "text": "In parts"}]}),
            "bare": {"choices": [{"message": {"content": "Bare"}}]},
            "no-choices": {"choices": []},
            "other-schema": {"choices": [{"text": "old"}]},
            "error-200": {"error": {"message": "model crashed"}},
        }
        if mode in texts:
            self.reply(200, json.dumps(texts[mode]).encode())
        elif status.isdigit():
            self.fail(int(status), wait)
        else:
            self.misbehave(mode, json.dumps(texts["ok"]).encode())

    def fail(self, status: int, wait: str) -> None:
        """An error whose words repeat the key, as some servers' do."""
        words = f"status {status}, you sent {self.headers['Authorization']}"
        code = "insufficient_quota" if status == 429 and wait == "spent" else None
        retry = {"Retry-After": wait} if wait and code is None else {}
        error = {"error": {"message": words, "code": code}}
        self.reply(status, json.dumps(error).encode(), headers=retry)

    def misbehave(self, mode: str, good: bytes) -> None:
        """Answers that are no answers; a false length breaks off or goes on."""
        half, page = good[: len(good) // 2], "text/html"
        whole: dict[str, Callable[[], None]] = {
            "html": lambda: self.reply(200, b"<!doctype html><title>Sign in</title>", kind=page),
            "html-404": lambda: self.reply(404, b"<html>not here</html>", kind=page),
            "not-json": lambda: self.reply(200, b"all good"),
            "no-body": lambda: self.reply(200, b""),
            "half-json": lambda: self.reply(200, half),
            "slow": lambda: self.reply(200, good, pause_s=0.6),
        }
        broken: dict[str, Callable[[], None]] = {
            "closes": lambda: self.reply(200, half, length=len(good)),
            "hangs-up": lambda: None,
            "drips": self.drip,
            "endless": lambda: self.reply(200, b" " * LARGE, length=10 * LARGE),
        }
        self.close_connection = mode in broken
        (whole | broken)[mode]()

    def drip(self) -> None:
        """An answer that comes byte by byte for 0.6 s and then breaks off."""
        self.reply(200, b"", length=1000)
        for _ in range(12):
            self.wfile.write(b" ")
            time.sleep(0.05)

    def reply(
        self,
        status: int,
        body: bytes,
        *,
        kind: str = "application/json",
        length: int | None = None,
        headers: Mapping[str, str] | None = None,
        pause_s: float = 0.0,
    ) -> None:
        """A response, after a pause; `length` is what the header says instead of the truth."""
        time.sleep(pause_s)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def serving(script: Script) -> AbstractContextManager[Script]:
    """The server, running on a free port of this machine; `script.url` is its base address."""
    return running(Handler, script)
