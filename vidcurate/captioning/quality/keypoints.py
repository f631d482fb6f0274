"""Finds the key points of a clip: statements of a model that it, or two models, confirm.

After AutoCaption (Yu et al. 2025, MCTS-VCB). The prompts are our own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from vidcurate.captioning.clip_input import ClipInput
from vidcurate.captioning.quality.judges import SECOND
from vidcurate.captioning.quality.keypoint_search import (
    ACTIONS,
    Action,
    Expansion,
    NodeValue,
    NoValue,
    SearchLimits,
    search,
)
from vidcurate.captioning.text.json_answer import JSON_PROMPTS, ask_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    ScoreSource,
    answer_text,
    ask_choice,
    by_requests,
    one_request,
)
from vidcurate.models.text.encoder import Vectors

T = TypeVar("T")
Encode = Callable[[Sequence[str]], Vectors]

YES, NO = "yes", "no"
N_JUDGES = 2
MAX_POINTS = 5  # of one answer
SAME_POINT = 0.8  # cosine from which two points are one
CONTROL = "A giraffe in a space suit reads a newspaper at the bottom of the sea."
CATEGORIES = ("appearance", "action", "object", "environment", "camera")
NONE_YET = "none yet"

# Requests that an answer takes at most: itself, twice the list of its points, and their checks. A
# detail is chosen before, in JSON that may be asked for twice as well.
ANSWER_REQUESTS = 1 + 2 + MAX_POINTS * N_JUDGES
DETAIL_REQUESTS = 2 + ANSWER_REQUESTS
MIN_REQUESTS = N_JUDGES + ANSWER_REQUESTS

KEYPOINT_PROMPTS = (
    *(f"keypoints-{action}" for action in ACTIONS),
    *("keypoints-again", "keypoints-aspects", "keypoints-list"),
    *("keypoints-check", "keypoints-check-again"),
    *JSON_PROMPTS,
)
POINTS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "points": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "category": {"type": "string", "enum": list(CATEGORIES)},
                },
                "required": ["text", "category"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["points"],
    "additionalProperties": False,
}
DETAIL: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "detail": {"type": "string", "minLength": 1},
        "aspects": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    },
    "required": ["detail", "aspects"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Judge:
    """One of the two that are asked about each point: which model, and by which prompt."""

    to: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Vote:
    """How probable a judge holds a statement; None where it gave no answer."""

    yes: float | None
    model: str = ""
    score_from: ScoreSource = ""
    reason: str = ""

    @property
    def is_yes(self) -> bool:
        """Whether the judge confirms it."""
        return self.yes is not None and self.yes > 0.5  # noqa: PLR2004 - more likely than not


@dataclass(frozen=True, slots=True)
class Point:
    """A statement about a clip, which judges were asked about; `rollout` is when."""

    text: str
    category: str
    rollout: int
    votes: tuple[Vote, ...] = ()

    @property
    def is_verified(self) -> bool:
        """Whether all judges confirm it."""
        return all(vote.is_yes for vote in self.votes)

    @property
    def support(self) -> float:
        """The mean probability of yes; a judge without an answer gives none."""
        return sum(vote.yes or 0.0 for vote in self.votes) / len(self.votes)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of one node: its text, the detail that it is about if any, and its points."""

    action: Action
    text: str
    detail: str
    points: tuple[Point, ...]


@dataclass(slots=True)
class Budget:
    """How many requests may still be sent."""

    left: int


@dataclass(frozen=True, slots=True)
class Keypoints:
    """What a search found: the verified points, each once, and all that the judges said.

    `controls` are the votes on a statement that is true of no clip. `failures` say why answers are
    missing. `is_spent` tells that the search ended because the requests were spent.
    """

    points: tuple[Point, ...]
    asked: tuple[Point, ...]
    controls: tuple[Vote, ...]
    n_nodes: int
    n_rollouts: int
    failures: tuple[str, ...]
    is_spent: bool


@dataclass(slots=True)
class Findings:
    """What a search has found so far: replies by the numbers of their nodes, and failures."""

    replies: dict[int, Reply] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    n_rollouts: int = 0
    is_spent: bool = False


def judges_of(*, two_models: bool) -> tuple[Judge, Judge]:
    """Two models with one question, or one model with two wordings of it."""
    check = Judge("", "keypoints-check")
    return (
        (check, replace(check, to=SECOND))
        if two_models
        else (
            check,
            replace(check, prompt="keypoints-check-again"),
        )
    )


def find_keypoints(
    clip_input: ClipInput,
    judges: Sequence[Judge],
    limits: SearchLimits,
    max_requests: int,
    encode: Encode,
) -> Conversation[Keypoints]:
    """Search for the key points of a clip with at most so many requests.

    Raises MediaError where a judge answers neither yes nor no to a statement that is false of every
    clip, and where no answer could be had.
    """
    budget = Budget(max_requests)
    controls = yield from within(check_statement(CONTROL, clip_input, judges), budget)
    for vote in controls:
        if vote.yes is None:
            raise MediaError(f"a judge answers neither yes nor no: {vote.reason}")
    found = Findings()
    tree = search(limits)
    try:
        expansion = next(tree)
        while True:
            value = yield from value_of(expansion, found, clip_input, judges, budget, encode)
            expansion = tree.send(value)
    except StopIteration as end:
        nodes = end.value
    if not found.replies:
        raise MediaError(f"no answer could be had: {found.failures[-1]}")
    asked = tuple(point for reply in found.replies.values() for point in reply.points)
    return Keypoints(
        merged_points([point for point in asked if point.is_verified], encode),
        asked,
        controls,
        len(nodes) - 1,
        found.n_rollouts,
        tuple(found.failures),
        found.is_spent,
    )


def value_of(
    expansion: Expansion,
    found: Findings,
    clip_input: ClipInput,
    judges: Sequence[Judge],
    budget: Budget,
    encode: Encode,
) -> Conversation[NodeValue | NoValue]:
    """Ask what an action asks, and say what the answer is worth."""
    action = expansion.action
    if budget.left < (DETAIL_REQUESTS if action == "detail" else ANSWER_REQUESTS):
        found.is_spent = True
        return NoValue.SPENT
    found.n_rollouts = expansion.rollout + 1
    before = [found.replies[number] for number in expansion.way[1:]]
    try:
        reply = yield from within(ask(expansion, before, clip_input, judges), budget)
        similarity = mean_similarity(reply, before, encode)
    except MediaError as error:
        found.failures.append(f"{action}: {error}")
        return NoValue.FAILED
    found.replies[len(found.replies) + 1] = reply
    verified = sum(point.is_verified for point in reply.points)
    return NodeValue(verified / len(reply.points) if reply.points else 0.0, similarity)


def ask(
    expansion: Expansion, before: Sequence[Reply], clip_input: ClipInput, judges: Sequence[Judge]
) -> Conversation[Reply]:
    """Ask for a description, for its key points, and what the judges say of each."""
    if expansion.action == "detail":
        detail, prompt = yield from choose_detail(before, clip_input)
        prompts = [prompt]
    else:
        detail, prompts = "", view_prompts(expansion.action, before, clip_input)
    text = answer_text((yield ModelRequest((*prompts, *clip_input.numbered_frames()))))
    listed = yield from ask_json((clip_input.prompt("keypoints-list", text=text),), POINTS)
    points = []
    for item in listed["points"][:MAX_POINTS]:
        statement = " ".join(item["text"].split())
        if statement:
            votes = yield from check_statement(statement, clip_input, judges)
            points.append(Point(statement, item["category"], expansion.rollout, votes))
    return Reply(expansion.action, text, detail, tuple(points))


def view_prompts(action: Action, before: Sequence[Reply], clip_input: ClipInput) -> list[str]:
    """The prompts that ask for a view of the clip, with what was said of it before."""
    same = "\n\n".join(reply.text for reply in before if reply.action == action)
    again = [clip_input.prompt("keypoints-again", text=same)] if same else []
    return [clip_input.prompt(f"keypoints-{action}"), *again]


def choose_detail(before: Sequence[Reply], clip_input: ClipInput) -> Conversation[tuple[str, str]]:
    """Have the model choose a new detail; it, and the prompt that asks for its description."""
    named = [reply.detail for reply in before if reply.detail]
    lines = "\n".join(f"{number}. {name}" for number, name in enumerate(named, 1)) or NONE_YET
    prompt = clip_input.prompt("keypoints-detail", items=lines)
    chosen = yield from ask_json((prompt, *clip_input.numbered_frames()), DETAIL)
    detail = " ".join(chosen["detail"].split())
    aspects = ", ".join(" ".join(aspect.split()) for aspect in chosen["aspects"])
    return detail, clip_input.prompt("keypoints-aspects", subject=detail, aspects=aspects)


def check_statement(
    statement: str, clip_input: ClipInput, judges: Sequence[Judge]
) -> Conversation[tuple[Vote, ...]]:
    """What each judge says of a statement about a clip."""
    votes = []
    for judge in judges:
        parts = (clip_input.prompt(judge.prompt, text=statement), *clip_input.numbered_frames())
        try:
            told = yield from ask_choice(parts, (YES, NO), judge.to)
        except MediaError as error:
            votes.append(Vote(None, reason=str(error)))
            continue
        if told.is_outside:
            reason = f"{told.answer.text[:60]!r}"
            votes.append(Vote(None, told.answer.model, told.score_from, reason))
            continue
        votes.append(Vote(told.probabilities[YES], told.answer.model, told.score_from))
    return tuple(votes)


def mean_similarity(reply: Reply, before: Sequence[Reply], encode: Encode) -> float:
    """The mean cosine of an answer to those of the same action on its way, 0 without any."""
    same = [earlier.text for earlier in before if earlier.action == reply.action]
    if not same:
        return 0.0
    vectors = encode([reply.text, *same])
    return float((vectors[1:] @ vectors[0]).mean())


def merged_points(points: Sequence[Point], encode: Encode) -> tuple[Point, ...]:
    """Points without those that say the same as an earlier one, which gets the larger support."""
    if not points:
        return ()
    vectors = encode([point.text for point in points])
    kept: list[int] = []
    best: dict[int, Point] = {}
    for number, point in enumerate(points):
        near = vectors[kept] @ vectors[number]
        if kept and near.max() >= SAME_POINT:
            first = kept[int(near.argmax())]
            if point.support > best[first].support:
                best[first] = replace(best[first], votes=point.votes)
            continue
        kept.append(number)
        best[number] = point
    return tuple(best[number] for number in kept)


def within(conversation: Conversation[T], budget: Budget) -> Conversation[T]:
    """Run a conversation, and count its requests against a budget."""

    def counted(request: ModelRequest) -> Conversation[Answer]:
        budget.left -= 1
        return one_request(request)

    return by_requests(conversation, counted)
