"""Errors that a user can act on, each with its exit code, and the wording messages share.

VidcurateError            1  base class; anything else that reaches the top is a bug
├── UsageError            2  the command asks for something that cannot be done
│   ├── ConfigError       2  a config file is wrong; the message holds all faults
│   ├── RuleError         2  a filter rule cannot be read or names something unknown
│   ├── MissingExtraError 2  an optional package is not installed
│   └── MissingToolError  2  ffmpeg, or one of its encoders or filters, is missing
├── BusyError             2  another process is writing to this data set
├── StorageError          2  an object storage does not answer, refuses, or lacks the bucket
├── DiskFullError         2  a disk is full
├── TooManyFailuresError  3  more rows failed than --max-failed allows
├── EmptyResultError      3  rows were expected and none came out
├── LossError             3  an export would hold less than the existing one
├── ExportFaultError      3  an export does not hold what was written, or was changed since
└── MediaError            -  one video or clip cannot be read; becomes that row's reason
    └── ServerError       -  a model's server gave no answer; the row stays pending
        └── ServerDownError 2  the server answers no request; ends the command
"""

import difflib
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


class VidcurateError(Exception):
    """Base of all errors that name a cause and a remedy; `exit_code` ends the command."""

    exit_code = 1


class UsageError(VidcurateError):
    """The command asks for something that cannot be done."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file is wrong; the message holds one line for each fault."""


class RuleError(UsageError):
    """A filter rule cannot be read, or names a table or column that does not exist."""


class MissingExtraError(UsageError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'vidcurate[{extra}]'")
        self.package, self.extra = package, extra

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """Pickle the error, so that a worker's error reaches the driver unchanged."""
        return type(self), (self.package, self.extra)


class MissingToolError(UsageError):
    """ffmpeg, or one of its encoders or filters, is missing."""


class BusyError(VidcurateError):
    """Another process is writing to this data set."""

    exit_code = 2


class StorageError(VidcurateError):
    """An object storage does not answer, refuses, or lacks the bucket."""

    exit_code = 2


class DiskFullError(VidcurateError):
    """A disk that is written to is full."""

    exit_code = 2


class TooManyFailuresError(VidcurateError):
    """More rows failed than --max-failed allows."""

    exit_code = 3


class EmptyResultError(VidcurateError):
    """Rows were expected and none came out."""

    exit_code = 3


class LossError(VidcurateError):
    """An export would hold less than the existing one, and no option allows that."""

    exit_code = 3


class ExportFaultError(VidcurateError):
    """An export is not read as what was written, or its files are not as its manifest says."""

    exit_code = 3


class MediaError(VidcurateError):
    """One video or clip cannot be read; the message becomes that row's reason."""


class ServerError(MediaError):
    """A model's server gave no answer, so the row stays pending."""


class ServerDownError(ServerError):
    """A model's server is down, or refuses every request."""

    exit_code = 2


FULL = (errno.ENOSPC, errno.EDQUOT)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or one of its causes, says that a disk or a quota is full."""
    return disk_full_cause(error) is not None


def disk_full_cause(error: BaseException) -> BaseException | None:
    """The error that says that a disk is full: this one or one of its causes.

    Errors of pyarrow and PyAV have the system's number too.
    """
    at: BaseException | None = error
    while at is not None and getattr(at, "errno", None) not in FULL:
        at = at.__cause__ or at.__context__
    return at


# Errors that come from a path and not from a bug, with what to do.
LOCATION_REMEDIES = {
    errno.EACCES: "ask its owner for permission, or name another path",
    errno.EPERM: "ask its owner for permission, or name another path",
    errno.EROFS: "its file system cannot be written to: name another path",
    errno.ENOTDIR: "a part of its path is a file: name another path",
    errno.EISDIR: "it is a folder: move it, or name another path",
    errno.ENAMETOOLONG: "its name is too long: name another path",
    errno.ELOOP: "its links form a loop: fix them, or name another path",
    errno.ESTALE: "it is gone from the server: mount it again",
    errno.EIO: "its disk or server does not work: see the system's log",
}


def location_fault(error: OSError) -> str | None:
    """What is wrong with a path, in one line; None for an error that may be a bug."""
    if error.errno not in LOCATION_REMEDIES:
        return None
    where = error.filename2 or error.filename or "a file"
    return f"{where}: {os.strerror(error.errno)}: {LOCATION_REMEDIES[error.errno]}"


@contextmanager
def raising_disk_full(folder: object) -> Iterator[None]:
    """Raise DiskFullError for errors in the block that say that a disk is full."""
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        full = disk_full_cause(error)
        if full is None:
            raise
        path = getattr(full, "filename", None) or folder
        raise DiskFullError(
            f"no space left on the disk of {path}: free some, then run the same command again: it "
            "continues where this one stopped"
        ) from error


def quantity(n: int, noun: str) -> str:
    """A number and its noun, which takes an s unless the number is one: "1 row", "0 rows"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def some(items: Sequence[str], most: int = 3, joint: str = ", ") -> str:
    """The first of some items, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return joint.join(items[:most]) + more


def suggest(name: object, known: Iterable[str]) -> str:
    """The known name nearest to an unknown one, else all of them, as the end of a message."""
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(str(name), names, n=1)
    return f": did you mean '{near[0]}'?" if near else f"; known are {', '.join(names)}"
