"""What is said as lines with seconds for a model, and the model's lines as timed sentences.

After HowToCaption (Shvetsova et al. 2024, "HowToCaption: Prompting LLMs to Transform Video
Annotations at Scale"): blocks of at most 200 words, and a sentence that stands for the 8 s from its
second on.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor

from vidcurate.captioning.text.nothing import says_nothing
from vidcurate.clips.words import Word
from vidcurate.errors import MediaError

LINE = re.compile(r"^\s*(\d+)s?:\s*(.+)")
MAX_QUOTE = 60  # characters of an answer in an error
# How far outside of its block a model may put a sentence.
MARGIN_S = 10


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """Words that are said together, with their times on the video's clock in seconds."""

    start_s: float
    end_s: float
    text: str

    @property
    def n_words(self) -> int:
        """How many words it has."""
        return len(self.text.split())


@dataclass(frozen=True, slots=True)
class SpokenBlock:
    """Lines that a model is given together."""

    lines: tuple[SpokenLine, ...]

    @property
    def start_s(self) -> float:
        """When its first line begins."""
        return self.lines[0].start_s

    @property
    def end_s(self) -> float:
        """When its last line ends."""
        return max(line.end_s for line in self.lines)

    @property
    def text(self) -> str:
        """The lines as the model reads them, each after its whole second."""
        return "\n".join(f"{floor(line.start_s)}s: {line.text}" for line in self.lines)


@dataclass(frozen=True, slots=True)
class SaidSentence:
    """A sentence of a model, and the second of the video in which it puts it.

    `is_moved` is whether the model had put it farther outside of its block, or of the video, than
    it may be.
    """

    second: int
    text: str
    is_moved: bool


def lines_of(words: Iterable[Word], max_words: int) -> Iterator[SpokenLine]:
    """Yield the sentences or cues of a transcript, one longer than `max_words` in pieces."""
    for _, group in groupby(words, key=lambda word: word.segment):
        sentence = [word for word in group if word.word.strip()]
        for first in range(0, len(sentence), max_words):
            piece = sentence[first : first + max_words]
            text = " ".join("".join(word.word for word in piece).split())
            yield SpokenLine(piece[0].start_s, max(word.end_s for word in piece), text)


def blocks_of(lines: Iterable[SpokenLine], max_words: int) -> Iterator[SpokenBlock]:
    """Yield lines in blocks of at most `max_words`, in order; none has no line."""
    block: list[SpokenLine] = []
    for line in lines:
        if block and sum(one.n_words for one in block) + line.n_words > max_words:
            yield SpokenBlock(tuple(block))
            block = []
        block.append(line)
    if block:
        yield SpokenBlock(tuple(block))


def read_sentences(answer: str, block: SpokenBlock, end_s: float) -> list[SaidSentence]:
    """Read a model's lines about a block of a video that ends at `end_s`, in their order.

    Other lines are left out, and so is a sentence that the model repeats for the same second; none
    is there where the model says that nothing can be seen. Raises MediaError for an answer without
    a line of the form that was asked for.
    """
    if says_nothing(answer):
        return []
    least = max(0, floor(block.start_s) - MARGIN_S)
    most = max(least, min(ceil(block.end_s) + MARGIN_S, ceil(end_s) - 1))
    found: dict[tuple[int, str], SaidSentence] = {}
    for line in answer.splitlines():
        match = LINE.match(line)
        if match is None or not match[2].strip():
            continue
        said, text = int(match[1]), match[2].strip()
        second = min(max(said, least), most)
        found.setdefault((second, text), SaidSentence(second, text, is_moved=second != said))
    if not found:
        quote = " ".join(answer.split())[:MAX_QUOTE]
        raise MediaError(f"the model wrote no line of the form '12s: sentence', but: {quote}")
    return list(found.values())


def joined(sentences: Sequence[SaidSentence]) -> str:
    """Return sentences as one text."""
    return " ".join(sentence.text for sentence in sentences)
