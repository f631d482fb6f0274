import json

import pytest

from tests.support.talks import CLIP, FRAMES, Model, says, told
from vidcurate.captioning.material import Material, Told
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.strategies.registry import STRATEGIES, prompts_of
from vidcurate.captioning.voice_over import Voice
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import hold

SCENE = {
    "title": "The  hare",
    "shot_type": "wide shot",
    "camera_movement": "static",
    "content": "A hare crosses\na meadow.",
}


def voiced(voice: Voice | None, **options: int) -> tuple[Told, Model]:
    """What the strategy makes of a clip with a voice, and the model that was asked."""
    config = CaptionConfig(backend="openai", model="eye", strategy="script", **options)
    material = Material(CLIP, FRAMES, {}, prompts_of(config), config, voice=voice)
    model = Model([says(json.dumps(SCENE))])
    result = hold(STRATEGIES["script"].talk(material), model.ask)
    assert isinstance(result, Told)
    return result, model


def test_a_scene_is_told_without_a_voice() -> None:
    """The content is the text, the whole is kept, and nothing is said of a voice-over."""
    result, model = voiced(None)
    assert result.text == "A hare crosses a meadow."
    assert result.structured == {
        "title": "The hare",
        "shot_type": "wide shot",
        "camera_movement": "static",
        "content": "A hare crosses a meadow.",
        "voice_over": None,
    }
    assert "<heard>" not in model.texts()[0]


def test_the_voice_over_is_the_subtitles_own() -> None:
    """The model is told the words; the row has them as the file does, with the file's faults."""
    result, model = voiced(Voice("Look, {Bob}! The hare.", "abc", ("2 cues skipped",)))
    assert "<heard>\nLook, {Bob}! The hare.\n</heard>" in model.texts()[0]
    assert result.structured["voice_over"] == "Look, {Bob}! The hare."
    assert result.repairs == ("2 cues skipped",)


def test_a_long_voice_is_cut_for_the_model_only() -> None:
    """The request stays within its bound; the row keeps all that is heard."""
    words = "word " * 1000
    result, model = voiced(Voice(words, "abc", ()), max_prompt_chars=500)
    assert model.texts()[0].count("word ") == 100
    assert result.structured["voice_over"] == words


def test_silence_in_the_clip_is_no_voice() -> None:
    """A video with subtitles, none of them in the clip, gives no voice-over."""
    result, model = voiced(Voice("", "abc", ()))
    assert result.structured["voice_over"] is None
    assert "<heard>" not in model.texts()[0]


def test_a_scene_without_content_fails() -> None:
    """Blank content is asked of nobody again: there is no caption."""
    with pytest.raises(MediaError, match="no content"):
        told(Model([says(json.dumps({**SCENE, "content": " \n"}))]), strategy="script")
