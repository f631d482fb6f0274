"""Repairs what models add to a caption or leave unfinished, one rule for each fault.

A rule takes a draft and gives a better one, or None where it finds nothing. A fault that cannot be
repaired is only marked: by the rule's name among the repairs, or by the status.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from vidcurate.captioning.clip_input import CaptionText
from vidcurate.captioning.options import CLEANING_RULES, CleaningRule
from vidcurate.captioning.text.language import wrong_language
from vidcurate.captioning.text.loops import without_loops
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Status


@dataclass(frozen=True, slots=True)
class Draft:
    """A text, the status of the model's answer, and the language that it should have."""

    text: str
    status: Status
    language: str


Rule = Callable[[Draft], Draft | None]
# Full stops, also those of Chinese and Japanese, after which no space stands.
WIDE_STOPS = r"\u3002\uff01\uff1f"
SENTENCE_END = re.compile(
    rf"(?<=[.!?\u2026{WIDE_STOPS}])[\"'\u201d\u2019)]*(?:\s+|(?<=[{WIDE_STOPS}])|$)"
)

REFUSAL = re.compile(
    r"\b(?:I(?:['\u2019]m| am) (?:sorry|unable|not able)\b"
    r"|I (?:can(?:['\u2019]t|not| not)|(?:do|could)(?:n['\u2019]t| not)|won['\u2019]t) "
    r"(?:\w+ ){0,2}(?:assist|help|comply|describe|identify|provide|view|see|access|analy[sz]e"
    r"|process|generate|fulfil)"
    r"|[Aa]s an AI\b|against my (?:policy|guidelines))"
)
KINDS = (
    r"(?:videos?|clips?|images?|pictures?|photos?|photographs?|footage|frames?|stills?|scenes?"
    r"|sequence|shots?|recording|animation|segment)"
)
KIND = rf"(?:\w+[- ]){{0,2}}?{KINDS}(?: {KINDS})?"
SHOWS = (
    r"(?:shows?|depicts?|features?|displays?|portrays?|captures?|presents?|showcases?|illustrates?"
    r"|reveals?|contains?|consists? of|focuses on|is (?:of|about)|appears to (?:show|depict)"
    r"|(?:begins?|starts?|opens?)(?: off)? (?:with|by showing|on))\b"
)
SHOWN = (
    rf"(?:the|this|these|a|an) {KIND},? (?:\w+ly )?{SHOWS}(?: (?:us|that))?"
    r"(?! (?:how|what|why|where|when)\b)"
)
SEEN = r"(?:we|you|one) (?:can |could )?(?:see|observe|notice|find)\b(?: that)?"
HERE = (
    r"(?:here(?:['\u2019]s| is)|below is|this is) (?:\w+ ){1,5}?"
    r"(?:caption|description|summary|paragraph|answer)\b[^.:]{0,60}[.:]"
)
OPENERS = (
    r"(?:sure|certainly|of course|absolutely|okay|ok)[,!.]",
    HERE,
    SHOWN,
    rf"(?:throughout|across|in|within|from) (?:the|this|these) {KIND}(?: ?,(?: {SEEN})?| {SEEN})",
    SEEN,
    r"(?:video |dense |detailed |short )?(?:caption|description|answer)s?:",
)
OPENER = re.compile(rf"\s*(?:{'|'.join(OPENERS)})\s*", re.IGNORECASE)
MIN_WORDS_LEFT = 3
MARKUP: tuple[tuple[str, str], ...] = (
    (r"^\s*```[\w-]*\s*$", ""),  # fences
    (r"^\s*(?:-{3,}|\*{3,}|_{3,})\s*$", ""),  # rules
    (r"^\s*>\s?", ""),  # quotations
    (r"^\s*#{1,6}\s+[^\n]*[^.!?\s]\s*$", ""),  # headings that are no sentences
    (r"^\s*#{1,6}\s+", ""),
    (r"!?\[([^\]\n]+)\]\([^)\n]*\)", r"\1"),  # links
    (r"^\s*(?:\*\*|__)[^*_\n]{1,40}:?(?:\*\*|__):?\s*$", ""),  # bold labels on lines of their own
    (r"(?:\*\*|__)[^*_\n]{1,40}:(?:\*\*|__)\s*|(?:\*\*|__)[\w ]{1,40}(?:\*\*|__):\s*", ""),
    (r"(\*\*|__|\*|`)(?=\S)([^*`\n]+?)(?<=\S)\1", r"\2"),  # bold, italic, code
    (r"</?(?:b|i|em|strong|p|br|ul|ol|li|h[1-6]|div|span)\s*/?>", " "),
)
BULLET = re.compile(r"^\s*(?:[-*\u2022\u2013]|\(?\d{1,2}[.)])\s+(.+)$")
MIN_BULLETS = 2
# Words on which no English sentence ends.
DANGLING = re.compile(
    r"\b(?:a|an|the|and|or|of|with|to|in|on|at|from|by|for|as|is|are|was|were|while|his|her|their"
    r"|its|into|that|which|who|but)$|[,;:\-\u2013(]$",
    re.IGNORECASE,
)


def clean(caption: CaptionText, language: str, rules: Sequence[CleaningRule]) -> CaptionText:
    """Repair the texts of a caption, and note the names of the rules that found something.

    Raises MediaError where nothing is left: the answer was a refusal, or nothing but markup.
    """
    draft, repairs = repaired(Draft(caption.text, caption.status, language), rules)
    if not draft.text:
        status = "refused" if "refusal" in repairs else "empty"
        raise MediaError(f"the model's answer was {status}: {' '.join(caption.text.split())}")
    short = caption.short_text
    if short:
        shortened, more = repaired(Draft(short, "ok", language), rules)
        short, repairs = shortened.text or None, repairs + more
    names = tuple(dict.fromkeys((*caption.repairs, *repairs)))
    return replace(caption, text=draft.text, short_text=short, status=draft.status, repairs=names)


def repaired(draft: Draft, rules: Sequence[CleaningRule]) -> tuple[Draft, tuple[str, ...]]:
    """Apply rules to a draft, in the order in which they help each other."""
    found = []
    for name in (name for name in CLEANING_RULES if name in rules):
        better = RULES[name](draft)
        if better is not None:
            found.append(name)
            draft = better
    return draft, tuple(found)


def sentences_of(text: str) -> list[str]:
    """The sentences of a text; words after the last full stop count as one."""
    return [sentence for part in SENTENCE_END.split(text) if (sentence := part.strip())]


def refusal(draft: Draft) -> Draft | None:
    """Remove sentences in which the model refuses."""
    sentences = sentences_of(draft.text)
    kept = [sentence for sentence in sentences if not REFUSAL.search(sentence)]
    if len(kept) == len(sentences):
        return None
    # One sentence after a refusal that opens the text is an offer of other help.
    is_whole = sentences[0] not in kept and len(kept) <= 1
    return replace(draft, text="" if is_whole else " ".join(kept))


def markup(draft: Draft) -> Draft | None:
    """Remove Markdown and HTML, and keep the words inside."""
    text = draft.text
    for pattern, instead in MARKUP:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    if text == draft.text:
        return None
    return replace(draft, text=re.sub(r"[ \t]{2,}", " ", re.sub(r"\n{3,}", "\n\n", text)).strip())


def bullets(draft: Draft) -> Draft | None:
    """Turn the points of a list into sentences."""
    lines = [line for line in draft.text.splitlines() if line.strip()]
    points = [BULLET.match(line) for line in lines]
    if sum(point is not None for point in points) < MIN_BULLETS:
        return None
    lines = [point[1] if point else line for point, line in zip(points, lines, strict=True)]
    return replace(draft, text=" ".join(capital(as_sentence(line.strip())) for line in lines))


def as_sentence(line: str) -> str:
    """A line with a full stop at its end."""
    return line if SENTENCE_END.search(line) or line[-1] == ":" else line.rstrip(",;") + "."


def opener(draft: Draft) -> Draft | None:
    """Remove a beginning that speaks about the video and not about its content."""
    text = draft.text
    while (found := OPENER.match(text)) and len(text[found.end() :].split()) >= MIN_WORDS_LEFT:
        text = capital(text[found.end() :])
    return None if text == draft.text else replace(draft, text=text)


def capital(text: str) -> str:
    """A text with a capital first letter."""
    return text[:1].upper() + text[1:]


def repetition(draft: Draft) -> Draft | None:
    """Keep one of phrases and sentences that are repeated over and over."""
    text = without_loops(draft.text, sentences_of(draft.text))
    return None if text is None else replace(draft, text=text)


def unfinished(draft: Draft) -> Draft | None:
    """Cut a text that breaks off to its last whole sentence; mark it where there is none."""
    sentences = sentences_of(draft.text)
    if not sentences or SENTENCE_END.search(sentences[-1]):
        return None
    if len(sentences) > 1:
        return replace(draft, text=" ".join(sentences[:-1]), status="truncated")
    breaks_off = DANGLING.search(sentences[0]) is not None or draft.status == "truncated"
    return replace(draft, status="truncated") if breaks_off else None


def language(draft: Draft) -> Draft | None:
    """Mark a text in another language than was asked for."""
    return draft if wrong_language(draft.text, draft.language) else None


RULES: Mapping[CleaningRule, Rule] = MappingProxyType(
    {
        "refusal": refusal,
        "markup": markup,
        "list": bullets,
        "opener": opener,
        "repetition": repetition,
        "unfinished": unfinished,
        "language": language,
    }
)
