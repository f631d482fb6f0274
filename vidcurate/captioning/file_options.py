"""Puts the content of prompts and models on disk into a fingerprint, in place of their paths."""

import shlex
from collections.abc import Mapping, Sequence

from vidcurate.captioning.options import CaptionConfig, teacher_config
from vidcurate.captioning.prompts import load_prompt, prompt_names
from vidcurate.models.chat.options import ModelConfig, model_content
from vidcurate.stage import BY_CONTENT


def file_options(config: ModelConfig, backend: str, prompts: Sequence[str]) -> dict[str, str]:
    """The options that name a file or folder: those of `prompts`, and the model.

    The text of a prompt enters the fingerprint by itself.
    """
    values = config.model_dump(include=set(prompts))
    found = {n: BY_CONTENT for n, value in values.items() if value and value not in prompt_names()}
    content = model_content(backend, config.model)
    return {**found, "model": content} if content else found


def caption_file_options(config: CaptionConfig) -> Mapping[str, str]:
    """The same for captions: prompt, form, model and teachers."""
    found = file_options(config, config.backend, ("prompt",))
    if config.form:
        found["form"] = BY_CONTENT
    if config.strategy == "teachers":
        found |= teacher_file_options(config)
    return found


def teacher_file_options(config: CaptionConfig) -> dict[str, str]:
    """The teachers, with the content of each file that one names in place of its path."""
    with_content: list[str] = []
    for teacher in config.teachers:
        asked = teacher_config(config, teacher)
        files = file_options(asked, asked.backend, ("prompt",))
        if "prompt" in files:
            files["prompt"] = load_prompt(asked.prompt).hash
        pairs = (word.partition("=") for word in shlex.split(teacher))
        with_content.append(
            shlex.join(f"{name}={files.get(name, value)}" for name, _, value in pairs)
        )
    as_given = [shlex.join(shlex.split(teacher)) for teacher in config.teachers]
    return {} if with_content == as_given else {"teachers": "\n".join(with_content)}
