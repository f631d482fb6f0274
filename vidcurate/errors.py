"""Errors that a user can act on, each with the exit code it ends the command with.

VidcurateError            1  base class; anything else that reaches the top is a bug
├── UsageError            2  the command line asks for something that cannot be done
│   ├── ConfigError       2  a config file is wrong; holds every fault at once
│   ├── RuleError         2  a filter rule cannot be read or names something unknown
│   ├── MissingExtraError 2  an optional package is not installed
│   └── MissingToolError  2  ffmpeg, or a codec or filter of it, is not there
├── BusyError             2  another process is writing to this data set
├── StorageError          2  an object storage does not answer, refuses, or lacks the bucket
├── DiskFullError         2  a disk that is written to has no room left
├── TooManyFailuresError  3  more rows failed than --max-failed allows
├── EmptyResultError      3  rows were expected and none came out
├── LossError             3  an export would hold less than the one that is there
└── MediaError            -  one video or clip cannot be read; becomes that row's reason
    └── ServerError       -  no answer of a model's server; the row stays to be done
        └── ServerDownError 2  nor would any other request have one; ends the command
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


class VidcurateError(Exception):
    """Base of all errors that name a cause and a remedy; `exit_code` ends the command."""

    exit_code = 1


class UsageError(VidcurateError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file is wrong; the message holds one line for every fault."""


class RuleError(UsageError):
    """A filter rule cannot be read, or names a table or column that does not exist."""


class MissingExtraError(UsageError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'vidcurate[{extra}]'")
        self.package, self.extra = package, extra

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """A worker's error reaches the driver as it was."""
        return type(self), (self.package, self.extra)


class MissingToolError(UsageError):
    """ffmpeg, or an encoder or filter of it, is not there."""


class BusyError(VidcurateError):
    """Another process is writing to this data set."""

    exit_code = 2


class StorageError(VidcurateError):
    """An object storage does not answer, refuses, or lacks the bucket."""

    exit_code = 2


class DiskFullError(VidcurateError):
    """A disk that is written to has no room left."""

    exit_code = 2


class TooManyFailuresError(VidcurateError):
    """More rows failed than --max-failed allows."""

    exit_code = 3


class EmptyResultError(VidcurateError):
    """Rows were expected and none came out."""

    exit_code = 3


class LossError(VidcurateError):
    """An export would hold less than the one that is there, and nobody has asked for that."""

    exit_code = 3


class MediaError(VidcurateError):
    """One video or clip cannot be read; the message becomes that row's reason."""


class ServerError(MediaError):
    """A model's server gave no answer, which says nothing of the clip: its row stays to be done."""


class ServerDownError(ServerError):
    """A model's server answers nobody: it is down, or refuses every request."""

    exit_code = 2


FULL = (errno.ENOSPC, errno.EDQUOT)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or one that it was made of, says that a disk or a quota is full."""
    return full_disk(error) is not None


def full_disk(error: BaseException) -> BaseException | None:
    """The error of the operating system that says so, whatever was made of it since.

    Errors of pyarrow and PyAV have the system's number too.
    """
    at: BaseException | None = error
    while at is not None and getattr(at, "errno", None) not in FULL:
        at = at.__cause__ or at.__context__
    return at


# What the system says of a place, and not of us.
OF_A_PLACE = {
    errno.EACCES: "ask its owner for permission, or name another place",
    errno.EPERM: "ask its owner for permission, or name another place",
    errno.EROFS: "its file system cannot be written to: name another place",
    errno.ENOTDIR: "a part of its path is a file: name another place",
    errno.EISDIR: "it is a folder: move it, or name another place",
    errno.ENAMETOOLONG: "its name is too long: name another place",
    errno.ELOOP: "its links lead in a circle: mend them, or name another place",
    errno.ESTALE: "it went away on the server: mount it again",
    errno.EIO: "its disk or server does not work: look into the system's log",
}


def place_fault(error: OSError) -> str | None:
    """What is wrong with a place, in a line; None for an error that may be our own fault."""
    if error.errno not in OF_A_PLACE:
        return None
    where = error.filename2 or error.filename or "a file"
    return f"{where}: {os.strerror(error.errno)}: {OF_A_PLACE[error.errno]}"


@contextmanager
def disk_full_stops(folder: object) -> Iterator[None]:
    """Raise DiskFullError for an error that says so while `folder` is written to."""
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        full = full_disk(error)
        if full is None:
            raise
        place = getattr(full, "filename", None) or folder
        raise DiskFullError(
            f"no space left on the disk of {place}: make room, then the same command goes on "
            "where this one stopped"
        ) from error
