"""What a chat model that hears says of the sound of clips, and of their music alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.sent_sound import beginning_of, is_audible, sounds_of
from vidcurate.captioning.sound_texts import SoundPrompts, SoundTexts, describe_sound
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.errors import MediaError
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Conversation
from vidcurate.models.chat.options import ModelConfig
from vidcurate.records import SCANS, SOURCES, VIDEOS, Clip, Sounds
from vidcurate.stage import Drop, Workspace
from vidcurate.stages.scores.sound_kinds import NO_SOUND
from vidcurate.stages.scores.sounds_options import SoundsConfig


@dataclass(frozen=True, slots=True)
class SoundWriter:
    """The opened model, and what it is asked."""

    model: ChatModel
    prompts: SoundPrompts


def open_sound_writer(chat: ModelConfig, config: SoundsConfig) -> SoundWriter:
    """Open the model; raises UsageError for a prompt that cannot be used."""
    return SoundWriter(open_chat_model(chat), sound_prompts(config))


def sound_prompts(config: SoundsConfig) -> SoundPrompts:
    """Load the prompts that the options name; raises UsageError for one that cannot be used."""
    music = load_prompt(config.music_prompt) if config.music else None
    return SoundPrompts(load_prompt(config.sound_prompt), music, config.language)


def describe_clips(
    clips: Sequence[Clip], config: SoundsConfig, writer: SoundWriter, workspace: Workspace
) -> Iterator[list[Sounds] | Drop | MediaError]:
    """Describe the sound of each clip; those of videos without sound are dropped."""
    videos = workspace.lookup(VIDEOS)
    audible = [clip for clip in clips if videos[clip.video_id].audio_index is not None]
    rows = writer.model.converse(
        describe_clip(clip, config, writer.prompts, workspace) for clip in audible
    )
    for clip in clips:
        if videos[clip.video_id].audio_index is None:
            yield Drop(NO_SOUND)
            continue
        row = next(rows)
        yield row if isinstance(row, MediaError) else [row]


def describe_clip(
    clip: Clip, config: SoundsConfig, prompts: SoundPrompts, workspace: Workspace
) -> Conversation[Sounds]:
    """Prepare the conversation about one clip; its sound is decoded when it begins."""
    video, source = (
        workspace.lookup(VIDEOS)[clip.video_id],
        workspace.lookup(SOURCES)[clip.video_id],
    )
    offsets = workspace.lookup(SCANS)[clip.video_id].clock_offsets

    def conversation() -> Conversation[Sounds]:
        sounds = sounds_of(beginning_of(clip, config.max_heard_s), video, source, offsets)
        heard_s = sum(sound.end_s - sound.start_s for sound in sounds)
        usage, texts = Usage(), SoundTexts()
        if any(is_audible(sound) for sound in sounds):
            texts = yield from count_usage(describe_sound(sounds, heard_s, prompts), usage)
        return row_of(clip, texts, heard_s, usage, config, prompts)

    return conversation()


def row_of(
    clip: Clip,
    texts: SoundTexts,
    heard_s: float,
    usage: Usage,
    config: SoundsConfig,
    prompts: SoundPrompts,
) -> Sounds:
    """Make a clip's row of what the model said."""
    assert isinstance(config.backend, ModelConfig)
    return Sounds(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        backend=config.backend.name,
        model=usage.model or config.backend.model,
        heard_s=heard_s,
        top_label=None,
        top_probability=None,
        labels=(),
        probabilities=(),
        spans=(),
        speech_share=None,
        singing_share=None,
        music_share=None,
        sound_text=texts.sound,
        music_text=texts.music,
        prompt_hash=prompts.hash,
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
    )
