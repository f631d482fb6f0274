"""The review's server: on this machine only, until it is interrupted."""

import contextlib
import errno
import logging
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from vidcurate.analysis.decisions import deciding
from vidcurate.errors import UsageError
from vidcurate.review.app import make_app
from vidcurate.review.review import Review, open_review
from vidcurate.review.security import Guard, new_token
from vidcurate.store.dataset import Dataset

HOST = "127.0.0.1"
# What is still being sent when the review ends gets so long.
GRACE_S = 1


@dataclass(frozen=True)
class Serving:
    """A review that is ready to be served at an address."""

    review: Review
    guard: Guard
    listening: socket.socket

    def address(self, query: str = "") -> str:
        """The address that lets a browser in; `query` says what its page shows first."""
        more = f"&{query}" if query else ""
        return f"http://{HOST}:{self.guard.port}/?token={self.guard.token}{more}"

    def run(self) -> None:
        """Serve until this process is interrupted, and then raise KeyboardInterrupt."""
        self.server().run(sockets=[self.listening])

    def server(self) -> uvicorn.Server:
        """The server, not yet started."""
        config = uvicorn.Config(
            self.guard,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        return uvicorn.Server(config)


@contextlib.contextmanager
def serving(
    dataset: Dataset, config: Path | None, port: int, note: Callable[[str], None]
) -> Iterator[Serving]:
    """Hold a data set's log of decisions and a port; with 0 the system chooses a free one.

    Raises UsageError where the port is taken or the data set has no clips, BusyError that names the
    review which holds the log, and ConfigError where the config file is wrong.
    """
    with (
        listening_at(port) as listening,
        deciding(dataset) as log,
        tempfile.TemporaryDirectory(prefix="vidcurate-review-") as previews,
    ):
        review = open_review(dataset, log, config, Path(previews), note)
        own_port = int(listening.getsockname()[1])
        guard = Guard(make_app(review), own_port, new_token())
        yield Serving(review, guard, listening)


def listening_at(port: int) -> socket.socket:
    """A socket of this machine's own; raises UsageError where the port cannot be had."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Else a port stays taken for a minute after a review ends.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is taken" if error.errno == errno.EADDRINUSE else "is not for you"
        raise UsageError(
            f"port {port} of {HOST} {why}: name another with --port, or leave it out for a free one"
        ) from error
    return listening
