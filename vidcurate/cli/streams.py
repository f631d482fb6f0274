"""stdout and stderr that outlive their reader and write any text."""

import errno
import io
import os
import sys
from typing import Any, TextIO

from vidcurate.errors import DiskFullError, is_disk_full

READER_GONE = 141  # 128 + SIGPIPE, as a shell says it of other programs
GONE = (errno.EPIPE, errno.EIO)  # a pipe without reader, a terminal that was closed


class Output(io.FileIO):
    """A standard stream, which goes to /dev/null once nobody can read it any more.

    Without a reader of results there is nothing left to do (SystemExit with 141); without a reader
    of progress the work goes on.
    """

    def write(self, data: Any) -> int:
        """Write, and say how many bytes were taken.

        Raises DiskFullError where the stream is a file on a full disk.
        """
        try:
            return super().write(data)
        except OSError as error:
            full = is_disk_full(error)
            if error.errno not in GONE and not full:
                raise
            discard(self.fileno())
            if full and self.fileno() == 1:
                raise DiskFullError("no space left where stdout goes: make room") from None
            if error.errno == errno.EPIPE and self.fileno() == 1:
                raise SystemExit(READER_GONE) from None
            return len(data)


def discard(file: int) -> None:
    """Let what is written to a file descriptor go nowhere."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, file)
    os.close(nothing)


def prepare_streams() -> None:
    """Make this process's stdout and stderr such streams; what is none of it is left alone.

    What the encoding lacks is written as "?" on stdout, escaped on stderr.
    """
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = rewrapped(sys.stdout, "replace")
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = rewrapped(sys.stderr, "backslashreplace")


def rewrapped(stream: io.TextIOWrapper, errors: str) -> TextIO:
    """The same stream, as described above."""
    buffered = io.BufferedWriter(Output(stream.fileno(), "wb", closefd=False))
    lines = stream.line_buffering or stream.write_through
    return io.TextIOWrapper(buffered, stream.encoding, errors, line_buffering=lines)
