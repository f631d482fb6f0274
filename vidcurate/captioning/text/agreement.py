"""Measures how far texts agree in their words, in any script and without a model."""

import re
from collections import Counter
from collections.abc import Sequence

from vidcurate.rules.texts import UNSPACED

WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")


def words_in(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return WORD.findall(text.casefold())


def word_f1(first: str, second: str) -> float:
    """Harmonic mean of the shares of words that each text has in common with the other, 0..1.

    The measure of answers in SQuAD (Rajpurkar et al. 2016), and ROUGE-1's F.
    """
    one, other = Counter(words_in(first)), Counter(words_in(second))
    n_words = one.total() + other.total()
    return 2 * (one & other).total() / n_words if n_words else 0.0


def mean_word_f1(texts: Sequence[str]) -> list[float | None]:
    """The mean `word_f1` of each text with all others; None for a lone text."""
    if len(texts) == 1:
        return [None]
    return [
        sum(word_f1(text, other) for j, other in enumerate(texts) if i != j) / (len(texts) - 1)
        for i, text in enumerate(texts)
    ]


def repeated_share(text: str, length: int = 4) -> float | None:
    """The share of a text's runs of so many words that were in it before, 0..1; None without runs.

    It is 1 - different runs / runs.
    """
    words = words_in(text)
    runs = [tuple(words[at : at + length]) for at in range(len(words) - length + 1)]
    return 1 - len({*runs}) / len(runs) if runs else None
