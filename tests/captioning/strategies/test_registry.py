import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_server import Script, serving
from tests.support.pipeline import process, rows
from tests.support.tiny_models import save_clip
from tests.support.videos import render
from vidcurate.captioning.options import CaptionConfig
from vidcurate.records import CAPTIONS, Caption
from vidcurate.stage import read_while_running
from vidcurate.stages.captions.caption import CAPTION

TEXTS = {
    "a": "Bars drift to the left.",
    "b": "A fractal grows.",
    "json": '{"caption": "A test card."}',
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


def test_only_used_tables_decide_a_caption() -> None:
    """`structured` reads motion where it is there; other scores make no caption anew."""
    structured = CaptionConfig(backend="openai", model="m", strategy="structured")
    tables = {lookup.table.name for lookup in read_while_running(CAPTION, structured)}
    assert tables == {"keyframes", "motion"}
    single = structured.model_copy(update={"strategy": "single"})
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
