"""Reads subtitle files beside a video as timed text, and names the lines it cannot read.

SubRip and WebVTT are read here, since their faults must be named by line and libraries drop or
guess them; SubStation Alpha is read by pysubs2. Subtitles inside a video are not read.
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
SUBSTATION = (".ass", ".ssa")
ENDINGS = "srt|vtt|ass|ssa"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# What subtitles that are not Unicode are written in, the commonest first, which wins a tie.
CODE_PAGES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("cp932", "gb18030", "big5", "cp949"),
)
MESS_COUNTS = 5  # times as much against an encoding as words of a known language count for it


@dataclass(frozen=True, slots=True)
class Cue:
    """The lines shown from `start_s` to `end_s`, in seconds from the video's first moment."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The cues of a file in time order, the lines of those that are skipped, and its encoding."""

    cues: tuple[Cue, ...]
    skipped_lines: tuple[int, ...]
    encoding: str


def subtitle_name(video: str, names: Iterable[str]) -> str | None:
    """Choose the file name of a video's subtitles in its folder: `video.srt`, `video.en.vtt`.

    Of several it is the shortest, which names no language, then the first in the alphabet.
    """
    pattern = re.compile(
        rf"{re.escape(PurePath(video).stem)}{LANGUAGE}\.(?:{ENDINGS})", re.IGNORECASE
    )
    found = (name for name in names if pattern.fullmatch(name))
    return min(found, key=lambda name: (len(name), name), default=None)


def read_subtitles(data: bytes, name: str = "") -> Subtitles:
    """Read the cues of a subtitle file, SubStation Alpha if its name ends so.

    A cue whose times make no sense is skipped, and its line noted. Styles, notes, positions and
    markup are left out, and so are cues without a text.
    """
    text, encoding = decode_subtitles(data)
    lines = text.splitlines()
    is_substation = name.lower().endswith(SUBSTATION)
    cues, skipped = substation_cues("\n".join(lines)) if is_substation else timed_cues(lines)
    return Subtitles(tuple(sorted(cues, key=lambda cue: cue.start_s)), tuple(skipped), encoding)


def timed_cues(lines: Sequence[str]) -> tuple[list[Cue], list[int]]:
    """The cues of SubRip or WebVTT, and the line numbers of those that are skipped."""
    cues: list[Cue] = []
    skipped: list[int] = []
    starts = [number for number, line in enumerate(lines) if ARROW in line]
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        span = read_times(lines[start])
        if span is None:
            skipped.append(start + 1)
        elif shown := read_text(lines[start + 1 : end], is_followed=end < len(lines)):
            cues.append(Cue(*span, shown))
    return cues, skipped


def substation_cues(text: str) -> tuple[list[Cue], list[int]]:
    """The dialogue of SubStation Alpha, without drawings; none where the file is broken."""
    import pysubs2  # noqa: PLC0415 - few data sets have such files

    try:
        events = pysubs2.SSAFile.from_string(text, format_="ass")
    except (pysubs2.Pysubs2Error, ValueError, LookupError):
        return [], []
    cues = []
    for event in events:
        shown = "\n".join(" ".join(line.split()) for line in event.plaintext.splitlines())
        if event.is_text and event.start < event.end and shown.strip():
            cues.append(Cue(event.start / 1000, event.end / 1000, shown))
    return cues, []


def decode_subtitles(data: bytes) -> tuple[str, str]:
    """A file's text and encoding: UTF-8, UTF-16 with its mark, or the likeliest code page."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - few files need it

    marked = "utf-16" if data.startswith(UTF_16_MARKS) else "utf-8-sig"
    try:
        return data.decode(marked), marked.removesuffix("-sig")
    except UnicodeDecodeError:
        guesses = from_bytes(data, cp_isolation=list(CODE_PAGES))

    def likelihood(page: str) -> float:
        return max(
            (
                guess.coherence - MESS_COUNTS * guess.chaos
                for guess in guesses
                if page in guess.could_be_from_charset
            ),
            default=float("-inf"),
        )

    best = max(CODE_PAGES, key=lambda page: round(likelihood(page), 2))
    try:
        return data.decode(best), best
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def read_times(line: str) -> tuple[float, float] | None:
    """The start and end of a cue in seconds; None unless both are valid and the end is later."""
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


def words_between(cues: Iterable[Cue], start_s: float, end_s: float) -> str:
    """The words of a span of time on one line, "" where there are none.

    A cue belongs to the span when they share at least half of the shorter of both. A line that
    repeats the one before it, as captions that roll do, is left out.
    """
    lines: list[str] = []
    for cue in cues:
        shared_s = min(end_s, cue.end_s) - max(start_s, cue.start_s)
        if shared_s > 0 and 2 * shared_s >= min(end_s - start_s, cue.end_s - cue.start_s):
            for line in cue.text.split("\n"):
                if not lines or line != lines[-1]:
                    lines.append(line)
    return " ".join(lines)
