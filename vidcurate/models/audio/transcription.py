"""What every speech model offers, so that a stage can use any of them by name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError

RATE_HZ = 16_000

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word with its times from the start of the sound; the text has a space before it or not."""

    start_s: float
    end_s: float
    text: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class HeardSegment:
    """A sentence or so, and what the model says of how sure it is; None where it does not.

    `has_word_times` is false where only the whole has times, over which the words are spread.
    """

    start_s: float
    end_s: float
    words: tuple[HeardWord, ...]
    no_speech_probability: float | None = None
    mean_log_probability: float | None = None
    compression_ratio: float | None = None
    has_word_times: bool = True

    @property
    def text(self) -> str:
        """The words as one line."""
        return " ".join("".join(word.text for word in self.words).split())


@dataclass(frozen=True, slots=True)
class Language:
    """The code of a language, and how probable it is; None where that is not told."""

    code: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in one piece of sound, and the language that it is taken for."""

    segments: tuple[HeardSegment, ...]
    language: Language | None


class Transcriber(Protocol):
    """A speech model that is ready to listen."""

    @property
    def languages(self) -> frozenset[str] | None:
        """The codes of the languages that it knows; None where it is not known or all."""
        ...

    def language_of(self, mono: Samples) -> Language | None:
        """The language of speech, at 16 kHz, -1..1; None where the model cannot tell."""

    def hear(self, sounds: Iterable[Samples], language: str | None) -> Iterator[Heard | MediaError]:
        """What is said in each sound of at most 30 s, in order; None lets the model choose.

        Sounds are taken as they are needed. A sound that fails gives its error as a value.
        """
        ...


def words_of_text(
    text: str, words: Sequence[tuple[str, float, float]], probability: float | None = None
) -> tuple[HeardWord, ...]:
    """Give words with times, as servers return them, the spaces and stops that the text has.

    A word that the text does not hold is taken as it is, after a space.
    """
    lowered, at = text.lower(), 0
    starts: list[int | None] = []
    for word, _, _ in words:
        found = lowered.find(word.strip().lower(), at)
        starts.append(found if found >= 0 else None)
        at = found + len(word.strip()) if found >= 0 else at
    ends = [*starts[1:], len(text)]
    return tuple(
        HeardWord(start_s, end_s, written_word(text, word, *place), probability)
        for (word, start_s, end_s), place in zip(words, zip(starts, ends, strict=True), strict=True)
    )


def written_word(text: str, word: str, start: int | None, end: int | None) -> str:
    """A word as the text has it, with the space before it and what follows up to the next."""
    if start is None or end is None:
        return f" {word.strip()}"
    is_apart = start == 0 or text[start - 1].isspace()
    return f"{' ' if is_apart else ''}{text[start:end].rstrip()}"


def spread_text(text: str, start_s: float, end_s: float) -> tuple[HeardWord, ...]:
    """The words of a text, each with a share of a span as long as its letters ask for."""
    words = text.split()
    ends = np.cumsum([0, *(len(word) + 1 for word in words)])
    times_s = start_s + (end_s - start_s) * ends / max(1, ends[-1])
    spans = zip(words, times_s[:-1].tolist(), times_s[1:].tolist(), strict=True)
    return tuple(HeardWord(first_s, last_s, f" {word}", None) for word, first_s, last_s in spans)
