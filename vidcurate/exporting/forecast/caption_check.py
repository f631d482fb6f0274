"""Captions before they are written: what breaks a target's rules, and what a model cannot read."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from vidcurate.exporting.forecast.clip_facts import ClipFacts, Example
from vidcurate.exporting.forecast.contract import EXAMPLES, NUMBER, merged_reason
from vidcurate.exporting.layouts.captions import caption_line

# Scripts that are written without spaces: a sign is about a token.
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
HOW_TOKENS = (
    "an estimate: the larger of 4/3 of the words and 1/4 of the characters, and one a character "
    "in scripts without spaces"
)


@dataclass(frozen=True, slots=True)
class CaptionFault:
    """Captions that break one rule."""

    reason: str
    clips: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the greatest of some numbers."""

    least: int
    middle: int
    most: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Spread":
        """Return that of numbers, of which there is one at least."""
        return cls(min(values), int(np.median(values)), max(values))


@dataclass(frozen=True, slots=True)
class CaptionCheck:
    """The captions of the clips that a target takes.

    An export writes each as one plain line, which `rewritten` of them are not yet. Lengths are in
    characters, words and, by an estimate that `how_tokens` describes, tokens; None
    where no clip has a caption. `over_limit` are captions of more than `max_tokens`, of which the
    model reads the beginning; None where no model is trained.
    """

    clips: int
    missing: int
    missing_examples: tuple[Example, ...]
    rewritten: int
    faults: tuple[CaptionFault, ...]
    characters: Spread | None
    words: Spread | None
    tokens: Spread | None
    max_tokens: int | None
    over_limit: int
    how_tokens: str = HOW_TOKENS


def check_captions(
    facts: ClipFacts,
    clips: Sequence[int],
    fault: Callable[[str], str] | None,
    max_tokens: int | None,
) -> CaptionCheck:
    """Look at the captions of some clips, given by their numbers."""
    texts = [text or "" for text in facts.captions.take(np.asarray(clips, np.int64)).to_pylist()]
    lines = [caption_line(text) for text in texts]
    missing = [clip for clip, line in zip(clips, lines, strict=True) if not line]
    present = [(clip, line) for clip, line in zip(clips, lines, strict=True) if line]
    tokens = [estimated_tokens(line) for _, line in present]
    return CaptionCheck(
        clips=len(clips),
        missing=len(missing),
        missing_examples=tuple(facts.example(clip) for clip in missing[:EXAMPLES]),
        rewritten=sum(line != text for line, text in zip(lines, texts, strict=True)),
        faults=caption_faults(facts, present, fault) if fault else (),
        characters=Spread.of([len(line) for _, line in present]) if present else None,
        words=Spread.of([len(line.split()) for _, line in present]) if present else None,
        tokens=Spread.of(tokens) if present else None,
        max_tokens=max_tokens,
        over_limit=sum(n > max_tokens for n in tokens) if max_tokens else 0,
    )


def caption_faults(
    facts: ClipFacts, captions: Sequence[tuple[int, str]], fault: Callable[[str], str]
) -> tuple[CaptionFault, ...]:
    """Put together the captions that break the same rule, numbers aside; most first."""
    alike: dict[str, list[tuple[int, str]]] = {}
    for clip, text in captions:
        if reason := fault(text):
            alike.setdefault(NUMBER.sub("#", reason), []).append((clip, reason))
    faults = [
        CaptionFault(
            merged_reason([reason for _, reason in same]),
            len(same),
            tuple(facts.example(clip) for clip, _ in same[:EXAMPLES]),
        )
        for same in alike.values()
    ]
    return tuple(sorted(faults, key=lambda one: (-one.clips, one.reason)))


def estimated_tokens(text: str) -> int:
    """Estimate how many tokens a text encoder makes of a text, as `HOW_TOKENS` says."""
    unspaced = len(UNSPACED.findall(text))
    spaced = UNSPACED.sub("", text) if unspaced else text
    return unspaced + max(ceil(len(spaced.split()) * 4 / 3), ceil(len(spaced) / 4))
