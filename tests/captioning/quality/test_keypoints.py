import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np
import pytest

from tests.support.conversations import CLIP, FRAMES, reply
from vidcurate.captioning.clip_input import ClipInput
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.quality.judges import SECOND
from vidcurate.captioning.quality.keypoint_search import SearchLimits
from vidcurate.captioning.quality.keypoints import (
    KEYPOINT_PROMPTS,
    MIN_REQUESTS,
    Keypoints,
    find_keypoints,
    judges_of,
)
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import ModelRequest, Outcome, run_conversation
from vidcurate.models.text.encoder import Vectors

TRUE = ("A dog runs.", "The grass is green.")
FALSE = ("A cat sleeps.",)
PROMPTS = {name: load_prompt(name) for name in KEYPOINT_PROMPTS}
CLIP_INPUT = ClipInput(
    CLIP, FRAMES, {}, PROMPTS, CaptionConfig.model_validate({"backend": "openai", "model": "eye"})
)


@dataclass
class Oracle:
    """A model that knows what is true of the clip, says what else it says, and counts requests.

    `prose` are the kinds of request that it answers in prose: describe, list, detail or check.
    """

    points: Sequence[str] = (*TRUE, *FALSE)
    says_yes_to_all: bool = False
    prose: Sequence[str] = ()
    requests: list[ModelRequest] = field(default_factory=list)

    def __call__(self, request: ModelRequest) -> Outcome:
        """The answer to one request."""
        self.requests.append(request)
        words = "\n".join(part for part in request.parts if isinstance(part, str))
        if request.choices:
            if "check" in self.prose:
                return replace(reply("Well, it depends."), choice_logprobs={})
            is_yes = self.says_yes_to_all or any(point in words for point in TRUE)
            told = {"yes": log(0.9 if is_yes else 0.2), "no": log(0.1 if is_yes else 0.8)}
            return replace(
                reply("yes" if is_yes else "no", model=f"eye{request.to}"),
                choice_logprobs=told,
                score_from="logprobs",
            )
        if '"aspects" lists' in words:
            return reply(json.dumps({"detail": "the dog", "aspects": ["colour", "size"]}))
        if '"points" is the list' in words:
            if "list" in self.prose:
                return reply("There are two points: a dog and grass.")
            points = [{"text": point, "category": "object"} for point in self.points]
            return reply(json.dumps({"points": points}))
        return reply(f"Answer {len(self.requests)}.")


def bags(texts: Sequence[str]) -> Vectors:
    """Unit vectors of texts, which have only whole words in common."""
    words = sorted({word for text in texts for word in text.lower().split()})
    rows = [[float(word in text.lower().split()) for word in words] for text in texts]
    found = np.asarray(rows, np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def found_by(
    oracle: Oracle,
    max_requests: int = 100,
    max_rounds: int = 25,
    *,
    two_models: bool = False,
) -> Keypoints:
    """What a search finds; raises MediaError where it fails."""
    limits = SearchLimits(max_rounds, 2, "c1")
    result = run_conversation(
        find_keypoints(CLIP_INPUT, judges_of(two_models=two_models), limits, max_requests, bags),
        oracle,
    )
    if isinstance(result, MediaError):
        raise result
    return result


def test_what_both_judges_confirm_is_a_point_once() -> None:
    """Of three statements that return in each answer two are true: each is one point."""
    found = found_by(Oracle(), max_rounds=3)
    assert [point.text for point in found.points] == [*TRUE]
    assert [point.rollout for point in found.points] == [0, 0]
    assert found.points[0].support == pytest.approx(0.9)
    assert (found.n_nodes, found.n_rollouts, len(found.asked)) == (5, 3, 15)
    assert sum(point.is_verified for point in found.asked) == 10
    assert not found.is_spent


def test_points_that_say_nearly_the_same_are_one() -> None:
    """From a cosine of 0.8 on the first one stays, with the larger support."""
    near = "A dog runs. Fast"  # three of four words: 0.87
    found = found_by(Oracle((TRUE[0], near, "The dog: A dog runs.")), max_rounds=1)
    assert [point.text for point in found.points] == [TRUE[0], "The dog: A dog runs."]


@pytest.mark.parametrize("max_requests", [MIN_REQUESTS, 23, 40, 77, 100, 250])
def test_a_budget_is_never_passed(max_requests: int) -> None:
    """The requests stay within the budget, and what remains would not have paid one more answer."""
    oracle = Oracle()
    found = found_by(oracle, max_requests)
    assert max_requests - 15 < len(oracle.requests) <= max_requests
    assert found.is_spent
    assert found.n_nodes >= 1


def test_two_models_get_one_question_and_one_model_two_wordings() -> None:
    """With a second model each check goes to both; without, the same model is asked twice."""
    two, one = Oracle(), Oracle()
    found_by(two, max_rounds=1, two_models=True)
    found_by(one, max_rounds=1)
    checks = [r for r in two.requests if r.choices]
    assert {r.to for r in checks} == {"", SECOND}
    assert checks[0].parts == checks[1].parts
    again = [r for r in one.requests if r.choices]
    assert {r.to for r in again} == {""}
    assert again[0].parts != again[1].parts


def test_a_model_that_says_yes_to_all_is_found_out() -> None:
    """It confirms the statement that is false of every clip, which an honest model denies."""
    assert all(vote.is_yes for vote in found_by(Oracle(says_yes_to_all=True)).controls)
    assert not any(vote.is_yes for vote in found_by(Oracle()).controls)


def test_a_judge_that_answers_in_prose_fails_at_once() -> None:
    """A judge that says neither yes nor no costs two requests, and the reason quotes it."""
    oracle = Oracle(prose=["check"])
    with pytest.raises(MediaError, match=r"neither yes nor no: .*Well, it depends"):
        found_by(oracle)
    assert len(oracle.requests) == 2


def test_a_list_in_prose_fails_with_its_reason() -> None:
    """The list is asked for twice; without any answer the clip fails."""
    with pytest.raises(MediaError, match=r"no answer could be had: overall: .*not JSON"):
        found_by(Oracle(prose=["list"]))


def test_an_answer_without_points_is_worth_least() -> None:
    """No key point is no error: the search goes on, and finds nothing."""
    found = found_by(Oracle(points=()), max_rounds=4)
    assert found.points == ()
    assert found.n_nodes == 7


def test_what_was_described_is_not_asked_for_again() -> None:
    """A second question of a kind names the first answer; a detail names the details before."""
    oracle = Oracle()
    found_by(oracle, 2000, 40)
    first = next(r for r in oracle.requests if not r.choices)
    again = [r for r in oracle.requests if "was described before" in str(r.parts[1:2])]
    assert "was described before" not in str(first.parts[:2])
    assert again
    assert "Answer " in str(again[0].parts[1])
    details = [str(r.parts[0]) for r in oracle.requests if '"aspects" lists' in str(r.parts[0])]
    assert "none yet" in details[0]
    assert any("1. the dog" in text for text in details)
    follow_ups = [str(r.parts[0]) for r in oracle.requests if "this detail" in str(r.parts[0])]
    assert "the dog. Say of it: colour, size." in follow_ups[0]
