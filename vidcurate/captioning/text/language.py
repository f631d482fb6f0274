"""In which language a text is written, by its script and its commonest words.

Function words make up a third to a half of running text in any language that has them, so that a
paragraph is told by counting them (Grefenstette 1995, "Comparing two language identification
schemes"). It needs no model; of texts of fewer than eight words it says nothing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

MIN_WORDS, MIN_LETTERS = 8, 12
OTHER_SCRIPT_SHARE = 0.5  # of the letters; foreign names and signs stay below
MIN_FUNCTION_WORDS = 2
LEAD = 2  # how many times more function words another language must have

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
# The first word of a letter's Unicode name says its script.
SCRIPTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "chinese": frozenset({"CJK"}),
        "japanese": frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
        "korean": frozenset({"HANGUL"}),
        "russian": frozenset({"CYRILLIC"}),
        "ukrainian": frozenset({"CYRILLIC"}),
        "arabic": frozenset({"ARABIC"}),
        "persian": frozenset({"ARABIC"}),
        "hindi": frozenset({"DEVANAGARI"}),
        "greek": frozenset({"GREEK"}),
        "hebrew": frozenset({"HEBREW"}),
        "thai": frozenset({"THAI"}),
    }
)
LATIN = frozenset({"LATIN"})
FUNCTION_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        language: frozenset(words.split())
        for language, words in {
            "english": "the a an of and in on is are to with at his her their its it from by as "
            "while that this into over he she they for which who then there behind through",
            "german": "der die das ein eine einen einer einem und in auf ist sind mit im am zu von "
            "den dem des sie er es sich vor hinter während nach über auch wird aus an bei",
            "french": "le la les un une des et dans sur est sont avec du de au aux à en il elle "
            "ils sa son ses qui se par pour devant vers ce cette tandis que",
            "spanish": "el la los las un una unos y en sobre es está están con de del al a su sus "
            "que se por para mientras hacia él ella lo como desde",
            "italian": "il lo la i gli le un una uno e in su è sono con di del della dei al alla "
            "che si per mentre verso nel nella suo sua da dal",
            "portuguese": "o a os as um uma e em no na nos nas sobre é está estão com de do da dos "
            "das ao que se por para enquanto seu sua ele ela à",
            "dutch": "de het een en in op is zijn met van te naar aan bij die dat hij zij ze haar "
            "voor achter terwijl door er uit over wordt tegen",
            "swedish": "en ett och i på är med av till som den det de han hon sin sitt för vid mot "
            "medan från genom över under bakom sig har",
            "polish": "i w na z jest są do się po od przez który która które oraz za pod nad przed "
            "obok ze jego jej to jak gdy podczas ku",
            "turkish": "bir ve bu ile için de da olan o gibi üzerinde içinde doğru sonra ise kadar "
            "onun çok iki",
            "indonesian": "yang di dan ke dari dengan pada untuk sebuah seorang ini itu adalah "
            "sedang dalam atas sambil saat mereka dia oleh sebelah tidak",
            "vietnamese": "một và của trên trong là với có đang những các người ở đến từ cho này "
            "đó khi ra vào bên được không",
        }.items()
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
    """What speaks against a text being in the wanted language (its name or two-letter code).

    None where nothing does, and for languages that are not known here.
    """
    language = named(wanted)
    if language not in NAMES.values():
        return None
    return other_script(text, language) or other_words(text, language)


def other_script(text: str, language: str) -> str | None:
    """The script that most letters have, where it is none of the language's."""
    names = (unicodedata.name(letter, "?") for letter in text if letter.isalpha())
    letters = Counter(re.split(r"[ -]", name)[0] for name in names)
    if not letters:
        return None
    n_letters = letters.total()
    n_right = sum(letters[script] for script in SCRIPTS.get(language, LATIN))
    if n_letters < MIN_LETTERS or n_right / n_letters >= OTHER_SCRIPT_SHARE:
        return None
    return f"most letters are {letters.most_common(1)[0][0].lower()}"


def other_words(text: str, language: str) -> str | None:
    """The language that the function words are of, where it is plainly another one."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    if len(words) < MIN_WORDS or language not in FUNCTION_WORDS:
        return None
    own = FUNCTION_WORDS[language]
    leads = {name: lead(words, known, own) for name, known in FUNCTION_WORDS.items()}
    other = max(leads, key=lambda name: leads[name])
    return f"the words are {other.capitalize()}" if leads[other] > 0 else None


def lead(words: Sequence[str], other: frozenset[str], own: frozenset[str]) -> int:
    """By how many function words another language is ahead of what it needs to be plain.

    Words that both languages have tell nothing.
    """
    n_other = sum(word in other - own for word in words)
    n_own = sum(word in own - other for word in words)
    return n_other - max(MIN_FUNCTION_WORDS, LEAD * n_own) + 1
