"""The words of a subtitle file as a transcript has them."""

import re
from collections.abc import Sequence

from vidcurate.clips.words import Word
from vidcurate.media.subtitles.cues import Cue
from vidcurate.models.audio.transcription import spread_text
from vidcurate.records import Video

MICROSECONDS = 1_000_000
# A code of a language before a subtitle file's ending: video.en.srt, video.pt-br.vtt.
LANGUAGE = re.compile(r"\.([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*\.[a-z]+$", re.IGNORECASE)


def words_of_subtitles(cues: Sequence[Cue], video: Video) -> list[Word]:
    """The words of cues on the video's clock, each with a share of its cue's time.

    Cues count from the video's start. What begins after the video's end is left out, and a line
    that repeats the one before it, as captions that roll do.
    """
    offset_s = video.container_start_us / MICROSECONDS
    words: list[Word] = []
    last_line = ""
    for number, cue in enumerate(cues):
        lines: list[str] = []
        for line in cue.text.split("\n"):
            if line != last_line:
                lines.append(line)
            last_line = line
        for word in spread_text(" ".join(lines), cue.start_s + offset_s, cue.end_s + offset_s):
            if word.start_s < video.end_s:
                end_s = min(word.end_s, video.end_s)
                words.append(Word(word.start_s, end_s, word.text, None, number))
    return words


def cue_language(name: str) -> str | None:
    """The code of the language that a subtitle file's name has; None where it has none."""
    found = LANGUAGE.search(name)
    return found[1].lower() if found else None
