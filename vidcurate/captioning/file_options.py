"""Puts the content of prompts and models on disk into a fingerprint, in place of their paths."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from vidcurate.captioning.forms import form_names
from vidcurate.captioning.options import (
    CaptionConfig,
    Shots,
    Structured,
    Teachers,
    expert_pairs,
    teacher_of,
)
from vidcurate.captioning.prompts import load_prompt, prompt_names
from vidcurate.models.chat.options import ModelConfig, model_content
from vidcurate.options import StageConfig, given_options
from vidcurate.stage import BY_CONTENT
from vidcurate.store.digests import content_hash


def file_options(
    config: StageConfig, chat: ModelConfig | None, prompts: Sequence[str]
) -> dict[str, str]:
    """The options that name a file or folder: those of `prompts`, and the model.

    The text of a prompt enters the fingerprint by itself.
    """
    found = prompts_by_content({name: getattr(config, name) for name in prompts})
    content = model_content(chat) if chat else ""
    return {**found, "model": content} if content else found


def prompts_by_content(named: Mapping[str, str]) -> dict[str, str]:
    """The options that name a prompt in a file, of those `named` with their values."""
    return {n: BY_CONTENT for n, value in named.items() if value and value not in prompt_names()}


def caption_file_options(config: CaptionConfig) -> Mapping[str, str]:
    """The same for captions: prompt, form, model and teachers."""
    found = file_options(config, config.chat, ("prompt",))
    strategy = config.strategy
    if isinstance(strategy, Structured) and strategy.form not in ("", *form_names()):
        found["form"] = BY_CONTENT
    if isinstance(strategy, Shots) and strategy.experts:
        found["experts"] = json.dumps(identity_of_experts(strategy), sort_keys=True)
    if isinstance(config.strategy, Teachers):
        found["teachers"] = identity_of_teachers(config, config.strategy)
    return found


def identity_of_experts(strategy: Shots) -> dict[str, str]:
    """The classifier of each field: the content of a folder, or a name on the hub."""
    return {
        field: content_hash(Path(model)) or model for field, model in expert_pairs(strategy.experts)
    }


def identity_of_teachers(config: CaptionConfig, strategy: Teachers) -> str:
    """The teachers, with the content of each file that one names in place of its path."""
    identities = []
    for teacher in (teacher_of(config, written) for written in strategy.teachers):
        files = file_options(teacher, teacher.backend, ("prompt",))
        if "prompt" in files:
            files["prompt"] = load_prompt(teacher.prompt).hash
        identities.append({**given_options(teacher), **files})
    return json.dumps(identities, sort_keys=True)
