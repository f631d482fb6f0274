import json
import re
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_server import Script, serving
from tests.support.pipeline import process, rows
from tests.support.tiny_models import save_clip
from tests.support.videos import render
from vidcurate.captioning.options import CaptionConfig, Single, Structured
from vidcurate.models.chat.options import OpenAiConfig
from vidcurate.records import CAPTIONS, Caption
from vidcurate.stage import read_while_running
from vidcurate.stages.captions.caption import CAPTION

TEXTS = {
    "a": "Bars drift to the left.",
    "b": "A fractal grows.",
    "json": '{"caption": "A test card."}',
}
FIELDS = re.compile(r"^(?:- )?[a-z0-9 ]+: .*$", re.MULTILINE)
CHOICES = re.compile(r"one of these and nothing else: (.*)\.")
SHOT = {
    "subjects": [
        {
            "type": "Graphic",
            "sub_type": "Bars",
            "appearance": "coloured",
            "action": "drift to the left",
            "expression": "",
            "position": "all over the picture",
            "is_main_subject": True,
        }
    ],
    "shot_type": "close_up",
    "shot_angle": "eye_level",
    "shot_position": "front_view",
    "camera_motion": "",
    "environment": "a test card",
    "lighting": "",
}


def ask(out: Path, more: dict[str, Any], **options: Any) -> tuple[list[Caption], Script]:
    """Caption a data set by a strategy, through a server whose answers depend on the model."""
    script = Script(say=lambda body: TEXTS[body["model"]])
    with serving(script):
        caption = {"backend": "openai", "model": "a", "base_url": script.url, **options}
        process(out, {**more, "caption": caption})
    return rows(out, CAPTIONS), script


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of three clips with one keyframe each."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    video = render(tmp_path / "video.mp4", audio=False)
    keyframes = {"method": "uniform", "count": 1}
    process(tmp_path / "out", {"split": {"min_clip_s": 1.0}, "keyframes": keyframes}, video)
    return tmp_path / "out"


def test_teachers_answer_by_name_and_are_compared_with_the_clip(out: Path, tmp_path: Path) -> None:
    """Each teacher's own model is asked; the text of the higher cosine wins; both are kept."""
    pytest.importorskip("open_clip", reason="the extra 'models' is not installed")
    embed = {"backend": "open_clip", "model": f"local-dir:{save_clip(tmp_path)}"}
    teachers = ("model=a", "model=b temperature=1")
    found, script = ask(
        out, {"embed": embed}, strategy="teachers", teachers=teachers, scorer="alignment"
    )
    assert sorted(body["model"] for body in script.bodies) == ["a"] * 3 + ["b"] * 3
    assert {body["temperature"] for body in script.bodies if body["model"] == "b"} == {1.0}
    for row in found:
        best = max(row.candidates, key=lambda candidate: candidate.score or 0.0)
        assert row.text == best.text
        assert sorted(c.text for c in row.candidates) == sorted([TEXTS["a"], TEXTS["b"]])
        assert row.n_requests == 2


def says_of_shots(body: dict[str, Any]) -> str:
    """A form for the request that asks for one, the first word of a choice, or the fields."""
    asked = [part["text"] for part in body["messages"][0]["content"] if part["type"] == "text"]
    if "Fill in a form" in asked[0]:
        return json.dumps(SHOT)
    choices = CHOICES.search(asked[-1])
    return choices[1].split(", ")[0] if choices else " ".join(FIELDS.findall(asked[0]))


def test_experts_are_asked_through_a_server(out: Path) -> None:
    """The form, four experts with log-probabilities, and two texts without pictures reach it."""
    with serving(Script(say=says_of_shots, logprobs=told_for(says_of_shots))) as script:
        caption = {"backend": "openai", "model": "a", "base_url": script.url, "strategy": "shots"}
        process(out, {"caption": {**caption, "concurrency": 1}})
    found = rows(out, CAPTIONS)
    assert len(script.bodies) == 7 * len(found)
    assert sum(bool(body.get("logprobs")) for body in script.bodies) == 4 * len(found)
    for row in found:
        assert row.n_requests == 7
        told = json.loads(row.structured or "")
        assert (told["shot_type"], told["camera_motion"]) == ("long_shot", "the camera stays still")
        assert told["decided"]["shot_type"]["probability"] == 0.9
        assert row.text.startswith("shot type: long shot")
        assert "Bars" in (row.short_text or "")
        assert row.conflicts == ("shot_type: says 'close_up', decided long shot (90%)",)


def told_for(say: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any]], Any]:
    """The log-probabilities of an answer in one token, where they are asked for."""

    def told(body: dict[str, Any]) -> Any:
        if not body.get("logprobs"):
            return None
        token = {"token": say(body), "logprob": log(0.9)}
        return {"content": [{**token, "top_logprobs": [token]}]}

    return told


def test_only_used_tables_decide_a_caption() -> None:
    """`structured` reads motion where it is there; other scores make no caption anew."""
    structured = CaptionConfig(backend=OpenAiConfig(model="m"), strategy=Structured())
    tables = {lookup.table.name for lookup in read_while_running(CAPTION, structured)}
    assert tables == {"keyframes", "motion"}
    single = structured.model_copy(update={"strategy": Single()})
    assert {lookup.table.name for lookup in read_while_running(CAPTION, single)} == {"keyframes"}


def test_a_form_and_a_trigger_reach_the_row(out: Path, tmp_path: Path) -> None:
    """Values come as JSON, the word is put before the text, and purpose and hash are recorded."""
    form = tmp_path / "form.yaml"
    form.write_text("type: object\nproperties: {caption: {type: string}}\n", "utf-8")
    found, script = ask(
        out,
        {},
        strategy="structured",
        form=str(form),
        model="json",
        style="lora-style",
        trigger="sks",
    )
    assert len(script.bodies) == len(found) == 3
    for row in found:
        assert row.text == "sks, A test card."
        assert row.repairs == ("trigger",)
        assert json.loads(row.structured or "") == {"caption": "A test card."}
        assert (row.strategy, row.style) == ("structured", "lora-style")
