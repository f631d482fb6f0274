"""Experts: each decides one field of a shot from a few words, and how sure it is.

After SkyCaptioner-V1, whose sub-experts for shots, expressions and camera movement know more than a
captioner that is asked for everything at once. Here an expert is a request with the field's
definitions, an image classifier, or a measurement.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from vidcurate.captioning.clip_input import ClipInput
from vidcurate.captioning.quality.camera_claims import CLAIMS, camera_claims
from vidcurate.captioning.strategies.fusion import one_line, says_something, spoken
from vidcurate.captioning.templates.facts import camera_clause, measured_number
from vidcurate.captioning.templates.words import CAMERA
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Conversation, Part, ask_choice

MAX_QUOTE = 60  # characters of an overruled text
KIND_WORDS = ("shot", "view", "angle")  # classifiers add them to a field's words, or leave them out
UNCLEAR, NOT_VISIBLE = "unclear", "not visible"
# What the camera does by its name in `motion`, and what is not measured.
CAMERA_PHRASES: Mapping[str, str] = MappingProxyType(
    {
        **{spoken(name): f"the camera {words}" for name, words in CAMERA.items()},
        "follow the subject": "the camera follows the subject",
        "circle the subject": "the camera circles the subject",
    }
)
# The expressions of datasets of faces such as AffectNet, with beginnings of words that mean them.
EXPRESSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "neutral": ("neutral", "calm", "relaxed", "composed", "blank"),
        "happy": ("happ", "smil", "laugh", "grin", "joy", "cheer", "glad", "delight"),
        "sad": ("sad", "cry", "tear", "sorrow", "gloom", "downcast"),
        "angry": ("ang", "furious", "rage", "scowl", "glar", "annoy"),
        "afraid": ("afraid", "fear", "scared", "frighten", "terrif", "anxious"),
        "surprised": ("surpris", "astonish", "amaze", "shock", "startl"),
        "disgusted": ("disgust", "revolt", "repuls"),
    }
)


@dataclass(frozen=True, slots=True)
class Question:
    """What an expert is asked: the field, the words, the prompt, and the model that is asked."""

    name: str
    choices: tuple[str, ...]
    prompt: str
    values: Mapping[str, str] = field(default_factory=dict)
    to: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an expert says of a field: one of its words, or None with the reason.

    `probability` is that of the word, beside the other words and all else; of a measurement it is
    the share of the clip. `score_from` is as in an answer, or `measured`.
    """

    field: str
    word: str | None
    probability: float | None = None
    score_from: str = ""
    by: str = ""
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The decision as it is stored."""
        sure = None if self.probability is None else round(self.probability, 4)
        return {
            "word": self.word,
            "probability": sure,
            "score_from": self.score_from,
            "by": self.by,
        }


def decide(clip_input: ClipInput, question: Question) -> Conversation[Decision]:
    """Ask an expert, and once more where it answers with none of the words.

    A classifier would say the same again and is asked once.
    """
    parts: tuple[Part, ...] = (
        clip_input.prompt(question.prompt, **question.values),
        *clip_input.numbered_frames(),
    )
    decision = yield from decide_once(question, parts)
    if decision.word is None and not question.to:
        again = clip_input.prompt("word-again", fault=decision.reason)
        decision = yield from decide_once(question, (*parts, again))
    return decision


def decide_once(question: Question, parts: Sequence[Part]) -> Conversation[Decision]:
    """One answer of an expert."""
    try:
        told = yield from ask_choice(parts, question.choices, question.to)
    except MediaError as error:
        return Decision(question.name, None, reason=str(error))
    by = told.answer.model
    if told.is_outside:
        reason = f"none of its words, at {told.outside:.0%}: {told.answer.text[:MAX_QUOTE]!r}"
        return Decision(question.name, None, by=by, reason=reason)
    word = told.choice
    probability = told.probabilities[word] * (1.0 - told.outside)
    return Decision(question.name, word, probability, told.score_from, by)


def measured_camera(clip_input: ClipInput) -> Decision | None:
    """What the camera does for at least half of the clip by `motion`; None if that is not known."""
    facts = clip_input.facts
    if not camera_clause(facts):
        return None
    camera = str(facts["motion"]["camera"])
    share = measured_number(facts, "motion", f"{camera}_share")
    return Decision("camera_motion", spoken(camera), share, "measured", "motion")


def says_the_same(field_name: str, text: str, word: str) -> bool:
    """Whether a text of the general answer means an expert's word; False where it cannot tell."""
    if field_name == "camera_motion":
        claims = camera_claims(f"The camera is {text}. The camera {text}. {text}.")
        is_claim = word.replace(" ", "_") in CLAIMS
        stem = word if is_claim else word.split(maxsplit=1)[0]
        return word.replace(" ", "_") in claims or stem in text.casefold()
    if field_name == "expression":
        starts = "|".join(EXPRESSIONS.get(word, (word,)))
        return re.search(rf"\b(?:{starts})", text.casefold()) is not None
    return plain(text) == plain(word)


def plain(word: str) -> str:
    """A word of a vocabulary without case, marks, and words for its kind such as "shot"."""
    words = re.findall(r"[^\W_]+", word.casefold())
    return "".join(w for w in words if w not in KIND_WORDS) or "".join(words)


def overruled(general: Any, decision: Decision) -> str | None:
    """How an expert overrules the general answer; None where that is silent or says the same."""
    text = one_line(general)
    if (
        not says_something(text)
        or decision.word is None
        or says_the_same(decision.field, text, decision.word)
    ):
        return None
    who = "measured" if decision.score_from == "measured" else "decided"
    sure = "" if decision.probability is None else f" ({decision.probability:.0%})"
    return f"says {text[:MAX_QUOTE]!r}, {who} {decision.word}{sure}"
