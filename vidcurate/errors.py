"""Errors that a user can act on, each with the exit code it ends the command with.

VidcurateError            1  base class; anything else that reaches the top is a bug
├── UsageError            2  the command line asks for something that cannot be done
│   ├── ConfigError       2  a config file is wrong; holds every fault at once
│   ├── RuleError         2  a filter rule cannot be read or names something unknown
│   ├── MissingExtraError 2  an optional package is not installed
│   └── MissingToolError  2  ffmpeg, or a codec or filter of it, is not there
├── BusyError             2  another process is writing to this data set
├── TooManyFailuresError  3  more rows failed than --max-failed allows
├── EmptyResultError      3  rows were expected and none came out
└── MediaError            -  one film or clip cannot be read; becomes that row's reason
"""


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


class MissingToolError(UsageError):
    """ffmpeg, or an encoder or filter of it, is not there."""


class BusyError(VidcurateError):
    """Another process is writing to this data set."""

    exit_code = 2


class TooManyFailuresError(VidcurateError):
    """More rows failed than --max-failed allows."""

    exit_code = 3


class EmptyResultError(VidcurateError):
    """Rows were expected and none came out."""

    exit_code = 3


class MediaError(VidcurateError):
    """One film or clip cannot be read; the message becomes that row's reason."""
