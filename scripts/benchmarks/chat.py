"""How well captioning fills a server: wall time over that of full slots, on a server that waits."""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vidcurate.media.io.frames import jpeg_of_file
from vidcurate.models.chat.conversation import Answer, Conversation, Frame, ModelRequest
from vidcurate.models.chat.openai import open_chat

STILLS_EACH = 3
REPLY = b'{"choices": [{"finish_reason": "stop", "message": {"content": "A dog"}}]}'


@contextmanager
def waiting_server(latency_s: float) -> Iterator[str]:
    """The address of a server that answers every request after a fixed time."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

        def do_POST(self) -> None:
            """Read, wait, answer."""
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(latency_s)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(REPLY)))
            self.end_headers()
            self.wfile.write(REPLY)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def written_stills(folder: Path) -> list[Path]:
    """Stills of 1280 x 720 on disk, as the stage keyframes leaves them."""
    rng = np.random.default_rng(1)
    files = [folder / f"{number}.jpg" for number in range(STILLS_EACH)]
    for file in files:
        coarse = rng.integers(0, 255, (18, 32, 3), np.uint8)
        cv2.imwrite(str(file), cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC))
    return files


def talk(files: list[Path]) -> Conversation[Answer]:
    """One clip's request, whose stills are read and shrunk when its turn comes."""
    frames = [Frame(float(n), jpeg_of_file(file, 1024)) for n, file in enumerate(files)]
    answer = yield ModelRequest(("Describe the clip.", *frames))
    return answer


def main() -> None:
    """Ask, and print how full the slots were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=160)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--latency-s", type=float, default=1.0)
    given = parser.parse_args()
    options: dict[str, object] = {
        "model": "any",
        "max_tokens": 64,
        "temperature": 0.0,
        "image_detail": "auto",
        "timeout_s": 600.0,
        "retries": 0,
        "backoff_s": 1.0,
        "api_key_env": "NO_KEY_IS_NEEDED",
        "concurrency": given.slots,
        "structured_output": "auto",
    }
    with tempfile.TemporaryDirectory() as folder, waiting_server(given.latency_s) as address:
        files = written_stills(Path(folder))
        model = open_chat({**options, "base_url": address})
        began, cpu_began = time.perf_counter(), time.process_time()
        outcomes = list(model.converse(talk(files) for _ in range(given.requests)))
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    n_good = sum(isinstance(outcome, Answer) for outcome in outcomes)
    least_s = -(-given.requests // given.slots) * given.latency_s
    print(f"{n_good} of {given.requests} answers in {wall_s:.1f} s; full slots: {least_s:.1f} s")
    print(f"{1000 * cpu_s / given.requests:.0f} ms of CPU time a request, server included")
    print(f"the server's slots waited {1 - least_s / wall_s:.0%} of the time")


if __name__ == "__main__":
    main()
