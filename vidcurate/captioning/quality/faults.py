"""Finds faults of a caption from its words and from measurements, without a model.

The measures of length, vagueness and repetition follow klippbok's caption score; the others compare
the text with what was measured of the clip. No rule here can judge what a caption says about
subjects and actions: that takes a model that looks at the frames.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import MappingProxyType

from vidcurate.captioning.options import CLEANING_RULES
from vidcurate.captioning.prompts import load_prompt, prompt_names
from vidcurate.captioning.quality.camera_claims import camera_conflicts
from vidcurate.captioning.templates.facts import Facts, measured_number
from vidcurate.captioning.text.agreement import words_in
from vidcurate.captioning.text.cleaning import Draft, repaired
from vidcurate.captioning.text.language import is_english, wrong_language
from vidcurate.captioning.text.verbs import has_action_verb

MAX_REPEATED = 0.1  # share of three-word runs that are repeated; good prose has below 0.05
MIN_RUNS = 10
MAX_VAGUE = 0.04  # vague words and guesses, as a share of all words
MIN_VAGUE = 2
COPIED_RUN = 5  # words in a row that stand in a prompt too; shorter runs are common phrases
# Mean luma, 0..255: a picture this light is no night, one this dark no sunny day.
BRIGHTEST_NIGHT, DARKEST_DAY = 90.0, 50.0

VAGUE = re.compile(
    r"\b(?:something|somewhere|some (?:kind|sort|type) of|(?:various|several|some|different|many) "
    r"(?:things|objects|items|elements|activities)|stuff|things|and so on|etc|interesting|nice"
    r"|beautiful(?:ly)?|amazing|stunning|captivating|overall|atmosphere|vibe|mood|(?:a )?sense of"
    r"|(?:appears?|seems?|seemingly|possibly|perhaps|probably|presumably|likely|maybe)"
    r"|(?:may|might|could) (?:be|have)|(?:suggest|indicat|imply|hint|emphasi[sz]|convey)"
    r"(?:s|es|ed|ing|ies)?)\b",
    re.IGNORECASE,
)
INSTRUCTIONS = re.compile(
    r"\b(?:do not|don['\u2019]t) (?:mention|describe|guess|speak|use|add|include|repeat)\b"
    r"|\b(?:write|provide|give|answer with|respond with|return) (?:one|a|an|only|the) "
    r"(?:\w+ ){0,3}(?:paragraph|sentence|caption|description|json|answer)"
    r"|\bframe \d+ of \d+\b|\bthese instructions\b|\bas (?:requested|instructed)\b",
    re.IGNORECASE,
)
NIGHT = re.compile(r"\b(?:at night|night(?:time|fall)?|midnight|pitch[- ]dark(?:ness)?)\b")
DAY = re.compile(
    r"\b(?:(?:bright|broad|full) (?:day|sun)light|sunny|sunlit|sun[- ]drenched|midday|noon"
    r"|brightly lit)\b"
)
QUOTED = re.compile(
    r"\"([^\"\n]{2,60})\"|\u201c([^\u201d\n]{2,60})\u201d"
    r"|(?<!\w)['\u2018]([^'\u2019\n]{2,60})['\u2019](?!\w)"
)
SEEN_SHARE = 0.5  # of a quotation's pairs of letters that were also read in the picture


@dataclass(frozen=True, slots=True)
class WordRange:
    """How long a caption should be: in words, or in letters for scripts without spaces."""

    min_words: int
    max_words: int


@dataclass(frozen=True, slots=True)
class JudgedCaption:
    """A caption, its language, what was measured of its clip, and how long it should be."""

    text: str
    language: str
    facts: Facts
    word_range: WordRange


FaultCheck = Callable[[JudgedCaption], str | None]


def length(judged: JudgedCaption) -> str | None:
    """The caption is shorter or longer than it should be."""
    n_words, word_range = len(words_in(judged.text)), judged.word_range
    if word_range.min_words <= n_words <= word_range.max_words:
        return None
    return f"{n_words} words, not {word_range.min_words} to {word_range.max_words}"


def repetition(judged: JudgedCaption) -> str | None:
    """Runs of three words are repeated."""
    words = words_in(judged.text)
    runs = Counter(zip(words, words[1:], words[2:], strict=False))
    if runs.total() < MIN_RUNS:
        return None
    share = 1 - len(runs) / runs.total()
    return f"{share:.0%} of it is repeated" if share > MAX_REPEATED else None


def vagueness(judged: JudgedCaption) -> str | None:
    """The caption guesses, names moods, or uses words that fit any clip."""
    if not is_english(judged.language):
        return None
    found = [hit.group().lower() for hit in VAGUE.finditer(judged.text)]
    if len(found) < MIN_VAGUE or len(found) / len(words_in(judged.text)) <= MAX_VAGUE:
        return None
    return f"vague words: {', '.join(dict.fromkeys(found))}"


def no_action(judged: JudgedCaption) -> str | None:
    """No verb says that anyone or anything acts."""
    if not is_english(judged.language) or has_action_verb(judged.text):
        return None
    return "no verb says what happens"


def prompt_copy(judged: JudgedCaption) -> str | None:
    """The caption repeats a part of a prompt, or speaks as prompts do."""
    if found := INSTRUCTIONS.search(judged.text):
        return f"speaks as a prompt does: {found.group()}"
    copied = runs_of(judged.text) & prompt_runs()
    return f"in the prompt too: {' '.join(min(copied))}" if copied else None


@cache
def prompt_runs() -> frozenset[tuple[str, ...]]:
    """All runs of words in the prompts that come with the package."""
    return frozenset().union(*(runs_of(load_prompt(name).text) for name in prompt_names()))


def runs_of(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of COPIED_RUN words in a text."""
    words = words_in(text)
    return frozenset(zip(*(words[start:] for start in range(COPIED_RUN)), strict=False))


def foreign(judged: JudgedCaption) -> str | None:
    """The caption is in another language than was asked for."""
    return wrong_language(judged.text, judged.language)


def untidy(judged: JudgedCaption) -> str | None:
    """Cleaning would still repair something; language and repetition are faults of their own."""
    rules = [rule for rule in CLEANING_RULES if rule not in ("language", "repetition")]
    _, found = repaired(Draft(judged.text, "ok", judged.language), rules)
    return f"not clean: {', '.join(found)}" if found else None


def camera(judged: JudgedCaption) -> str | None:
    """The caption claims a movement of the camera that was not measured."""
    return "; ".join(camera_conflicts(judged.text, judged.facts)) or None


def light(judged: JudgedCaption) -> str | None:
    """The caption says night of a light picture, or sunny day of a dark one."""
    luma, text = measured_number(judged.facts, "quality", "luma_mean"), judged.text.lower()
    if luma is None:
        return None
    night, day = NIGHT.search(text), DAY.search(text)
    if night and not day and luma > BRIGHTEST_NIGHT:
        return f"says {night.group()}, measured luma {luma:.0f} of 255"
    if day and not night and luma < DARKEST_DAY:
        return f"says {day.group()}, measured luma {luma:.0f} of 255"
    return None


def unseen_text(judged: JudgedCaption) -> str | None:
    """The caption quotes words that were not read in the picture."""
    read = judged.facts.get("text", {}).get("strings")
    if not isinstance(read, tuple | list):
        return None
    seen = letter_pairs(" ".join(map(str, read)))
    quoted = ["".join(groups) for groups in QUOTED.findall(judged.text)]
    unseen = [text for text in quoted if not is_seen(text, seen)]
    return f"not read in the picture: {', '.join(unseen)}" if unseen else None


def is_seen(text: str, seen: frozenset[str]) -> bool:
    """Whether enough of a quotation was read; text readers confuse some letters."""
    wanted = letter_pairs(text)
    return not wanted or len(wanted & seen) / len(wanted) >= SEEN_SHARE


def letter_pairs(text: str) -> frozenset[str]:
    """All pairs of neighbouring letters, without spaces and case."""
    letters = re.sub(r"[\W_]+", "", text.casefold())
    return frozenset(a + b for a, b in pairwise(letters))


# By how much each fault lowers a score of 1.
FAULTS: Mapping[str, tuple[FaultCheck, float]] = MappingProxyType(
    {
        "length": (length, 0.3),
        "repetition": (repetition, 0.5),
        "vagueness": (vagueness, 0.2),
        "no_action": (no_action, 0.2),
        "prompt_copy": (prompt_copy, 0.7),
        "foreign": (foreign, 0.7),
        "untidy": (untidy, 0.3),
        "camera": (camera, 0.4),
        "light": (light, 0.4),
        "unseen_text": (unseen_text, 0.3),
    }
)


def faults_of(judged: JudgedCaption) -> dict[str, str]:
    """The faults of a caption, each with its reason.

    Raises MediaError for a measurement that is not a number.
    """
    found = {name: fault(judged) for name, (fault, _) in FAULTS.items()}
    return {name: reason for name, reason in found.items() if reason is not None}


def rule_score(faults: Mapping[str, str]) -> float:
    """A score of 1 without faults, down to 0."""
    return max(0.0, 1.0 - sum(FAULTS[name][1] for name in faults))
