"""What stands in a fingerprint for options that name prompts and models on disk: their content."""

import json
from collections.abc import Mapping, Sequence

from vidcurate.captioning.options import CaptionConfig, Structured, Teachers, teacher_of
from vidcurate.captioning.prompts import load_prompt, prompt_names
from vidcurate.models.chat.options import ModelConfig, model_content
from vidcurate.options import StageConfig, given_options
from vidcurate.stage import BY_CONTENT


def file_options(
    config: StageConfig, chat: ModelConfig | None, prompts: Sequence[str]
) -> dict[str, str]:
    """The options that name a file or folder: those of `prompts`, and the model.

    The text of a prompt enters a fingerprint by itself.
    """
    values = {name: getattr(config, name) for name in prompts}
    found = {n: BY_CONTENT for n, value in values.items() if value and value not in prompt_names()}
    content = model_content(chat) if chat else ""
    return {**found, "model": content} if content else found


def caption_file_options(config: CaptionConfig) -> Mapping[str, str]:
    """The same of captions: prompt, form, model, and what the teachers are."""
    found = file_options(config, config.chat, ("prompt",))
    if isinstance(config.strategy, Structured) and config.strategy.form:
        found["form"] = BY_CONTENT
    if isinstance(config.strategy, Teachers):
        found["teachers"] = identity_of_teachers(config, config.strategy)
    return found


def identity_of_teachers(config: CaptionConfig, strategy: Teachers) -> str:
    """What decides the teachers' texts: options without address and limits, files by content."""
    identities = []
    for teacher in (teacher_of(config, written) for written in strategy.teachers):
        files = file_options(teacher, teacher.backend, ("prompt",))
        if "prompt" in files:
            files["prompt"] = load_prompt(teacher.prompt).hash
        identities.append({**given_options(teacher), **files})
    return json.dumps(identities, sort_keys=True)
