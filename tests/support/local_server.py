"""What the scripted servers of tests share: a quiet handler, and a server on a free port."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar


class Served(Protocol):
    """What a server does; `url` becomes its base address."""

    url: str


S = TypeVar("S", bound=Served)


class QuietHandler(BaseHTTPRequestHandler):
    """One connection; the script is the server's attribute."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        """Read a request, and answer it."""
        self.respond(self.rfile.read(int(self.headers["Content-Length"])))

    def respond(self, sent: bytes) -> None:
        """Answer what was sent; each server does it in its own way."""
        raise NotImplementedError

    def send_json(self, status: int, answer: Mapping[str, Any]) -> None:
        """Send a status and an object."""
        sent = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)


@contextmanager
def running(handler: type[QuietHandler], script: S) -> Iterator[S]:
    """A server that follows a script, on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
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
