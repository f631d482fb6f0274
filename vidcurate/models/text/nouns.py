"""Nouns of English texts, by a small tagger of parts of speech that carries its own lexicon.

TextBlob's pattern tagger: Brill's method (Brill 1992) with the lexicon and rules of De Smedt and
Daelemans 2012 (Pattern for Python), which the package carries.
"""

import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from vidcurate.errors import MissingExtraError

PACKAGE, EXTRA = "textblob", "text"
MODEL = "textblob pattern tagger"
NOUN, PLURALS = "NN", ("NNS", "NNPS")
# Plurals in name only, which taking off an s would spoil.
UNCHANGED = ("ss", "us", "is", "news", "series", "species", "trousers", "jeans", "shorts", "pants")

NounsOf = Callable[[str], tuple[str, ...]]


def require_tagger() -> None:
    """Raise MissingExtraError where the package is not installed; nothing is imported."""
    if find_spec(PACKAGE) is None:
        raise MissingExtraError(PACKAGE, EXTRA)


def tagger_version() -> str:
    """The installed version; "" where there is none."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""


def open_tagger() -> NounsOf:
    """Load the tagger: a function that gives a text's nouns, in the singular, in small letters.

    Raises MissingExtraError without its package.
    """
    require_tagger()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files to be closed
        from textblob.en.inflect import singularize  # noqa: PLC0415 - seconds, not everyone's
        from textblob.en.taggers import PatternTagger  # noqa: PLC0415 - same

        tagger = PatternTagger()
        tagger.tag("A dog barks.")

    def nouns_of(text: str) -> tuple[str, ...]:
        found = [(word.lower(), tag) for word, tag in tagger.tag(text) if tag.startswith(NOUN)]
        singular = (
            singularize(word) if tag in PLURALS and not word.endswith(UNCHANGED) else word
            for word, tag in found
        )
        return tuple(dict.fromkeys(noun for noun in singular if any(map(str.isalpha, noun))))

    return nouns_of
