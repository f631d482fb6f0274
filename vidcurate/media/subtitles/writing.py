"""Writes words with their times as subtitles, WebVTT and SubRip, that people can read.

Source: Netflix's Timed Text Style Guide: two lines of at most 42 characters, no cue longer than
7 s, none shorter than 5/6 s where the next one leaves the time.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from vidcurate.clips.words import Word
from vidcurate.media.subtitles.cues import ARROW, MARKUP, Cue

MAX_LINE = 42
MAX_CUE_S, MIN_CUE_S = 7.0, 5 / 6
# How uneven two cues may be, of their text, so that a clause stays whole.
INSIDE_CLAUSE = 0.4
# Silence after which a cue ends, though there is room in it.
MAX_PAUSE_S = 0.7
SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*$")
CLAUSE_END = re.compile(r"[,;:\u2013\u2014\u3001\uff0c\uff1b\uff1a]$")


def cues_of_words(words: Sequence[Word], length_s: float) -> list[Cue]:
    """Make cues of words in time order; times count from the start of a file so long, in seconds.

    A cue ends with its sentence and at a pause. What then does not fit is divided into parts about
    equally long, at the end of a clause if one is near the middle. Cues do not overlap, and lie
    within the file.
    """
    runs: list[list[Word]] = []
    for word in (w for w in words if w.word.strip()):
        if runs and not ends_before(runs[-1][-1], word):
            runs[-1].append(word)
        else:
            runs.append([word])
    return timed([part for run in runs for part in divided(run)], length_s)


def ends_before(word: Word, following: Word) -> bool:
    """Whether a cue ends after a word: a pause follows, or another sentence."""
    is_pause = following.start_s - word.end_s > MAX_PAUSE_S
    is_end = SENTENCE_END.search(word.word.strip()) is not None
    return is_pause or (is_end and not following.word.strip()[0].islower())


def divided(run: Sequence[Word]) -> list[Sequence[Word]]:
    """Divide words until each part can be shown at once."""
    if len(run) == 1 or fits(run):
        return [run]
    n_words = min(range(1, len(run)), key=lambda n: unevenness(run, n))
    return [*divided(run[:n_words]), *divided(run[n_words:])]


def unevenness(run: Sequence[Word], n_words: int) -> float:
    """How badly words are divided after so many: by the shares of the text, and inside a clause."""
    before, after = len(text_of(run[:n_words])), len(text_of(run[n_words:]))
    is_clause = CLAUSE_END.search(run[n_words - 1].word.strip()) is not None
    return abs(before - after) / (before + after) + (0.0 if is_clause else INSIDE_CLAUSE)


def fits(group: Sequence[Word]) -> bool:
    """Whether words can be shown at once."""
    lines = lines_of(group)
    is_short = group[-1].end_s - group[0].start_s <= MAX_CUE_S
    return is_short and all(len(line) <= MAX_LINE for line in lines)


def lines_of(group: Sequence[Word]) -> list[str]:
    """The text of words in one line, or in two of lengths as equal as words allow."""
    whole = text_of(group)
    if len(whole) <= MAX_LINE or len(group) == 1:
        return [whole]
    halves = ([text_of(group[:n]), text_of(group[n:])] for n in range(1, len(group)))
    return min(halves, key=lambda lines: max(map(len, lines)))


def text_of(group: Sequence[Word]) -> str:
    """The text of words, with single spaces."""
    return " ".join("".join(word.word for word in group).split())


def timed(groups: Sequence[Sequence[Word]], length_s: float) -> list[Cue]:
    """Cues from their first word to their last, longer where they would be too short to read."""
    starts = [min(max(group[0].start_s, 0.0), length_s) for group in groups]
    cues = []
    for group, (start_s, next_s) in zip(groups, pairwise([*starts, length_s]), strict=True):
        end_s = max(group[-1].end_s, start_s + MIN_CUE_S)
        end_s = min(end_s, start_s + MAX_CUE_S, next_s)
        if round(end_s * 1000) > round(start_s * 1000):
            cues.append(Cue(start_s, end_s, "\n".join(lines_of(group))))
    return cues


def vtt_text(cues: Sequence[Cue]) -> str:
    """Cues as a WebVTT file."""
    blocks = [
        f"{clock(cue.start_s, '.')} {ARROW} {clock(cue.end_s, '.')}\n{vtt_escaped(cue.text)}\n"
        for cue in cues
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def srt_text(cues: Sequence[Cue]) -> str:
    """Cues as a SubRip file."""
    blocks = [
        f"{number}\n{clock(cue.start_s, ',')} {ARROW} {clock(cue.end_s, ',')}\n"
        f"{srt_escaped(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


# The formats that can be written, by the ending of their files.
WRITERS: Mapping[str, Callable[[Sequence[Cue]], str]] = MappingProxyType(
    {"vtt": vtt_text, "srt": srt_text}
)


def clock(time_s: float, mark: str) -> str:
    """A time as hours, minutes, seconds and milliseconds."""
    seconds, milliseconds = divmod(round(time_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{milliseconds:03}"


def vtt_escaped(text: str) -> str:
    """A text as WebVTT has it: nothing in it is a tag or the arrow of a cue."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("{\\", "&#123;\\")


def srt_escaped(text: str) -> str:
    """A text as SubRip has it, which knows no escapes: only what readers take for markup has one.

    Players differ in whether they resolve it, so that an ampersand alone stays as it is.
    """
    if html.unescape(text) != text:
        text = text.replace("&", "&amp;")
    if MARKUP.search(text):
        text = text.replace("<", "&lt;").replace("{\\", "&#123;\\")
    return text.replace(ARROW, "--&gt;")
