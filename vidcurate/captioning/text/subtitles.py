"""Subtitle files (SubRip and WebVTT) as timed text: a reader that skips what it cannot read.

Of subtitles inside a video nothing is known here.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

TIME = r"(?:([0-9]{1,3}):)?([0-5]?[0-9]):([0-5]?[0-9])[.,]([0-9]{1,3})"
TIMES = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}(?:\s.*)?")  # what follows are WebVTT's settings
ARROW = "-->"
MARKUP = re.compile(r"</?[A-Za-z0-9][^<>]*>|\{\\[^{}]*\}")  # tags, and the overrides of SubStation
LANGUAGE = r"(?:\.[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*)?"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from `start_s` to `end_s`, seconds from the video's first moment, in lines."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The cues of a file in time order, how many could not be read, and its character encoding."""

    cues: tuple[Cue, ...]
    n_skipped: int
    encoding: str


def subtitle_name(video: str, names: Iterable[str]) -> str | None:
    """Of the file names in a video's folder that of its subtitles: `video.srt`, `video.en.vtt`.

    Of several it is the shortest, which names no language, then the first in the alphabet.
    """
    pattern = re.compile(
        rf"{re.escape(PurePath(video).stem)}{LANGUAGE}\.(?:srt|vtt)", re.IGNORECASE
    )
    found = (name for name in names if pattern.fullmatch(name))
    return min(found, key=lambda name: (len(name), name), default=None)


def read_subtitles(data: bytes) -> Subtitles:
    """The cues of a SubRip or WebVTT file; one whose times make no sense is skipped and counted.

    The text is UTF-8, or UTF-16 with its mark; what is neither is taken for Latin-1. Styles,
    notes, positions and markup are left out, and so are cues without a text.
    """
    text, encoding = decode(data)
    cues: list[Cue] = []
    n_skipped = 0
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if ARROW in line]
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        span = read_times(lines[start])
        if span is None:
            n_skipped += 1
        elif shown := read_text(lines[start + 1 : end], is_followed=end < len(lines)):
            cues.append(Cue(*span, shown))
    cues.sort(key=lambda cue: cue.start_s)
    return Subtitles(tuple(cues), n_skipped, encoding)


def decode(data: bytes) -> tuple[str, str]:
    """A file's text and encoding."""
    encoding = "utf-16" if data.startswith(UTF_16_MARKS) else "utf-8-sig"
    try:
        return data.decode(encoding), encoding.removesuffix("-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def read_times(line: str) -> tuple[float, float] | None:
    """The start and end of a cue in seconds; None where they are none, or the end is not later."""
    found = TIMES.fullmatch(line)
    if found is None:
        return None
    start_ms, end_ms = (milliseconds(found.groups()[first : first + 4]) for first in (0, 4))
    return (start_ms / 1000, end_ms / 1000) if start_ms < end_ms else None


def milliseconds(parts: Sequence[str | None]) -> int:
    """A time of hours, which may be missing, minutes, seconds and the decimals of a second."""
    hours, minutes, seconds, decimals = (part or "0" for part in parts)
    whole_s = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_s * 1000 + int(decimals.ljust(3, "0"))


def read_text(lines: Sequence[str], *, is_followed: bool) -> str:
    """The text below a cue's times up to an empty line, without markup.

    Where another cue follows without an empty line between, its number is no part of the text.
    """
    shown: list[str] = []
    for line in lines:
        if not line.strip():
            break
        shown.append(line)
    else:
        if is_followed and shown and shown[-1].strip().isdecimal():
            shown.pop()
    plain = (" ".join(html.unescape(MARKUP.sub("", line)).split()) for line in shown)
    return "\n".join(line for line in plain if line)


def heard(cues: Iterable[Cue], start_s: float, end_s: float) -> str:
    """The words of a span of time, on one line; "" where there are none.

    A cue belongs to it when they share at least half of the shorter of both. A line that repeats
    the one before it, as captions that roll do, is left out.
    """
    lines: list[str] = []
    for cue in cues:
        shared_s = min(end_s, cue.end_s) - max(start_s, cue.start_s)
        if shared_s > 0 and 2 * shared_s >= min(end_s - start_s, cue.end_s - cue.start_s):
            for line in cue.text.split("\n"):
                if not lines or line != lines[-1]:
                    lines.append(line)
    return " ".join(lines)
