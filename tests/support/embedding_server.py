"""A scripted server of embeddings on this machine, for tests."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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


class Handler(BaseHTTPRequestHandler):
    """One connection; the script is the server's attribute."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        """Answer one request."""
        script: EmbeddingScript = self.server.script  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/v1/embeddings"
        with script.lock:
            script.asked.append(body["input"])
            status, answer = script.say(body["input"])
        sent = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)


@contextmanager
def embedding(script: EmbeddingScript) -> Iterator[EmbeddingScript]:
    """A running server that follows a script."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.script = script  # type: ignore[attr-defined]
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
