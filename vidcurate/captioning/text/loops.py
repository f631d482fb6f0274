"""Removes loops, in which a model repeats one phrase or sentence over and over."""

import re
from collections.abc import Sequence

from vidcurate.captioning.text.agreement import words_in

MAX_PHRASE = 20  # words
MIN_TURNS = 3  # "very, very" is speech, not a loop
MIN_SENTENCE_WORDS = 3
MIN_LOOP_WORDS = 6  # so is "row, row, row"


def without_loops(text: str, sentences: Sequence[str]) -> str | None:
    """A text with each loop cut to one turn; None where there is no loop."""
    once = without_repeats(sentences)
    words = (text if len(once) == len(sentences) else " ".join(once)).split()
    kept = remove_loops(words)
    if len(once) == len(sentences) and len(kept) == len(words):
        return None
    return " ".join(kept)


def without_repeats(sentences: Sequence[str]) -> list[str]:
    """Each sentence once; parts too short to be a sentence, such as "Mr.", stay."""
    known: set[tuple[str, ...]] = set()
    once = []
    for sentence in sentences:
        words = tuple(words_in(sentence))
        if words not in known:
            once.append(sentence)
        if len(words) >= MIN_SENTENCE_WORDS:
            known.add(words)
    return once


def remove_loops(words: list[str]) -> list[str]:
    """Words without phrases that repeat immediately."""
    plain = [bare_word(word) for word in words]
    kept: list[str] = []
    at = 0
    while at < len(words):
        period, n_words = loop_at(plain, at)
        kept += words[at : at + (period or 1)]
        at += n_words or 1
    return kept


def loop_at(words: Sequence[str], at: int) -> tuple[int, int]:
    """The length of a phrase that loops from a word on, and of its loop; zeros without a loop."""
    for period in range(1, min(MAX_PHRASE, len(words) - at) + 1):
        end = at + period
        while end < len(words) and words[end] == words[end - period]:
            end += 1
        # A last turn that breaks off belongs to the loop.
        if end - at >= max(MIN_TURNS * period, MIN_LOOP_WORDS):
            return period, end - at
    return 0, 0


def bare_word(part: str) -> str:
    """A word, lower case and without punctuation."""
    return re.sub(r"[^\w']+", "", part.lower())
