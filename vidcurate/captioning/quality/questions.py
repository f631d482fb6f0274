"""Asks what a caption tells: questions made from references, answered from the caption alone.

VDCscore (AuroraCap, Chai et al. 2024): a language model answers short questions about a clip from
its caption, and another judges each answer against the true one, yes or no and 0 to 5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidcurate.captioning.prompts import fill_prompt, load_prompt, without_angles
from vidcurate.captioning.quality.event_agreement import numbered_lines
from vidcurate.captioning.quality.judges import Judges
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.models.chat.conversation import Conversation

MAX_QUESTIONS, HIGHEST = 20, 5
NOT_TOLD = "not told"
QUESTION_PROMPTS = ("ask-questions", "answer-questions", "match-answers")
PAIRS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "pairs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
                "required": ["question", "answer"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["pairs"],
    "additionalProperties": False,
}
VERDICT: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "match": {"type": "string", "enum": ["yes", "no"]},
        "score": {"type": "integer", "minimum": 0, "maximum": HIGHEST},
    },
    "required": ["match", "score"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a clip, its true answer, and the kind of the reference that it is from."""

    kind: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Match:
    """Whether an answer means the same as the true one, and how nearly, 0 to 5."""

    is_right: bool
    score: int


def make_questions(reference: str, kind: str, judges: Judges) -> Conversation[list[Question]]:
    """Ask for questions that a reference answers, at most 20, none twice."""
    prompt = fill_prompt(load_prompt("ask-questions"), {"text": without_angles(reference)})
    answer = yield from judges.ask(ask_json((prompt,), PAIRS))
    pairs: dict[str, str] = {}
    for pair in answer["pairs"]:
        question, truth = (" ".join(pair[name].split()) for name in ("question", "answer"))
        if question and truth:
            pairs.setdefault(question, truth)
    return [Question(kind, *pair) for pair in list(pairs.items())[:MAX_QUESTIONS]]


def answer_questions(
    text: str, questions: Sequence[Question], judges: Judges
) -> Conversation[list[str]]:
    """Ask for each answer from a text alone; an empty text tells none, and nothing is asked."""
    if not questions or not text.strip():
        return [NOT_TOLD] * len(questions)
    items = numbered_lines([question.question for question in questions])
    values = {"text": without_angles(text), "items": items}
    prompt = fill_prompt(load_prompt("answer-questions"), values)
    schema = list_schema("answers", {"type": "string"}, len(questions))
    answer = yield from judges.ask(ask_json((prompt,), schema))
    return [" ".join(text.split()) or NOT_TOLD for text in answer["answers"]]


def match_answers(
    questions: Sequence[Question], answers: Sequence[str], judges: Judges
) -> Conversation[list[Match]]:
    """Ask whether each answer is right; one that is not told is wrong, and is not asked about."""
    told = [
        (question, answer)
        for question, answer in zip(questions, answers, strict=True)
        if is_told(answer)
    ]
    judged: list[Match] = []
    if told:
        judged = yield from judges.judge(told, ask_matches, is_right)
    verdicts = iter(judged)
    return [
        next(verdicts) if is_told(answer) else Match(is_right=False, score=0) for answer in answers
    ]


def ask_matches(told: Sequence[tuple[Question, str]]) -> Conversation[list[Match]]:
    """Ask whether answers are right."""
    lines = [
        f"{question.question} True answer: {question.answer} Given answer: {answer}"
        for question, answer in told
    ]
    prompt = fill_prompt(load_prompt("match-answers"), {"items": numbered_lines(lines)})
    found = yield from ask_json((prompt,), list_schema("verdicts", VERDICT, len(told)))
    return [Match(one["match"] == "yes", int(one["score"])) for one in found["verdicts"]]


def is_right(match: Match) -> bool:
    """Whether a verdict says yes."""
    return match.is_right


def is_told(answer: str) -> bool:
    """Whether a text had an answer."""
    return answer.casefold().strip(" .\"'") != NOT_TOLD


def list_schema(name: str, item: Mapping[str, Any], count: int) -> Mapping[str, Any]:
    """The JSON schema of a list of so many items under a name."""
    return {
        "type": "object",
        "properties": {
            name: {"type": "array", "items": item, "minItems": count, "maxItems": count}
        },
        "required": [name],
        "additionalProperties": False,
    }
