"""How probable a model holds each of some answers: by its tokens, or by what it says itself."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import exp, log

from pydantic import TypeAdapter, ValidationError

from vidcurate.models.chat.conversation import Answer, ModelRequest
from vidcurate.models.chat.output_text import END_MARKS

N_LIKELIEST = 5  # tokens of each step that a server is asked for; most give no more than 20
CHOOSE = "Answer with one of these and nothing else: {choices}."
CHOOSE_IN_JSON = (
    'Answer with JSON alone: {{"answer": one of {choices}, "confidence": a whole number from 0 to '
    "100, how sure you are of it}}."
)
CERTAIN = 100.0
# What stands before a word in an answer: spaces, quotes, markup.
LEADING = re.compile(r"\A[\W_]+")
SPACE_MARKS = str.maketrans({"\u2581": " ", "\u0120": " "})  # SentencePiece's, and byte-level BPE's
CJK = "\u2e80"  # from here on words follow each other without a space


@dataclass(frozen=True, slots=True)
class TokenStep:
    """One step of an answer: the token that was written, and the likeliest with log-probability."""

    token: str
    likeliest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ToldToken:
    """A token in a chat completion, and its log-probability."""

    token: str
    logprob: float


@dataclass(frozen=True, slots=True)
class ToldStep(ToldToken):
    """The token that was written, and the likeliest of its place."""

    top_logprobs: tuple[ToldToken, ...] | None = None


@dataclass(frozen=True, slots=True)
class ToldSteps:
    """The part of a choice's `logprobs` that is read."""

    content: tuple[ToldStep, ...] | None = None


TOLD = TypeAdapter(ToldSteps)


def with_choices_named(request: ModelRequest) -> ModelRequest:
    """A request that tells the model its choices."""
    choose = CHOOSE.format(choices=", ".join(request.choices))
    return replace(request, parts=(*request.parts, choose))


def asked_in_words(request: ModelRequest) -> ModelRequest:
    """The same question, to be answered in JSON by a choice and how sure the model is of it."""
    named = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in request.choices)
    schema = {
        "type": "object",
        "properties": {
            "answer": {"type": "string", "enum": list(request.choices)},
            "confidence": {"type": "integer"},
        },
        "required": ["answer", "confidence"],
        "additionalProperties": False,
    }
    asked = CHOOSE_IN_JSON.format(choices=named)
    return replace(request, parts=(*request.parts, asked), schema=schema)


def read_in_words(answer: Answer, choices: Sequence[str]) -> Answer:
    """An answer to `asked_in_words` with its probabilities; none where it cannot be read.

    What the model is not sure of is shared by the other choices. The text becomes the choice.
    """
    told = value_told(answer.text, choices)
    if told is None:
        return replace(answer, choice_logprobs={}, score_from="words")
    chosen, share = told
    rest = (1.0 - share) / max(1, len(choices) - 1)
    shares = {choice: share if choice == chosen else rest for choice in choices}
    logprobs = {choice: log(value) for choice, value in shares.items() if value}
    return replace(answer, text=chosen, choice_logprobs=logprobs, score_from="words")


def value_told(text: str, choices: Sequence[str]) -> tuple[str, float] | None:
    """The choice in a JSON answer, and how sure the model says it is, 0 to 1."""
    try:
        value = json.loads(text[text.find("{") : text.rfind("}") + 1])
        confidence = float(value["confidence"])
        words = str(value["answer"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    chosen = exact_choice(words, choices)
    if chosen is None or not 0.0 <= confidence <= CERTAIN:
        return None
    is_share = isinstance(value["confidence"], float) and confidence <= 1.0
    return chosen, confidence if is_share else confidence / CERTAIN


def with_choice_logprobs(
    answer: Answer, steps: Sequence[TokenStep] | None, choices: Sequence[str]
) -> Answer:
    """An answer with the probabilities of its choices, where there are choices and steps."""
    if not choices or steps is None:
        return answer
    told = choice_logprobs(answered_steps(steps, answer.text), choices)
    return replace(answer, choice_logprobs=told, score_from="logprobs")


def answered_steps(steps: Sequence[TokenStep], text: str) -> Sequence[TokenStep]:
    """The steps of the answer itself, `text`, without those of thoughts before it."""
    place = max(0, "".join(step.token for step in steps).rfind(text))
    for number, step in enumerate(steps):
        place -= len(step.token)
        if place < 0:
            return steps[number:]
    return steps


def choice_logprobs(steps: Iterable[TokenStep], choices: Sequence[str]) -> dict[str, float]:
    """The log-probability of each choice, from the tokens of one answer.

    Tokens that begin the same choice are summed, whatever their case and leading spaces. Where the
    written token begins several choices, or only a part of one, its successors decide. A choice
    that no token begins is left out.
    """
    masses = dict.fromkeys(choices, 0.0)
    before, so_far = 1.0, ""
    for step in steps:
        goes_on = 0.0
        for token, logprob in step.likeliest:
            mass = before * exp(logprob)
            text = so_far + token
            if token == step.token and begun_choices(text, choices) and not is_end(token):
                goes_on += mass
            elif (meant := choice_meant(text, choices)) is not None:
                masses[meant] += mass
        before, so_far = goes_on, so_far + step.token
        if not goes_on:
            break
    if before and (meant := choice_meant(so_far, choices)) is not None:
        masses[meant] += before
    return {choice: log(mass) for choice, mass in masses.items() if mass}


def choice_meant(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a text is, or the only one that it begins."""
    exact = exact_choice(text, choices)
    begun = begun_choices(text, choices) if plain_words(text) else []
    return begun[0] if exact is None and len(begun) == 1 else exact


def exact_choice(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a text is, or begins with as a word of its own; the longest of several."""
    plain = plain_words(text)
    found = [choice for choice in choices if is_said(plain, plain_words(choice))]
    return max(found, key=len, default=None)


def is_said(text: str, choice: str) -> bool:
    """Whether a text begins with a choice that does not go on as another word."""
    after = text[len(choice) : len(choice) + 1]
    is_apart = not (after.isalnum() and choice[-1:] < CJK)
    return bool(choice) and text.startswith(choice) and is_apart


def begun_choices(text: str, choices: Sequence[str]) -> list[str]:
    """The choices of which a text is the beginning and not yet the whole."""
    plain = plain_words(text)
    return [c for c in choices if plain_words(c) != plain and plain_words(c).startswith(plain)]


def plain_words(text: str) -> str:
    """A text without case, and without what stands before its first word or ends the answer."""
    spaced = END_MARKS.sub("", text.translate(SPACE_MARKS))
    bare = LEADING.sub("", spaced)
    return " ".join(bare.casefold().split())


def is_end(token: str) -> bool:
    """Whether a token ends an answer."""
    return bool(token.strip()) and not END_MARKS.sub("", token).strip()


def steps_told(logprobs: object) -> list[TokenStep] | None:
    """The steps that the `logprobs` of a chat completion tell; None where they tell none."""
    try:
        told = TOLD.validate_python(logprobs)
    except ValidationError:
        return None
    return [told_step(step) for step in told.content or ()] or None


def told_step(step: ToldStep) -> TokenStep:
    """A step, in which the token that was written is always among the likeliest."""
    likeliest = [(other.token, other.logprob) for other in step.top_logprobs or ()]
    if all(token != step.token for token, _ in likeliest):
        likeliest.append((step.token, step.logprob))
    return TokenStep(step.token, tuple(likeliest))
