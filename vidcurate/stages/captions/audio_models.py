"""Says before a run what the measure `audio` lacks."""

from collections.abc import Mapping

from vidcurate.captioning.quality.audio_agreement import NO_MODEL, NO_VECTORS
from vidcurate.models.audio.sound_text import check_sound_text_model
from vidcurate.models.vision.clip_embedder import check_choice
from vidcurate.options import StageConfig
from vidcurate.stages.sources.embed import EmbedConfig, OpenClipEmbedConfig, chosen


def lacking_for_audio(sound_model: str, others: Mapping[str, StageConfig]) -> list[str]:
    """Why the measure will be null.

    Raises MissingExtraError or UsageError where a model that is named cannot be loaded.
    """
    lines = []
    embedding = others.get("embed")
    if isinstance(embedding, EmbedConfig) and isinstance(embedding.backend, OpenClipEmbedConfig):
        check_choice(chosen(embedding))
    else:
        lines.append(f"audio is null: {NO_VECTORS}")
    if sound_model:
        check_sound_text_model(sound_model)
    else:
        lines.append(f"audio is null: {NO_MODEL}")
    return lines
