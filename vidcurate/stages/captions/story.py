"""story: a text for each whole video, from the captions of its clips by way of its scenes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vidcurate.captioning.named_files import named_files
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.strategies.hierarchical import Narrator, narrate
from vidcurate.captioning.usage import Spent, metered
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Conversation
from vidcurate.models.chat.options import ModelConfig
from vidcurate.records import OUTLINES, STORIES, Outline, Story
from vidcurate.stage import (
    Cost,
    MapStage,
    RequestEstimate,
    Resources,
    StageConfig,
    Version,
    Workspace,
    option,
)


class StoryConfig(ModelConfig):
    """Who tells the videos, and how they are asked."""

    backend: Literal["openai", "transformers", "vllm"] = option(
        "openai", "openai: any OpenAI-style server; transformers, vllm: a model in this process"
    )
    scene_prompt: str = option("scene", "A prompt by name, or a text file: clips into a scene")
    video_prompt: str = option("video", "A prompt by name, or a text file: scenes into the video")
    language: str = option("English", "Language of the texts", min_length=2)
    max_prompt_chars: int = option(
        12_000,
        "Most text of clips or scenes in one request",
        unit="characters",
        flag="--prompt-chars",
        ge=500,
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """The model that tells, and how it is asked."""

    model: ChatModel
    narrator: Narrator


def open_desk(config: StoryConfig, _workspace: Workspace) -> Desk:
    """The backend, opened once a worker."""
    return Desk(open_chat_model(config.backend, config.model_dump()), narrator_of(config))


def narrator_of(config: StoryConfig) -> Narrator:
    """How videos are told by these options.

    Raises UsageError for a prompt that cannot be used.
    """
    scene, video = load_prompt(config.scene_prompt), load_prompt(config.video_prompt)
    return Narrator(scene, video, config.language, config.max_prompt_chars)


def story(
    outlines: Sequence[Outline], config: StoryConfig, desk: Desk, _workspace: Workspace
) -> Iterator[list[Story] | MediaError]:
    """One text for each video, or the reason why there is none."""
    for result in desk.model.converse(tell(outline, config, desk.narrator) for outline in outlines):
        yield result if isinstance(result, MediaError) else [result]


def tell(outline: Outline, config: StoryConfig, narrator: Narrator) -> Conversation[Story]:
    """The conversation about one video."""
    spent = Spent()
    told = yield from metered(narrate(outline.scenes, narrator), spent)
    return Story(
        outline_id=outline.outline_id,
        video_id=outline.video_id,
        text=told.text,
        scenes=told.scenes,
        gaps=told.gaps,
        status=told.status,
        language=config.language,
        backend=config.backend,
        model=spent.model,
        revision=config.revision,
        prompt_hash=prompt_text(config),
        n_requests=spent.n_requests,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        seconds=spent.seconds,
    )


def files_named(config: StoryConfig) -> Mapping[str, str]:
    """The options that name prompts or a model on disk."""
    return named_files(config, config.backend, ("scene_prompt", "video_prompt"))


def prompt_text(config: StoryConfig) -> str:
    """The prompts' hashes: another text gives other stories, whatever its file is called."""
    narrator = narrator_of(config)
    return f"{narrator.scene.hash}-{narrator.video.hash}"


def can_ask(config: StoryConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where there is nobody to write."""
    chat_model.check_chat_model("story", config.backend, config)


def asked(config: StoryConfig) -> RequestEstimate:
    """Who tells the videos: one request a video, and one for each scene of several clips."""
    return chat_model.asks(config.backend, config)


def seats(config: StoryConfig) -> Resources:
    """What a worker takes that asks the model."""
    return chat_model.seats([config.backend])


STORY = MapStage(
    name="story",
    summary="Write a text for each video from the captions of its clips.",
    reads=OUTLINES,
    writes=STORIES,
    config=StoryConfig,
    open=open_desk,
    run=story,
    check=can_ask,
    rows_per_part=32,
    cost=Cost(
        resources=seats,
        requests=asked,
        advice="a longer outline.scene_s, or a smaller story.max_tokens",
    ),
    version=Version(depends=prompt_text, contents=files_named),
)
