"""Measures how far a caption tells what references tell, event by event, by a model that reads.

AutoDQ (Tarsier, Wang et al. 2024): the events of each text are checked against the other text, both
in small letters. With `looks` added to `events`, both motion and detail count, in both directions,
as in OwlCap's caption set equivalence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal

from vidcurate.captioning.prompts import fill_prompt, load_prompt, without_angles
from vidcurate.captioning.quality.judges import Judges
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.models.chat.conversation import Conversation

Kind = Literal["events", "looks"]
MAX_ITEMS: Mapping[Kind, int] = MappingProxyType({"events": 10, "looks": 15})
EVENT_PROMPTS = ("events", "looks", "entail")
ITEMS: Mapping[str, Any] = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "string"}}},
    "required": ["items"],
    "additionalProperties": False,
}
ENTAILED, NEUTRAL, CONTRADICTED = "entailed", "neutral", "contradicted"


@dataclass(frozen=True, slots=True)
class CheckedItems:
    """Items of one text checked against another: each is entailed, neutral or contradicted."""

    items: tuple[str, ...]
    verdicts: tuple[str, ...]

    def having(self, *wanted: str) -> tuple[str, ...]:
        """The items that have one of these verdicts."""
        pairs = zip(self.items, self.verdicts, strict=True)
        return tuple(item for item, verdict in pairs if verdict in wanted)

    def share(self, wanted: str) -> float | None:
        """The share of items that have this verdict; None without items."""
        return self.verdicts.count(wanted) / len(self.items) if self.items else None


@dataclass(frozen=True, slots=True)
class EventAgreement:
    """A caption and its references: items of these in the caption, and the other way round.

    `n_conflicts` are the items that one reference contradicts in another, which count for nothing;
    None for a single reference.
    """

    reference: CheckedItems
    caption: CheckedItems
    n_conflicts: int | None = None

    @property
    def recall(self) -> float | None:
        """The share of the references' items that the caption entails."""
        return self.reference.share(ENTAILED)

    @property
    def precision(self) -> float | None:
        """The share of the caption's items that a reference entails."""
        return self.caption.share(ENTAILED)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where either text has no items."""
        recall, precision = self.recall, self.precision
        if recall is None or precision is None:
            return None
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0

    @property
    def missing(self) -> float | None:
        """Items of the references that the caption does not entail, over all of theirs."""
        return self.over_references(len(self.reference.having(NEUTRAL, CONTRADICTED)))

    @property
    def invented(self) -> float | None:
        """Items of the caption that no reference entails, over the items of the references."""
        return self.over_references(len(self.caption.having(NEUTRAL, CONTRADICTED)))

    @property
    def total_error(self) -> float | None:
        """Missing and invented items together, over the items of the references."""
        missing, invented = self.missing, self.invented
        return None if missing is None or invented is None else missing + invented

    def over_references(self, count: int) -> float | None:
        """A number of items over that of the references; None without any."""
        return count / len(self.reference.items) if self.reference.items else None


def compare_events(
    caption: str, references: Sequence[str], kinds: Sequence[Kind], judges: Judges
) -> Conversation[EventAgreement]:
    """Compare a caption with its references."""
    expected: list[Sequence[str]] = []
    for reference in references:
        items = yield from all_items(reference, kinds, judges)
        expected.append(items)
    found = yield from all_items(caption, kinds, judges)
    n_conflicts = None
    if len(references) > 1:
        agreed: list[Sequence[str]] = []
        for number, told in enumerate(expected):
            others = "\n\n".join(r for n, r in enumerate(references) if n != number)
            checked = yield from check_items(told, others, judges)
            agreed.append(checked.having(ENTAILED, NEUTRAL))
        n_conflicts = len([*chain(*expected)]) - len([*chain(*agreed)])
        expected = agreed
    missing = yield from check_items([*chain(*expected)], caption, judges)
    wrong = yield from check_items(found, "\n\n".join(references), judges)
    return EventAgreement(missing, wrong, n_conflicts)


def all_items(text: str, kinds: Sequence[Kind], judges: Judges) -> Conversation[list[str]]:
    """Ask for the events, the details, or both in a text."""
    found: list[str] = []
    for kind in kinds:
        found += yield from items_of(text, kind, judges)
    return found


def items_of(text: str, kind: Kind, judges: Judges) -> Conversation[list[str]]:
    """Ask for the events or the details in a text; of an empty one nothing is asked."""
    if not text.strip():
        return []
    prompt = fill_prompt(load_prompt(kind), {"text": without_angles(text).lower()})
    answer = yield from judges.ask(ask_json((prompt,), ITEMS))
    items = (" ".join(item.split()) for item in answer["items"])
    return list(dict.fromkeys(item for item in items if item))[: MAX_ITEMS[kind]]


def check_items(items: Sequence[str], text: str, judges: Judges) -> Conversation[CheckedItems]:
    """Ask which items a text entails; an empty text entails none, and nothing is asked."""
    if not items or not text.strip():
        return CheckedItems(tuple(items), (NEUTRAL,) * len(items))
    told = without_angles(text).lower()

    def ask(statements: Sequence[str]) -> Conversation[list[str]]:
        numbered = numbered_lines(statements)
        prompt = fill_prompt(load_prompt("entail"), {"text": told, "items": numbered})
        answer = yield from ask_json((prompt,), verdicts_schema(len(statements)))
        return list(answer["verdicts"])

    verdicts = yield from judges.judge(items, ask, is_entailed)
    return CheckedItems(tuple(items), tuple(verdicts))


def is_entailed(verdict: str) -> bool:
    """Whether a verdict says yes."""
    return verdict == ENTAILED


def numbered_lines(lines: Sequence[str]) -> str:
    """Texts from outside, a numbered line each."""
    return "\n".join(f"{n}. {without_angles(line)}" for n, line in enumerate(lines, 1))


def verdicts_schema(n_items: int) -> Mapping[str, Any]:
    """The JSON schema of one verdict for each item."""
    words = {"type": "string", "enum": [ENTAILED, NEUTRAL, CONTRADICTED]}
    verdicts = {"type": "array", "items": words, "minItems": n_items, "maxItems": n_items}
    return {
        "type": "object",
        "properties": {"verdicts": verdicts},
        "required": ["verdicts"],
        "additionalProperties": False,
    }
