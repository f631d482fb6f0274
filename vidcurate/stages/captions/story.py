"""story: writes a text for each whole video, from the captions of its clips by way of scenes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vidcurate.captioning.file_options import file_options
from vidcurate.captioning.prompts import TOLD, load_prompt
from vidcurate.captioning.strategies.hierarchical import SummaryPrompts, summarise_video
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Conversation
from vidcurate.models.chat.options import ChatModelConfig, revision_of
from vidcurate.options import StageConfig, option
from vidcurate.records import OUTLINES, STORIES, Outline, Story
from vidcurate.stage import Cost, MapStage, Version, Workspace


class StoryConfig(ChatModelConfig):
    """Who tells the videos, and how they are asked."""

    scene_prompt: str = option(
        "scene", "Name of a built-in prompt, or a text file, that joins clips into a scene"
    )
    video_prompt: str = option(
        "video", "Name of a built-in prompt, or a text file, that joins scenes into the video"
    )
    language: str = option("English", "Language of the texts", min_length=2)
    max_prompt_chars: int = option(
        12_000,
        "Length limit of the clips' or scenes' texts in one request",
        unit="characters",
        ge=500,
    )


@dataclass(frozen=True, slots=True)
class StoryWriter:
    """The opened model and its prompts."""

    model: ChatModel
    prompts: SummaryPrompts


def open_writer(config: StoryConfig, _workspace: Workspace) -> StoryWriter:
    """Open the model, once a worker."""
    return StoryWriter(open_chat_model(config.backend), summary_prompts(config))


def summary_prompts(config: StoryConfig) -> SummaryPrompts:
    """Load the prompts that the options name.

    Raises UsageError for a prompt that cannot be used.
    """
    scene, video = (load_prompt(name, TOLD) for name in (config.scene_prompt, config.video_prompt))
    return SummaryPrompts(scene, video, config.language, config.max_prompt_chars)


def story(
    outlines: Sequence[Outline], config: StoryConfig, writer: StoryWriter, _workspace: Workspace
) -> Iterator[list[Story] | MediaError]:
    """Write one text for each video, or give the reason why there is none."""
    conversations = (write_story(outline, config, writer.prompts) for outline in outlines)
    for result in writer.model.converse(conversations):
        yield result if isinstance(result, MediaError) else [result]


def write_story(
    outline: Outline, config: StoryConfig, prompts: SummaryPrompts
) -> Conversation[Story]:
    """Hold the conversation about one video."""
    usage = Usage()
    summary = yield from count_usage(summarise_video(outline.scenes, prompts), usage)
    return Story(
        outline_id=outline.outline_id,
        video_id=outline.video_id,
        text=summary.text,
        scenes=summary.scenes,
        gaps=summary.gaps,
        status=summary.status,
        language=config.language,
        backend=config.backend.name,
        model=usage.model,
        revision=revision_of(config.backend),
        prompt_hash=prompt_text(config),
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
    )


def files_named(config: StoryConfig) -> Mapping[str, str]:
    """The options that name prompts or a model on disk."""
    return file_options(config, config.backend, ("scene_prompt", "video_prompt"))


def prompt_text(config: StoryConfig) -> str:
    """The hashes of the prompts: another text gives other stories, whatever its file is called."""
    prompts = summary_prompts(config)
    return f"{prompts.scene.hash}-{prompts.video.hash}"


def can_ask(config: StoryConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where the backend cannot run."""
    chat_model.check_chat_model("story", config.backend)


STORY = MapStage(
    name="story",
    summary="Write a text for each video from the captions of its clips.",
    reads=OUTLINES,
    writes=STORIES,
    config=StoryConfig,
    open=open_writer,
    run=story,
    check=can_ask,
    rows_per_part=32,
    cost=Cost(
        resources=chat_model.stage_resources,
        requests=chat_model.stage_requests,
        advice="a longer outline.max_scene_s, or a smaller story.max_tokens",
    ),
    version=Version(depends=prompt_text, contents=files_named),
)
