import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vidcurate.stage import fingerprint
from vidcurate.stages import STAGES

BY_NAME = {stage.name: stage for stage in STAGES}
MODEL = {"backend": "transformers", "model": "O/N"}
CLIP_MODEL = {"backend": "open_clip", "model": "ViT-B-32"}
TEACHERS = {**MODEL, "strategy": "teachers"}
FORM = {"type": "object", "properties": {"caption": {"type": "string"}}}


def text(folder: Path, words: str) -> str:
    """A text file."""
    file = folder / "named.txt"
    file.write_text(f"Describe {words} in {{language}}.\n", "utf-8")
    return str(file)


def form(folder: Path, words: str) -> str:
    """A form."""
    file = folder / "form.yaml"
    file.write_text(json.dumps({**FORM, "description": words}), "utf-8")
    return str(file)


def weights(folder: Path, words: str) -> str:
    """A file of weights."""
    file = folder / "weights.bin"
    file.write_text(words, "utf-8")
    return str(file)


def model(folder: Path, words: str) -> str:
    """A model's folder."""
    weights(folder, words)
    return str(folder)


# How each option that names a file or folder is written, and what it names.
NAMED: dict[str, tuple[str, Callable[[str], dict[str, Any]], Callable[[Path, str], str]]] = {
    "caption.model": ("caption", lambda p: {**MODEL, "model": p}, model),
    "caption.model of vllm": ("caption", lambda p: {"backend": "vllm", "model": p}, model),
    "caption.prompt": ("caption", lambda p: {**MODEL, "prompt": p}, text),
    "caption.form": ("caption", lambda p: {**MODEL, "strategy": "structured", "form": p}, form),
    "caption.teachers' model": (
        "caption",
        lambda p: {**TEACHERS, "teachers": ["prompt=motion", {"model": p}]},
        model,
    ),
    "caption.teachers' prompt": (
        "caption",
        lambda p: {**TEACHERS, "teachers": ["prompt=motion", {"prompt": p}]},
        text,
    ),
    "judge.model": ("judge", lambda p: {**MODEL, "model": p}, model),
    "judge.prompt": ("judge", lambda p: {**MODEL, "prompt": p}, text),
    "refine.model": ("refine", lambda p: {**MODEL, "model": p}, model),
    "refine.prompt": ("refine", lambda p: {**MODEL, "prompt": p}, text),
    "story.model": ("story", lambda p: {**MODEL, "model": p}, model),
    "story.scene_prompt": ("story", lambda p: {**MODEL, "scene_prompt": p}, text),
    "story.video_prompt": ("story", lambda p: {**MODEL, "video_prompt": p}, text),
    "embed.model": ("embed", lambda p: {**CLIP_MODEL, "model": f"local-dir:{p}"}, model),
    "embed.pretrained": ("embed", lambda p: {**CLIP_MODEL, "pretrained": p}, weights),
    "safety.model": ("safety", lambda p: {**MODEL, "model": p}, model),
    "watermark.model": ("watermark", lambda p: {**MODEL, "model": p}, model),
    "tags.labels": ("tags", lambda p: {"backend": "open_clip", "labels": ["a", p]}, text),
    "aesthetic.head": ("aesthetic", lambda p: {"head": p}, weights),
}


@pytest.mark.parametrize(("stage", "options", "write"), NAMED.values(), ids=NAMED.keys())
def test_the_content_of_a_named_file_decides(
    stage: str,
    options: Callable[[str], dict[str, Any]],
    write: Callable[[Path, str], str],
    tmp_path: Path,
) -> None:
    """What lies under a path counts, and not the path: a moved copy makes nothing anew."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()

    def made(path: str) -> str:
        config = BY_NAME[stage].config.model_validate(options(path))
        return fingerprint(BY_NAME[stage], config, {})

    before = made(write(tmp_path / "here", "one"))
    assert made(write(tmp_path / "there", "one")) == before
    assert made(write(tmp_path / "here", "another")) != before
