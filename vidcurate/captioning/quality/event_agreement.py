"""Measures how far two captions of one clip agree, by a model that reads both.

AutoDQ (Tarsier, Wang et al. 2024): the events of each text are checked against the other text. With
`looks` added to `events`, both motion and detail count, in both directions, as in OwlCap's caption
set equivalence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vidcurate.captioning.prompts import fill_prompt, load_prompt
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.models.chat.conversation import Conversation

Kind = Literal["events", "looks"]
MAX_ITEMS = 15
ITEMS: Mapping[str, Any] = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "string"}}},
    "required": ["items"],
    "additionalProperties": False,
}
ENTAILED = "entailed"


@dataclass(frozen=True, slots=True)
class CheckedItems:
    """Items of one text checked against another: each is entailed, neutral or contradicted."""

    items: tuple[str, ...]
    verdicts: tuple[str, ...]

    @property
    def share(self) -> float | None:
        """The share of items that the other text entails; None without items."""
        return self.verdicts.count(ENTAILED) / len(self.items) if self.items else None


@dataclass(frozen=True, slots=True)
class EventAgreement:
    """Two texts compared: items of the reference in the caption, and the other way round."""

    reference: CheckedItems
    caption: CheckedItems

    @property
    def completeness(self) -> float | None:
        """The share of the reference's items that the caption entails (recall)."""
        return self.reference.share

    @property
    def precision(self) -> float | None:
        """The share of the caption's items that the reference entails."""
        return self.caption.share

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where either text has no items."""
        recall, precision = self.completeness, self.precision
        if recall is None or precision is None:
            return None
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def compare_events(
    caption: str, reference: str, kinds: Sequence[Kind] = ("events",)
) -> Conversation[EventAgreement]:
    """Compare a caption with a reference."""
    expected: list[str] = []
    found: list[str] = []
    for kind in kinds:
        expected += yield from items_of(reference, kind)
        found += yield from items_of(caption, kind)
    missing = yield from check_items(expected, caption)
    wrong = yield from check_items(found, reference)
    return EventAgreement(missing, wrong)


def items_of(text: str, kind: Kind) -> Conversation[list[str]]:
    """Ask for the events or the details in a text."""
    prompt = fill_prompt(load_prompt(kind), {"text": text})
    answer = yield from ask_json((prompt,), ITEMS)
    items = (" ".join(item.split()) for item in answer["items"])
    return [item for item in items if item][:MAX_ITEMS]


def check_items(items: Sequence[str], text: str) -> Conversation[CheckedItems]:
    """Ask which items a text entails; without items no request is sent."""
    if not items:
        return CheckedItems((), ())
    numbered = "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
    prompt = fill_prompt(load_prompt("entail"), {"text": text, "items": numbered})
    answer = yield from ask_json((prompt,), verdicts_schema(len(items)))
    return CheckedItems(tuple(items), tuple(answer["verdicts"]))


def verdicts_schema(n_items: int) -> Mapping[str, Any]:
    """The JSON schema of one verdict for each item."""
    words = {"type": "string", "enum": [ENTAILED, "neutral", "contradicted"]}
    verdicts = {"type": "array", "items": words, "minItems": n_items, "maxItems": n_items}
    return {
        "type": "object",
        "properties": {"verdicts": verdicts},
        "required": ["verdicts"],
        "additionalProperties": False,
    }
