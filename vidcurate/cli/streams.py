"""stdout and stderr that outlive their reader and write any text."""

import codecs
import errno
import io
import os
import sys
from typing import Any, TextIO

from vidcurate.errors import DiskFullError, is_disk_full

IN_PLAIN = "vidcurate.plain"
PLAIN = {"·": ".", "×": "x", "±": "+-", "…": "...", "█": "#", "━": "-", "✓": "+", "✗": "x"}
READER_GONE = 141  # 128 + SIGPIPE, as a shell says it of other programs
GONE = (errno.EPIPE, errno.EIO)  # a pipe without reader, a terminal that was closed


class Output(io.FileIO):
    """A standard stream, which goes to /dev/null once its reader is gone.

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
    """Make this process's stdout and stderr such streams; what stands in for them is left alone."""
    codecs.register_error(IN_PLAIN, in_plain)
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = rewrapped(sys.stdout)
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = rewrapped(sys.stderr)


def rewrapped(stream: io.TextIOWrapper) -> TextIO:
    """The same stream, as described above."""
    buffered = io.BufferedWriter(Output(stream.fileno(), "wb", closefd=False))
    lines = stream.line_buffering or stream.write_through
    return io.TextIOWrapper(buffered, stream.encoding, IN_PLAIN, line_buffering=lines)


def in_plain(error: UnicodeError) -> tuple[str, int]:
    """What to write for characters that an encoding lacks: a likeness in ASCII, else an escape.

    Raises the error where it is not about writing.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or ascii(c)[1:-1] for c in lacking), error.end


def restart_in_utf8() -> None:
    """Begin this process anew in Python's UTF-8 mode if its locale has another encoding.

    A file's name is bytes, and the tables hold it as UTF-8: it must not depend on the locale. The
    terminal is still written to in the locale's encoding.
    """
    if sys.getfilesystemencoding().lower() == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"
    os.environ.setdefault("PYTHONIOENCODING", getattr(sys.stdout, "encoding", None) or "ascii")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this program
