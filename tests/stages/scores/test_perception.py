import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.chat_server import MODEL, Script, serving
from tests.support.pipeline import done, process, rows, stored
from vidcurate.captioning.templates.perceived import (
    ATTRIBUTES,
    container_hints,
    perceived_words,
)
from vidcurate.errors import EmptyResultError
from vidcurate.media.io.frames import read_images
from vidcurate.media.visual.mosaic import mosaics
from vidcurate.records import CLIPS, PERCEPTION, SCANS, VIDEOS
from vidcurate.stages.scores.perception import PERCEPTION_STAGE, PerceptionConfig

QUALITY: dict[str, str] = {**dict.fromkeys(ATTRIBUTES, "none"), "blur": "mild"}


def first_text(body: dict[str, Any]) -> str:
    """The first text of a request."""
    return str(body["messages"][0]["content"][0]["text"])


def images_of(body: dict[str, Any]) -> list[Any]:
    """The pictures of a request."""
    parts = body["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    data = (base64.b64decode(url.partition(",")[2]) for url in urls)
    return [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in data]


def look(body: dict[str, Any]) -> str:
    """A model that finds mild blur, flicker between frames, and no fault in the fragments."""
    words = first_text(body)
    if "still frames" in words:
        return json.dumps({**QUALITY, "text": "Mild blur\n everywhere."})
    is_residual = "absolute difference" in words
    return json.dumps({"words": ["flicker", "flicker"] if is_residual else ["none"]})


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running chat server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(Script(say=look)) as script:
        yield script


@pytest.fixture(scope="module")
def out(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three clips, of which the container alone was read."""
    root = tmp_path_factory.mktemp("perception") / "out"
    process(root, {"perception": {}}, video)
    return root


def asked(script: Script, **changes: object) -> dict[str, object]:
    """Options by which the server is asked."""
    server = {"backend": "openai", "model": "eye", "base_url": script.url, "concurrency": 1}
    return {**server, "max_retries": 0, "backoff_s": 0.001, **changes}


def test_without_a_model_the_container_speaks(out: Path) -> None:
    """Hints are there, and nothing that only a model could say."""
    found = rows(out, PERCEPTION)
    assert len(found) == 3
    for row in found:
        assert row.hints[0] == "low resolution"
        assert row.hints[2:] == ("8-bit colour", "standard frame rate")
        assert (row.quality_text, row.blur, row.residual_words, row.mosaics) == (None, None, (), ())
        assert (row.backend, row.model, row.n_pairs, row.n_requests) == ("container", "", 0, 0)
        assert perceived_words(asdict(row)) == row.hints


def test_a_model_is_asked_three_times_and_told_the_hints(out: Path, script: Script) -> None:
    """Frames, differences and fragments are shown in that order; what it says is in the row."""
    process(out, {"perception": asked(script)})
    assert len(script.bodies) == 9
    for n, words in enumerate(("still frames", "absolute difference", "cut out of one frame")):
        assert words in first_text(script.bodies[n])
        assert "says of itself: low resolution, " in first_text(script.bodies[n])
    # 2 s at two pairs a second: four mosaics each, and four frames at their own size.
    assert [len(images_of(body)) for body in script.bodies[:3]] == [4, 4, 4]
    assert images_of(script.bodies[0])[0].shape == (180, 320, 3)
    assert images_of(script.bodies[1])[0].shape == (224, 224, 3)
    for row in rows(out, PERCEPTION):
        assert row.quality_text == "Mild blur everywhere."
        assert (row.blur, row.noise) == ("mild", "none")
        assert (row.residual_words, row.fragment_words) == (("flicker",), ())
        assert (row.model, row.n_requests, row.n_pairs) == (MODEL, 3, 4)
        assert perceived_words(asdict(row))[-2:] == ("mild blur", "flicker")


def test_mosaics_are_of_the_source_s_own_frames(out: Path, video: Path) -> None:
    """A file that is kept has the pixels that the frames of that pair give."""
    process(out, {"perception": {"keep_mosaics": True, "max_pairs": 2}})
    [scan], [facts] = rows(out, SCANS), rows(out, VIDEOS)
    folder = stored(out, PERCEPTION).folder / "files"
    for clip, row in zip(rows(out, CLIPS), rows(out, PERCEPTION), strict=True):
        assert len(row.mosaics) == 4
        assert row.mosaics[0].startswith(clip.video_id)
        after = int(row.mosaics[0].split("-")[-2])
        step = int(1 / (clip.time_base * 24))
        pair = [after - step, after]
        images = [image for _, image in read_images(video, facts, pair, scan.clock_offsets)]
        made = mosaics(*images)
        for name, wanted in zip(row.mosaics[:2], (made.residual, made.fragment), strict=True):
            found = cv2.imread(str(folder / name))
            assert found is not None
            assert (found[:, :, ::-1] == wanted).all()


def test_answers_that_cannot_be_used_fail_their_clip_alone(out: Path, script: Script) -> None:
    """Prose, and words of no list, are asked once more; then that clip fails with the reason."""
    answers = iter(["It looks fine.", "Really fine.", *[None] * 9])
    script.say = lambda body: next(answers) or look(body)
    process(out, {"perception": asked(script, max_tokens=300)})
    states = done(out, PERCEPTION)
    assert sorted(status for status, _ in states.values()) == ["failed", "ok", "ok"]
    assert any(
        "the answer is not JSON: 'Really fine.'" in (why or "") for _, why in states.values()
    )
    script.say = lambda body: look(body).replace('["flicker", ', '["ugliness", ')
    with pytest.raises(EmptyResultError, match="'ugliness' is not one of"):
        process(out, {"perception": asked(script, max_tokens=301)})


def test_hints_follow_the_container(out: Path) -> None:
    """Bounds are CAMP-VQA's; what the container does not say is left out."""
    [video] = rows(out, VIDEOS)
    full = replace(video, width=1920, height=1080, frame_rate=Fraction(24000, 1001), bit_depth=10)
    hints = container_hints(replace(full, bit_rate=8_000_000))
    assert hints == ("high definition", "high bit rate", "10-bit colour", "standard frame rate")
    assert container_hints(replace(full, bit_rate=0))[1] == "10-bit colour"
    assert container_hints(replace(full, frame_rate=Fraction(15)))[-1] == "low frame rate"
    assert container_hints(replace(full, bit_rate=1_000_000))[1] == "low bit rate"


def test_prompts_decide_the_rows_of_a_model_alone() -> None:
    """A changed prompt gives other rows, but not those of the container."""
    config = PerceptionConfig.model_validate({"backend": "openai", "model": "eye"})
    assert PERCEPTION_STAGE.version.depends(config).count("-") == 4
    assert PERCEPTION_STAGE.version.depends(PerceptionConfig()) == ""
