"""Cells of the lists that users give, as texts, numbers, spans and choices; faults in words."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from vidcurate.store.row_lists import columns_named, is_empty

MAX_SHOWN = 60
BAR = "|"


def cell(cells: Mapping[str, Any], name: str) -> Any:
    """The value of a column, whatever its heading's case and blanks; None where it is empty."""
    found = (cells[column] for column in columns_named(list(cells), [name]))
    return next((value for value in found if not is_empty(value)), None)


def shown(value: Any) -> str:
    """A value as a message repeats it."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def text_cell(cells: Mapping[str, Any], name: str) -> str | None:
    """The text of a cell, a number as it is written; raises ValueError for what is no text."""
    value = cell(cells, name)
    return None if value is None else plain_text(value, name)


def plain_text(value: Any, name: str) -> str:
    """A value as text without blanks at its ends; raises ValueError for what is none."""
    if isinstance(value, bytes | Sequence | Mapping) and not isinstance(value, str):
        raise ValueError(f"{name} is {shown(value)}, not a text")  # noqa: TRY004 - a fault of data
    # A column of whole numbers with gaps is one of fractions, as pandas writes it.
    whole = isinstance(value, float) and value.is_integer()
    text = str(int(value) if whole else value).strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half a character") from None
    return text


def seconds_cell(cells: Mapping[str, Any], name: str) -> float | None:
    """The seconds in a cell; raises ValueError for what is no time in a video."""
    value = cell(cells, name)
    if value is None:
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{name} is {shown(value)}, not a number of seconds from 0 on")
    return seconds


def span_cells(cells: Mapping[str, Any]) -> tuple[float, float] | None:
    """The span from `start_s` to `end_s`, None without; raises ValueError for half or none."""
    start_s, end_s = (seconds_cell(cells, name) for name in ("start_s", "end_s"))
    if start_s is None and end_s is None:
        return None
    if start_s is None or end_s is None:
        given, other = ("end_s", "start_s") if start_s is None else ("start_s", "end_s")
        raise ValueError(f"it has {given} and no {other}")
    if end_s <= start_s:
        raise ValueError(f"it ends at {end_s:g} s, which is not after its start at {start_s:g} s")
    return start_s, end_s


def choices_cell(cells: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The choices of a cell: a list, a list as JSON, or texts between bars; empty without.

    Raises ValueError for fewer than two, and for equal ones.
    """
    value = cell(cells, name)
    if value is None:
        return ()
    if isinstance(value, str):
        value = listed_in(value.strip(), name)
    if isinstance(value, bytes | Mapping) or not isinstance(value, Sequence):
        raise ValueError(f"{name} is {shown(value)}, not a list")  # noqa: TRY004 - a fault of data
    found = tuple(plain_text(item, name) for item in value if not is_empty(item))
    if len(found) < 2:  # noqa: PLR2004 - one leaves nothing to choose
        raise ValueError(f"{name} has {len(found)}, and a choice takes two")
    if len({one.casefold() for one in found}) < len(found):
        raise ValueError(f"{name} has one twice: {shown(list(found))}")
    return found


def listed_in(text: str, name: str) -> Any:
    """The list in a text; raises ValueError where it is begun as JSON and is none."""
    if not text.startswith(("[", "{")):
        return text.split(BAR)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name} is {shown(text)}, which is not JSON") from None
