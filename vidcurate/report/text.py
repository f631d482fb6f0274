"""Values as text for people, and as JSON that is safe inside a page."""

import json
from typing import Any

DASH = "\N{EN DASH}"  # where there is no number
# What would end a script's element, or a line of a script, is written as an escape of JSON.
UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def embedded_json(value: Any) -> str:
    """Write a value as JSON that can stand inside an element `script` as it is.

    Raises ValueError for a number that JSON does not have.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(UNSAFE)


def plain_name(text: str) -> str:
    """Return a name in one line whose marks of direction and control characters are visible."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def clock(seconds: float) -> str:
    """Write a time of a video, such as 1:02:03.4."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02d}.{rest % 10}"


def duration(seconds: float) -> str:
    """Write how long something is in the unit that suits it, such as 12.3 s, 4.5 min or 6.7 h."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.1f} s"


def count(number: float) -> str:
    """Write a number of things, with commas between thousands."""
    return f"{number:,}"


def things(number: int, noun: str) -> str:
    """Write a number of things with their noun: 1 clip, 2,000 clips."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def share(part: float, whole: float) -> str:
    """Write a part as a percentage of the whole; a dash where there is no whole."""
    return f"{part / whole:.1%}" if whole else DASH


def figure(value: float | None) -> str:
    """Write a measurement with four digits; a dash where there is none."""
    return DASH if value is None else f"{value:.4g}"
