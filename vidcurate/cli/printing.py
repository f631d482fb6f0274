"""Lines on stdout and stderr that cannot steer a terminal."""

import json
import sys
from typing import Any


def say(text: str) -> None:
    """A line on stderr, control characters made visible."""
    print(printable(text), file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal's home


def tell(text: str) -> None:
    """A line on stdout."""
    print(text)  # noqa: T201 - this is the terminal's home


def tell_json(value: Any) -> None:
    """One JSON value on stdout, as a line; control characters are escaped.

    So is all that is not ASCII where the encoding of stdout lacks some of it.
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    plain = text.isprintable() and is_encodable(text)
    tell(text if plain else json.dumps(value, default=str))


def is_encodable(text: str) -> bool:
    """Whether stdout can hold a text as it is."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """Text whose control characters cannot steer a terminal; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
