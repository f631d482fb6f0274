"""A process that decodes clip files, and is ended where a decoder hangs."""

import json
import os
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from math import ceil
from multiprocessing.connection import wait
from typing import Any

from vidcurate.errors import MediaError
from vidcurate.media.output.decoders import Request

# A run may be suspended: of the time between two looks no more than this counts.
LOOK_S = 1.0
# What importing the decoders takes at most, torch from a slow disk among them.
START_S = 300.0
READ_BYTES = 1 << 20
# How much longer than a file plays its decoding may take, on a slow machine.
SLOWEST = 10


@dataclass
class DecoderProcess:
    """Asks a process for what it decodes; another one is started where it was ended.

    `limit_s` is the time in which a decoder must come to a file's end, besides SLOWEST times the
    file's length. `decoders` are those that work there, known from its start on.
    """

    limit_s: float
    process: "subprocess.Popen[bytes] | None" = None
    decoders: tuple[str, ...] = ()
    received: bytearray = field(default_factory=bytearray)

    def start(self) -> "subprocess.Popen[bytes]":
        """Return the process, started where there is none."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "vidcurate.media.output.decoders"],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            weakref.finalize(self, end, self.process, 0.0)
            self.received.clear()
            facts, _ = self.reply(START_S)
            self.decoders = tuple(facts["decoders"])
        return self.process

    def decode(self, request: Request, plays_s: float) -> tuple[dict[str, Any], bytes]:
        """Return what a decoder finds in a file that plays for so many seconds.

        Raises MediaError for a file that it cannot decode, that it does not come to the end of in
        that time, or that ends its process.
        """
        process = self.start()
        limit_s = ceil(self.limit_s + SLOWEST * plays_s)
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
        try:
            facts, data = self.reply(limit_s)
        except TimeoutError as error:
            end(process, 0.0)
            reason = f"{request.decoder} did not reach the file's end within {limit_s} s"
            raise MediaError(reason) from error
        except EOFError as error:
            code = end(process, LOOK_S)
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            reason = f"{request.decoder} ended its process by {how} while it decoded the file"
            raise MediaError(reason) from error
        if "fault" in facts:
            raise MediaError(facts["fault"])
        return facts, data

    def reply(self, limit_s: float) -> tuple[dict[str, Any], bytes]:
        """Read one reply; raises TimeoutError, and EOFError where the process is gone."""
        left_s = limit_s
        while b"\n" not in self.received:
            left_s = self.receive(left_s)
        head, _, rest = bytes(self.received).partition(b"\n")
        facts: dict[str, Any] = json.loads(head)
        self.received[:] = rest
        n_bytes = facts["n_bytes"]
        while len(self.received) < n_bytes:
            left_s = self.receive(left_s)
        data = bytes(self.received[:n_bytes])
        del self.received[:n_bytes]
        return facts, data

    def receive(self, left_s: float) -> float:
        """Wait for more of a reply for as many seconds as are left; returns those left then."""
        assert self.process is not None
        assert self.process.stdout is not None
        while left_s > 0:
            began = time.monotonic()
            is_ready = bool(wait([self.process.stdout.fileno()], min(LOOK_S, left_s)))
            left_s -= min(time.monotonic() - began, LOOK_S)
            if is_ready:
                found = self.process.stdout.read(READ_BYTES)
                if not found:
                    raise EOFError
                self.received += found
                return left_s
        raise TimeoutError


def end(process: "subprocess.Popen[bytes]", grace_s: float) -> int:
    """Return how a process ended, negative for a signal; it is killed after so many seconds."""
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
    return process.returncode
