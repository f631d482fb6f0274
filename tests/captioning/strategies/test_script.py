import json

import pytest

from tests.support.conversations import CLIP, FRAMES, Model, caption_by, reply
from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.options import CaptionConfig, Script
from vidcurate.captioning.strategies.registry import STRATEGIES, prompts_of
from vidcurate.captioning.voice_over import VoiceOver
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import run_conversation
from vidcurate.models.chat.options import OpenAiConfig

SCENE = {
    "title": "The  hare",
    "shot_type": "wide shot",
    "camera_movement": "static",
    "content": "A hare crosses\na meadow.",
}


def voiced(voice_over: VoiceOver | None, **options: int) -> tuple[CaptionText, Model]:
    """What the strategy makes of a clip with a voice, and the model that was asked."""
    config = CaptionConfig(backend=OpenAiConfig(model="eye"), strategy=Script(**options))
    clip_input = ClipInput(CLIP, FRAMES, {}, prompts_of(config), config, voice_over=voice_over)
    model = Model([reply(json.dumps(SCENE))])
    result = run_conversation(STRATEGIES["script"].converse(clip_input), model.ask)
    assert isinstance(result, CaptionText)
    return result, model


def test_a_scene_needs_no_voice_over() -> None:
    """The content is the text, the whole is kept, and the prompt mentions no voice-over."""
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
    """The prompt has the words; the row has them as in the file, with the file's faults."""
    result, model = voiced(VoiceOver("Look, {Bob}! The hare.", "abc", ("2 cues skipped",)))
    assert "<heard>\nLook, {Bob}! The hare.\n</heard>" in model.texts()[0]
    assert result.structured["voice_over"] == "Look, {Bob}! The hare."
    assert result.repairs == ("2 cues skipped",)


def test_a_long_voice_is_cut_for_the_model_only() -> None:
    """The request stays within its bound; the row keeps all that is heard."""
    words = "word " * 1000
    result, model = voiced(VoiceOver(words, "abc", ()), max_prompt_chars=500)
    assert len(model.texts()[0].split("<heard>\n")[1].split("\n</heard>")[0]) == 499
    assert result.structured["voice_over"] == words


def test_silence_in_the_clip_is_no_voice() -> None:
    """A video with subtitles, none of them in the clip, gives no voice-over."""
    result, model = voiced(VoiceOver("", "abc", ()))
    assert result.structured["voice_over"] is None
    assert "<heard>" not in model.texts()[0]


def test_a_scene_without_content_fails() -> None:
    """Blank content is not requested again: there is no caption."""
    with pytest.raises(MediaError, match="no content"):
        caption_by(Model([reply(json.dumps({**SCENE, "content": " \n"}))]), strategy="script")
