import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.chat_server import MODEL, Script, serving
from tests.support.pipeline import done, files_below, process, rows, states, stored
from tests.support.videos import render
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.text.json_answer import JSON_PROMPTS
from vidcurate.errors import EmptyResultError
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.records import CAPTIONS, KEYFRAMES, Caption

KEY = "sk-secret-51c2e9"
BASE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "keyframes": {"method": "uniform", "count": 2},
}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running chat server, and its key in the environment."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CAPTION_TEST_KEY", KEY)
    with serving(Script()) as script:
        yield script


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A data set of three clips with two keyframes each."""
    video = render(tmp_path / "video.mp4", audio=False)
    process(tmp_path / "out", BASE, video)
    return tmp_path / "out"


def ask(out: Path, script: Script, **changes: object) -> list[Caption]:
    """Caption the data set through the server."""
    caption = {
        "backend": "openai",
        "model": "eye",
        "base_url": script.url,
        "api_key_env": "CAPTION_TEST_KEY",
        "backoff_s": 0.001,
        "concurrency": 1,
        "retries": 1,
        **changes,
    }
    process(out, {**BASE, "caption": caption})
    return rows(out, CAPTIONS)


def test_facts_describe_each_clip(out: Path) -> None:
    """Each caption says what was measured of its own clip, without model, prompt or frames."""
    process(out, {"caption": {}})
    found = rows(out, CAPTIONS)
    assert [(c.backend, c.style, c.prompt_hash, c.frame_times_s, c.status) for c in found] == [
        ("facts", "general", "", (), "ok")
    ] * 3
    texts = [c.text for c in found]
    assert len(set(texts)) == 3
    assert all(t.startswith("The picture is ") for t in texts)
    assert sum("Nothing moves" in t or "Almost nothing moves" in t for t in texts) == 1
    assert sum("mostly green" in t for t in texts) == 1


def test_facts_follow_the_style(out: Path) -> None:
    """A LoRA style begins with its word, once, and notes no repair."""
    process(out, {"caption": {"style": "lora-character", "trigger": "ohwx"}})
    for caption in rows(out, CAPTIONS):
        assert caption.text.startswith("ohwx, ")
        assert "." not in caption.text
        assert (caption.style, caption.repairs) == ("lora-character", ())


def test_facts_without_scores_are_shorter(tmp_path: Path, video: Path) -> None:
    """Where nothing was measured, sharpness and motion are not spoken of, and nothing measures."""
    out = tmp_path / "out"
    counts = process(out, {"split": {"min_clip_s": 1.0}, "caption": {}}, video)
    assert "quality" not in counts
    assert "keyframes" not in counts
    for caption in rows(out, CAPTIONS):
        assert caption.text.startswith("The picture is ")
        assert "crisp" not in caption.text
        assert "move" not in caption.text


def test_the_server_sees_each_clips_frames(out: Path, script: Script) -> None:
    """A request holds the prompt and the clip's own keyframes; the row says what made it."""
    captions = ask(out, script)
    used = [load_prompt(n) for n in ("describe", *JSON_PROMPTS, "style-general", "detail-detailed")]
    keyframes = rows(out, KEYFRAMES)
    assert len(script.bodies) == 3
    for caption, keyframe_row in zip(captions, keyframes, strict=True):
        assert caption.clip_id == keyframe_row.clip_id
        assert caption.frame_times_s == tuple(k.time_s for k in keyframe_row.keyframes)
        assert (caption.backend, caption.model, caption.prompt_hash) == (
            *("openai", MODEL),
            "-".join(prompt.hash for prompt in used),
        )
        assert (caption.prompt_tokens, caption.completion_tokens) == (11, 5)
    shown = [images(body) for body in script.bodies]
    folder = stored(out, KEYFRAMES).files
    by_time = sorted(keyframes, key=lambda row: row.keyframes[0].pts)
    for sent, keyframe_row in zip(shown, by_time, strict=True):
        for image, keyframe in zip(sent, keyframe_row.keyframes, strict=True):
            saved = cv2.imread(str(folder / keyframe.file))
            assert saved is not None
            assert np.abs(image.astype(int) - saved).mean() < 4


def images(body: dict[str, Any]) -> list[Any]:
    """The pictures of a request."""
    parts = [p for m in body["messages"] for p in m["content"] if p["type"] == "image_url"]
    files = [base64.b64decode(p["image_url"]["url"].partition(",")[2]) for p in parts]
    return [cv2.imdecode(np.frombuffer(f, np.uint8), cv2.IMREAD_COLOR) for f in files]


def test_a_missing_keyframe_costs_its_own_row(out: Path, script: Script) -> None:
    """A clip whose keyframe was removed fails with the reason; the others are captioned."""
    lost = rows(out, KEYFRAMES)[1]
    (stored(out, KEYFRAMES).files / lost.keyframes[0].file).unlink()
    captions = ask(out, script)
    assert lost.clip_id not in {c.clip_id for c in captions}
    assert len(captions) == len(script.bodies) == 2
    status, reason = done(out, CAPTIONS)[lost.clip_id]
    assert status == "failed"
    assert lost.keyframes[0].file in str(reason)
    assert "gone" in str(reason)


def test_a_clip_without_keyframes_fails(out: Path, script: Script) -> None:
    """Where no keyframes could be made, the caption says so instead of guessing."""
    video = out.parent / "video.mp4"
    video.rename(video.with_suffix(".away"))
    with pytest.raises(EmptyResultError, match="the video is gone"):
        process(out, {**BASE, "keyframes": {"format": "webp"}})
    caption = {"backend": "openai", "model": "eye", "base_url": script.url}
    with pytest.raises(EmptyResultError):
        process(out, {"caption": caption})
    assert not script.bodies
    assert set(done(out, CAPTIONS).values()) == {
        ("failed", "the clip has no keyframes: see rows keyframes --failed")
    }


@pytest.mark.parametrize(
    ("mode", "reason"), [("refusal", "refused"), ("empty", "empty"), ("400", "status 400")]
)
def test_a_bad_answer_costs_its_own_row(out: Path, script: Script, mode: str, reason: str) -> None:
    """A refusal, silence or a refused request fails that clip; the others are captioned."""
    script.modes = [mode]
    assert len(ask(out, script, retries=0)) == 2
    reasons = [r for status, r in done(out, CAPTIONS).values() if status == "failed"]
    assert len(reasons) == 1
    assert reason in str(reasons[0])


def test_a_truncated_answer_is_kept_and_marked(out: Path, script: Script) -> None:
    """An answer cut off by max_tokens is a row whose status says so."""
    script.modes = ["length"]
    assert sorted(c.status for c in ask(out, script)) == ["ok", "ok", "truncated"]


def test_the_key_is_written_nowhere(out: Path, script: Script) -> None:
    """A server that repeats the key in its errors does not bring it into any file."""
    script.modes = ["400", "500", "500"]
    assert len(ask(out, script)) == 1
    assert script.headers[0]["authorization"] == f"Bearer {KEY}"
    reasons = [r for status, r in done(out, CAPTIONS).values() if status == "failed"]
    assert all("Bearer ***" in str(reason) for reason in reasons)
    for file in files_below(out):
        assert KEY.encode() not in file.read_bytes(), file
        if file.suffix == ".parquet":
            assert KEY not in repr(pq.read_table(file, partitioning=None).to_pylist()), file


def test_failed_captions_are_tried_again_on_request(out: Path, script: Script) -> None:
    """A second run asks for nothing; with retry_failed only the failed clip is asked again."""
    script.modes = ["400"]
    assert len(ask(out, script)) == 2
    assert len(ask(out, script)) == 2
    assert len(script.bodies) == 3
    process(out, {"caption": recorded(script)}, run_options=RunOptions(retry_failed=True))
    assert len(script.bodies) == 4
    assert len(rows(out, CAPTIONS)) == 3


def recorded(script: Script) -> dict[str, Any]:
    """The options of `ask`."""
    return {"backend": "openai", "model": "eye", "base_url": script.url, "retries": 1}


def test_another_server_asks_nothing_again(out: Path, script: Script) -> None:
    """How and where the server is asked decides no text: captions stay; a new prompt's do not."""
    ask(out, script)
    before = states(stored(out, CAPTIONS).folder)
    ask(out, script, concurrency=2, timeout_s=9, base_url=script.url + "/")
    assert len(script.bodies) == 3
    assert states(stored(out, CAPTIONS).folder) == before
    ask(out, script, prompt=str(prompt_file(out)))
    assert len(script.bodies) == 6


def prompt_file(out: Path) -> Path:
    """A prompt of one's own."""
    file = out.parent / "prompt.txt"
    file.write_text("What is seen in these {duration_s} seconds?", "utf-8")
    return file


def test_facts_need_no_keyframes_folder(out: Path) -> None:
    """Captions from facts do not depend on removed keyframes."""
    for file in files_below(stored(out, KEYFRAMES).files):
        file.unlink()
    process(out, {"caption": {}})
    assert len(rows(out, CAPTIONS)) == 3
