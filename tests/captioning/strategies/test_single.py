import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.conversations import Model, caption_by, reply
from vidcurate.captioning.clip_input import CaptionText
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.strategies.registry import prompts_of
from vidcurate.captioning.text.trigger import with_trigger


def test_one_request_holds_all_frames() -> None:
    """The prompt comes first, then each frame after its number and its time in the clip."""
    model = Model([reply("A hare runs.")])
    assert caption_by(model).text == "A hare runs."
    _, first, _, second, _ = model.requests[0].parts
    assert (first, second) == ("Frame 1 of 2, at 0.50 s:", "Frame 2 of 2, at 3.00 s:")


def test_brief_and_detailed_in_one_answer() -> None:
    """One request gives two texts; the brief one is the row's short text."""
    model = Model([reply(json.dumps({"brief": "A hare.", "detailed": "A grey hare runs."}))])
    result = caption_by(model, detail="both")
    assert (result.text, result.short_text) == ("A grey hare runs.", "A hare.")
    assert len(model.requests) == 1


def test_detail_decides_the_prompt() -> None:
    """A brief caption is asked for as one sentence, a detailed one as a paragraph."""
    wanted = {}
    for detail in ("brief", "detailed"):
        model = Model([reply("A hare.")])
        caption_by(model, detail=detail)
        wanted[detail] = model.texts()[0]
    assert "one plain sentence" in wanted["brief"]
    assert "one plain paragraph" in wanted["detailed"]


def asked(**options: Any) -> str:
    """The prompt of `single` with these options."""
    model = Model([reply("sks, a hare runs.")])
    caption_by(model, None, None, **options)
    return model.texts()[0]


def test_styles_ask_for_other_things() -> None:
    """Each purpose has its own words in the prompt, and LoRA styles call their word."""
    styles = ("general", "text-to-video", "video-llm")
    loras = ("lora-character", "lora-style", "lora-motion")
    prompts = [asked(style=style) for style in styles]
    prompts += [asked(style=style, trigger="sks") for style in loras]
    assert len(set(prompts)) == len(prompts)
    assert "angle and movement of the camera" in prompts[1]
    assert all("Leave out" in prompt and "called sks" in prompt for prompt in prompts[3:])
    assert not any("{" in prompt for prompt in prompts)


@pytest.mark.parametrize("strategy", ["single", "structured", "motion-detail", "teachers"])
def test_every_prompt_names_language_and_style(strategy: str) -> None:
    """The prompts of each strategy take in the language and the purpose."""
    options: dict[str, object] = {"backend": "openai", "model": "m", "strategy": strategy}
    if strategy == "teachers":
        options["teachers"] = ("model=a", "model=b")
    prompts = prompts_of(CaptionConfig.model_validate(options))
    texts = [prompt.text for prompt in prompts.values()]
    assert any("{language}" in text for text in texts)
    assert "style" in prompts


def test_language_is_any_name() -> None:
    """The prompt names the language in the user's own words."""
    assert "in Swiss German" in asked(language="Swiss German")


def test_the_trigger_is_in_every_caption() -> None:
    """A text in which a model left the word out begins with it; one that has it stays."""
    found = with_trigger(CaptionText("A hare runs.", "ok", short_text="A sks."), "sks")
    assert (found.text, found.short_text) == ("sks, A hare runs.", "A sks.")
    assert found.repairs == ("trigger",)
    kept = CaptionText("The sks hare.", "ok")
    assert with_trigger(kept, "sks") is kept
    assert with_trigger(CaptionText("A risks.", "ok"), "sks").text == "sks, A risks."


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "openai", "model": "m", "style": "lora-style"}, "needs a trigger"),
        ({"language": "French"}, "only backend openai, transformers or vllm takes language"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, str], words: str) -> None:
    """A LoRA style without a word and facts in another language are refused at the start."""
    with pytest.raises(ValidationError, match=words):
        CaptionConfig.model_validate(options)
