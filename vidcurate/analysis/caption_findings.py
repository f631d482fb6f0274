"""What a judge found in a caption, at the words where it is, and how two texts differ by words."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from vidcurate.captioning.quality.camera_claims import CLAIMS
from vidcurate.captioning.quality.faults import DAY, INSTRUCTIONS, NIGHT, QUOTED, VAGUE
from vidcurate.records import VERDICTS, Verdict, columns_of_table

# The words of a text, each with the space after it.
WORDS = re.compile(r"\S+\s*|\s+")
# Flags that speak of words which the same patterns find again.
PATTERNS: Mapping[str, tuple[re.Pattern[str], ...]] = MappingProxyType(
    {
        "vagueness": (VAGUE,),
        "prompt_copy": (INSTRUCTIONS,),
        "light": (NIGHT, DAY),
        "camera": tuple(CLAIMS.values()),
        "unseen_text": (QUOTED,),
    }
)
FLAGS = tuple(
    column.name
    for column in columns_of_table(VERDICTS)
    if column.type == "yes or no" and not column.name.endswith("[]")
)
ABOUT_FLAGS = MappingProxyType(
    {c.name: c.info.description for c in columns_of_table(VERDICTS) if c.name in FLAGS}
)
EQUAL, ADDED, REMOVED = "", "+", "-"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; `finding` says what is wrong with it, "" where nothing is."""

    text: str
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a caption, and whether words of the text are marked for it."""

    kind: str
    what: str
    is_marked: bool


def marked_text(text: str, verdict: Verdict) -> tuple[tuple[Piece, ...], tuple[Finding, ...]]:
    """A caption in pieces, and all findings; the pieces put together are the text.

    Where findings overlap, the one that begins first is marked; of two the longer.
    """
    spans = sorted(marked_spans(text, verdict), key=lambda span: (span[0], -span[1]))
    pieces: list[Piece] = []
    reached = 0
    for start, end, kind in spans:
        if start < reached:
            continue
        if start > reached:
            pieces.append(Piece(text[reached:start]))
        pieces.append(Piece(text[start:end], kind))
        reached = end
    if reached < len(text):
        pieces.append(Piece(text[reached:]))
    return tuple(pieces), tuple(findings(text, verdict))


def marked_spans(text: str, verdict: Verdict) -> Iterator[tuple[int, int, str]]:
    """Where the words lie of which a verdict speaks, with the kind of finding."""
    for kind, names in named_by_model(verdict).items():
        for name in names:
            yield from ((*found.span(), kind) for found in name_pattern(name).finditer(text))
    lower = text.lower()
    # Patterns of some flags are for small letters, of which a few languages need more.
    searched = lower if len(lower) == len(text) else text
    for flag, patterns in PATTERNS.items():
        if getattr(verdict, flag):
            yield from (
                (*found.span(), flag)
                for pattern in patterns
                for found in pattern.finditer(searched)
                if found.end() > found.start()
            )


def named_by_model(verdict: Verdict) -> Mapping[str, Sequence[str]]:
    """What a model named as wrong, by kind."""
    return {"wrong object": verdict.wrong_objects, "wrong action": verdict.wrong_actions}


def name_pattern(name: str) -> re.Pattern[str]:
    """What finds a name in a text: its words in order, whatever their case and the space between.

    A name without a word finds nothing.
    """
    words = r"\s+".join(map(re.escape, name.split()))
    return re.compile(rf"(?<!\w){words}(?!\w)" if words else r"(?!)", re.IGNORECASE)


def findings(text: str, verdict: Verdict) -> Iterator[Finding]:
    """Everything that speaks against a caption: what a model named, then each flag's reason."""
    for kind, names in named_by_model(verdict).items():
        for name in names:
            yield Finding(kind, name, name_pattern(name).search(text) is not None)
    set_flags = [flag for flag in FLAGS if getattr(verdict, flag)]
    marked = {kind for _, _, kind in marked_spans(text, verdict)}
    for number, flag in enumerate(set_flags):
        # There is one reason a flag, in the order of flags.
        reason = verdict.reasons[number] if number < len(verdict.reasons) else ABOUT_FLAGS[flag]
        yield Finding(flag, reason.removeprefix(f"{flag}: "), flag in marked)


def word_changes(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """How a text became another: parts as (EQUAL, ADDED or REMOVED, words), in order.

    All but the added parts are the first text, all but the removed ones the second.
    """
    old, new = WORDS.findall(before), WORDS.findall(after)
    plain_old, plain_new = ([word.strip() for word in words] for words in (old, new))
    matcher = difflib.SequenceMatcher(None, plain_old, plain_new, autojunk=False)
    changes: list[tuple[str, str]] = []
    for _, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        removed, added = "".join(old[old_from:old_to]), "".join(new[new_from:new_to])
        if plain_old[old_from:old_to] == plain_new[new_from:new_to]:
            changes.append((EQUAL, added))
            continue
        changes += [(kind, part) for kind, part in ((REMOVED, removed), (ADDED, added)) if part]
    return tuple(changes)
