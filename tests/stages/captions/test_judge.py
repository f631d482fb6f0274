import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.chat_server import MODEL, Script, serving
from tests.support.pipeline import done, process, rows
from tests.support.videos import render
from vidcurate.captioning.prompts import load_prompt
from vidcurate.cli.output import Quiet
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.records import (
    CAPTIONS,
    EXPORTS,
    REFINED,
    VERDICTS,
    WEAK_CAPTIONS,
    Candidate,
    Verdict,
)
from vidcurate.stages.captions.judge import JudgeConfig
from vidcurate.stages.captions.refine import RefineConfig, can_ask
from vidcurate.stages.output.export_options import ExportConfig

BASE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "keyframes": {"method": "uniform", "count": 2},
}
# One for each clip; the second has a fault of words, the third one that only a look finds.
GOOD = "A green field lies under a pale sky while a small ball rolls from left to right."
VAGUE = (
    "It seems to be something beautiful, perhaps suggesting various things in a calm atmosphere."
)
WRONG = "A brown horse gallops along a beach while two children in red coats wave at it."
BETTER = "A grey square stands in front of a blue wall and turns slowly from left to right."


def about(body: dict[str, Any]) -> str:
    """All words of a request."""
    parts = body["messages"][0]["content"]
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


class Eye:
    """A model that captions three clips in turn, dislikes horses, and has one better text."""

    def __init__(self, better: str = BETTER) -> None:
        self.captions = iter([f"The video shows {GOOD[0].lower()}{GOOD[1:]}", VAGUE, WRONG])
        self.better = better

    def __call__(self, body: dict[str, Any]) -> str:
        """The answer to one request."""
        words = about(body)
        if "wrong_objects" in words:
            is_wrong = "horse" in words
            found = {"wrong_objects": ["brown horse"], "wrong_actions": ["gallops"]}
            none: dict[str, list[str]] = {"wrong_objects": [], "wrong_actions": []}
            return json.dumps(
                {"grade": 2, **found, "explanation": "No horse."}
                if is_wrong
                else {"grade": 5, **none, "explanation": ""}
            )
        return self.better if "A check found" in words else next(self.captions)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running chat server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(Script(say=Eye())) as script:
        yield script


def asked(script: Script, **changes: object) -> dict[str, object]:
    """Options by which the server is asked."""
    return {
        "backend": "openai",
        "model": "eye",
        "base_url": script.url,
        "backoff_s": 0.001,
        "concurrency": 1,
        "max_retries": 0,
        **changes,
    }


@pytest.fixture
def out(tmp_path: Path, script: Script) -> Path:
    """A data set of three clips with the captions above."""
    video = render(tmp_path / "video.mp4", audio=False)
    process(tmp_path / "out", {**BASE, "caption": asked(script)}, video)
    return tmp_path / "out"


def verdicts(out: Path) -> dict[str, Verdict]:
    """Verdicts by the captions' texts."""
    texts = {row.clip_id: row.text for row in rows(out, CAPTIONS)}
    return {texts[row.clip_id]: row for row in rows(out, VERDICTS)}


def test_captions_are_cleaned_before_they_are_kept(out: Path) -> None:
    """What a model put around a caption is gone, and the row names the rule."""
    found = {row.text: row.repairs for row in rows(out, CAPTIONS)}
    assert found == {GOOD: ("opener",), VAGUE: (), WRONG: ()}


def test_rules_judge_without_a_model(out: Path, script: Script) -> None:
    """Flags, reasons and score come from words and measurements alone, without a model."""
    n_asked = len(script.bodies)
    process(out, {"judge": {}})
    assert len(script.bodies) == n_asked
    found = verdicts(out)
    assert (found[GOOD].score, found[GOOD].reasons, found[GOOD].grade) == (1.0, (), None)
    assert found[VAGUE].vagueness
    assert found[VAGUE].score < 1
    assert any("seems" in reason for reason in found[VAGUE].reasons)
    assert found[WRONG].score == 1.0  # a lie in good words
    assert not any(row.camera or row.light or row.untidy for row in found.values())


def test_a_model_grades_on_the_frames(out: Path, script: Script) -> None:
    """The model sees caption and keyframes; its grade lowers the score, and its words are kept."""
    del script.bodies[:]
    process(out, {"judge": asked(script)})
    found = verdicts(out)[WRONG]
    assert (found.grade, found.wrong_objects, found.wrong_actions) == (
        *(2, ("brown horse",)),
        ("gallops",),
    )
    assert (found.score, found.rule_score, found.explanation) == (0.25, 1.0, "No horse.")
    assert (found.model, found.n_requests, found.prompt_tokens) == (MODEL, 1, 11)
    assert found.prompt_hash.startswith(load_prompt("inspect").hash)
    assert verdicts(out)[GOOD].score == 1.0
    pictures = [p for p in script.bodies[0]["messages"][0]["content"] if p["type"] == "image_url"]
    assert len(script.bodies) == 3
    assert len(pictures) == 2


@pytest.mark.parametrize("answer", ["so so", '{"grade": 9}', '{"grade": "five"}'])
def test_a_grade_that_is_none_fails_its_row(out: Path, script: Script, answer: str) -> None:
    """Answers of another form are asked for once more and then fail, with what is wrong."""
    script.say = lambda body: answer if "wrong_objects" in about(body) else "x"
    with pytest.raises(EmptyResultError):
        process(out, {"judge": asked(script)})
    reasons = [reason for _, reason in done(out, VERDICTS).values()]
    assert len(reasons) == 3
    assert all("JSON" in str(reason) for reason in reasons)


def test_a_clip_without_a_caption_fails(out: Path, script: Script) -> None:
    """A caption that failed leaves no verdict, and its reason says where to look."""
    script.modes[:] = ["400"]
    script.say = Eye()
    process(out, {**BASE, "caption": asked(script, temperature=0.5), "judge": {}})
    failed = [reason for status, reason in done(out, VERDICTS).values() if status == "failed"]
    assert failed == ["the clip has no caption: see rows captions --failed"]


def test_a_model_must_be_named() -> None:
    """Neither judge nor refine starts without a model to ask."""
    with pytest.raises(ValueError, match="needs a model"):
        JudgeConfig(backend="openai")
    with pytest.raises(UsageError, match="needs a model"):
        can_ask(RefineConfig(), {})


def test_weak_captions_are_chosen_by_score_share_and_likeness(out: Path) -> None:
    """A low score, a place among the worst, and a near-copy each make a caption weak."""
    texts = {row.clip_id: row.text for row in rows(out, CAPTIONS)}

    def triage(**options: float) -> dict[str, str]:
        process(out, {"judge": {}, "triage": options})
        return {texts[row.clip_id]: row.reason for row in rows(out, WEAK_CAPTIONS)}

    with pytest.raises(EmptyResultError):
        triage(max_score=0.1)
    assert triage(max_score=0.9) == {VAGUE: "score below 0.9"}
    assert triage(max_score=0.0, worst_share=0.3) == {VAGUE: "among the worst 30%"}


def test_near_copies_are_weak(out: Path, script: Script) -> None:
    """Clips of nearly one caption name each other, though no rule blames the words."""
    texts = iter([GOOD, GOOD.replace("pale", "grey"), WRONG])
    script.say = lambda _body: next(texts)
    options = {"caption": asked(script, temperature=0.5), "judge": {}}
    process(out, {**BASE, **options, "triage": {"min_similarity": 0.6}})
    found = rows(out, WEAK_CAPTIONS)
    assert [row.like_clip_id for row in found] == [row.clip_id for row in found][::-1]
    assert {row.reason for row in found} == {"nearly another clip's caption"}
    assert all(0.6 <= (row.likeness or 0) < 1 for row in found)


def test_weak_captions_are_written_again(out: Path, script: Script) -> None:
    """The prompt names what is wrong; the better text wins, the old ones stay with scores."""
    judge, triage = asked(script), {"max_score": 0.9}
    process(out, {"judge": judge, "triage": triage})
    del script.bodies[:]
    process(out, {"judge": judge, "triage": triage, "refine": asked(script)})
    found = {row.texts[0].text: row for row in rows(out, REFINED)}
    assert set(found) == {VAGUE, WRONG}
    row = found[WRONG]
    assert (row.text, row.score, row.score_before, row.n_rounds) == (BETTER, 1.0, 0.25, 1)
    assert row.texts == (
        Candidate(WRONG, "caption", 0.25),
        Candidate(BETTER, "round 1", 1.0),
    )
    assert (row.model, row.n_requests, row.prompt_tokens) == (MODEL, 3, 33)
    prompt = next(
        about(b) for b in script.bodies if "A check found" in about(b) and "horse" in about(b)
    )
    assert WRONG in prompt
    assert "not so in the clip: brown horse" in prompt
    assert "does not happen: gallops" in prompt


def test_a_text_that_is_no_better_ends_the_rounds(out: Path, script: Script) -> None:
    """Where nothing is gained the old caption stays, and no further round is asked."""
    script.say = Eye(better=VAGUE)
    process(
        out,
        {
            "judge": {},
            "triage": {"max_score": 0.9},
            "refine": asked(script, max_rounds=5, look=False),
        },
    )
    (row,) = rows(out, REFINED)
    assert (row.text, row.score, row.n_rounds, row.n_requests) == (VAGUE, row.score_before, 1, 1)


def test_a_lower_bar_asks_only_for_what_is_new(out: Path, script: Script) -> None:
    """Captions that were written again are not written once more when more are weak."""
    judge, refine = asked(script), asked(script)
    process(out, {"judge": judge, "triage": {"max_score": 0.5}, "refine": refine})
    before = rows(out, REFINED)
    process(out, {"judge": judge, "triage": {"max_score": 0.9}, "refine": refine})
    after = rows(out, REFINED)
    assert len(before) == 1
    assert len(after) == 2
    assert before[0] in after


class Notes(Quiet):
    """Keeps what stages say at their end."""

    def __init__(self) -> None:
        super().__init__()
        self.answers_given: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.answers_given.append(text)


def test_gains_and_costs_are_reported(out: Path, script: Script) -> None:
    """At the end stand scores before and after, requests and tokens, and what was found before."""
    notes = Notes()
    options = {"judge": asked(script), "triage": {"max_score": 0.9}, "refine": asked(script)}
    process(out, options, listener=notes)
    judge_asks, refine_asks, judged, refined = notes.answers_given
    assert judge_asks.startswith("judge: at least 3 requests to eye")
    assert refine_asks.startswith("refine: at least 2 requests to eye")
    assert "vagueness 1" in judged
    assert "mean score 0.62" in judged
    heads, one, total = (line.split() for line in refined.splitlines()[1:])
    assert one[:7] == ["1", "2", "2", "0.42", "1.00", "6", "96"]
    assert total[1:7] == one[1:7]
    assert heads[3:5] == ["before", "after"]


def test_the_export_prefers_refined_texts(out: Path, script: Script) -> None:
    """The caption column has the better text; old text and verdict have columns of their own."""
    export = ExportConfig(media="none").model_dump()
    options = {"judge": asked(script), "triage": {}, "refine": asked(script), "export": export}
    process(out, options)
    table = pq.read_table(out / "export" / "data").to_pylist()
    found = {row["caption_before"]: row for row in table}
    assert (found[WRONG]["caption"], found[GOOD]["caption"]) == (BETTER, GOOD)
    assert (found[WRONG]["refined_score"], found[GOOD]["refined_score"]) == (1.0, None)
    assert found[WRONG]["verdict_score"] == 0.25
    assert len(rows(out, EXPORTS)) == 3
