"""How numbers and names are said in messages."""

import difflib
from collections.abc import Iterable


def quantity(n: int, noun: str) -> str:
    """A number and its noun, which takes an s unless the number is one: "1 row", "0 rows"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def suggest(name: object, known: Iterable[str]) -> str:
    """The known name nearest to an unknown one, else all of them, as the end of a message."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    return f": did you mean '{near[0]}'?" if near else f"; known are {', '.join(names)}"


def listed(names: Iterable[str], joint: str) -> str:
    """Names as a sentence has them: "a", "a or b", "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} {joint} {last}" if first else last
