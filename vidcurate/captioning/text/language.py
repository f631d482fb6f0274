"""Finds the language of a text by py3langid's model of byte sequences (Lui and Baldwin 2012).

It judges only the languages that are listed here, and ignores quotations: a sign may be in any
language.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

MIN_BYTES = 24  # of letters in UTF-8: shorter texts, such as names, have no plain language
MIN_CONFIDENCE = 0.9
QUOTED = re.compile('"[^"\n]*"|\u201c[^\u201d\n]*\u201d|\u300c[^\u300d\n]*\u300d')
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "en": "english",
        "de": "german",
        "fr": "french",
        "es": "spanish",
        "it": "italian",
        "pt": "portuguese",
        "nl": "dutch",
        "sv": "swedish",
        "pl": "polish",
        "tr": "turkish",
        "id": "indonesian",
        "vi": "vietnamese",
        "zh": "chinese",
        "ja": "japanese",
        "ko": "korean",
        "ru": "russian",
        "uk": "ukrainian",
        "ar": "arabic",
        "fa": "persian",
        "hi": "hindi",
        "el": "greek",
        "he": "hebrew",
        "th": "thai",
    }
)


def named(language: str) -> str:
    """A language's English name in small letters, from its name or two-letter code."""
    plain = language.strip().lower()
    return NAMES.get(plain, plain)


def is_english(language: str) -> bool:
    """Whether rules about English words hold."""
    return named(language) == "english"


def wrong_language(text: str, wanted: str) -> str | None:
    """Why a text is not in the wanted language (its name or two-letter code).

    None where it is, where the text is too short or unclear, and for unlisted languages.
    """
    language = named(wanted)
    letters = "".join(filter(str.isalpha, QUOTED.sub("", text)))
    if language not in NAMES.values() or len(letters.encode()) < MIN_BYTES:
        return None
    code, confidence = identifier().classify(QUOTED.sub("", text))
    if NAMES[code] == language or confidence < MIN_CONFIDENCE:
        return None
    return f"it reads as {NAMES[code].capitalize()}"


@cache
def identifier() -> Any:
    """The model, loaded once; it chooses among the languages that have a name here."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - takes a second

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(list(NAMES))
    return model
