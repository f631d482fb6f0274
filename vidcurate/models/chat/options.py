"""The options of a chat model, by the backend that answers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from vidcurate.options import Choice, StageConfig, choice, choices_of, option
from vidcurate.store.digests import content_hash

BACKENDS_IN_WORDS = (
    "openai: any server with OpenAI's protocol; transformers, vllm: a model in this process"
)


class NamedModel(Choice):
    """Which model does the work."""

    model: str = option(
        "",
        "The model: a name of the config file's models section, a name that the server knows, "
        "OWNER/NAME on the hub, or a folder with weights",
    )


class HubModel(NamedModel):
    """A model of the hub, or in a folder."""

    revision: str = option("", "Branch, tag or commit of a model on the hub; the newest if empty")


class ModelConfig(NamedModel):
    """Which model answers, and how."""

    max_tokens: int = option(512, "Length limit of an answer", unit="tokens", ge=1)
    temperature: float | None = option(
        0.0,
        "Randomness of the answers; 0 is none at all, none is the model's own default",
        ge=0,
        le=2,
    )
    max_image_side: int = option(
        1024, "Keyframes are shrunk to this long side for the model", unit="pixels", ge=64
    )
    hears: bool = option(
        False,
        "The model takes sound: captions ask it about the sound itself",
        neutral="default",
    )


class ServerConfig(Choice):
    """A server with OpenAI's protocol, and how it is asked."""

    base_url: str = option("http://localhost:8000/v1", "Address of the server", neutral=True)
    concurrency: int = option(8, "Requests at the same time", neutral=True, ge=1, le=1024)
    timeout_s: float = option(
        120.0, "Time limit of one request", unit="seconds", neutral=True, gt=0
    )
    max_retries: int = option(4, "Retries of a request that failed", neutral=True, ge=0, le=20)
    backoff_s: float = option(
        1.0,
        "Wait before the first retry; each later retry waits twice as long as the one before",
        unit="seconds",
        neutral=True,
        ge=0,
    )
    max_wait_s: float = option(
        300.0,
        "How long requests wait for a server that is busy, starting or loading its model",
        unit="seconds",
        neutral=True,
        ge=0,
    )
    api_key_env: str = option(
        "OPENAI_API_KEY", "Name of the environment variable that holds the API key", neutral=True
    )

    # Options are written into the manifest and the data card, so that no key may be among them.
    @field_validator("base_url")
    @classmethod
    def reject_keys_in_address(cls, base_url: str) -> str:
        """Refuse an address with a user and a password, or with a key behind a question mark."""
        address = urlsplit(base_url)
        if "@" in address.netloc or address.query:
            raise ValueError(
                "the address holds a user or a key: put the key into an environment variable"
            )
        return base_url

    @field_validator("api_key_env")
    @classmethod
    def reject_key_as_name(cls, name: str) -> str:
        """Refuse a key that was given in place of its variable's name, without repeating it."""
        if not (name.isidentifier() and name.isascii()):
            raise ValueError("name the environment variable that holds the key, not the key itself")
        return name


class OpenAiConfig(ServerConfig, ModelConfig):
    """A model on a server with OpenAI's protocol."""

    name: Literal["openai"] = "openai"
    structured_output: Literal["auto", "schema", "prompt"] = option(
        "auto",
        "How JSON is asked for: schema: the server enforces the JSON schema; prompt: the prompt "
        "describes it; auto: the strictest way that the server supports",
        flag="--structured",
    )
    image_detail: Literal["auto", "low", "high"] = option(
        "auto", "The protocol's level of detail for images"
    )


class LocalModelConfig(ModelConfig, HubModel):
    """A model that runs in this process."""

    batch_size: int = option(4, "Clips that are answered together", neutral=True, ge=1, le=1024)
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = option(
        "auto", "Number type of the weights; auto is the model's own, and float32 on a CPU"
    )
    trust_remote_code: bool = option(
        False,
        "Run the code that comes with the model, if you trust its authors",
        flag="--trust-code",
    )


class TransformersConfig(LocalModelConfig):
    """A model that the transformers library runs."""

    name: Literal["transformers"] = "transformers"
    quantise: Literal["none", "8bit", "4bit"] = option(
        "none", "Load the weights in fewer bits (needs bitsandbytes)"
    )
    device_map: str = option(
        "", "How the weights are spread over devices, such as auto", neutral=True
    )
    as_video: bool = option(
        False, "Give the keyframes as one video, for models that take no single images"
    )
    plain_prompt: str = option(
        "", "Prompt for models without a chat, such as <MORE_DETAILED_CAPTION>"
    )


class VllmConfig(LocalModelConfig):
    """A model that vLLM runs."""

    name: Literal["vllm"] = "vllm"


ChatBackend = OpenAiConfig | TransformersConfig | VllmConfig
# Few stages ask a model about sound where they may also ask about what was measured of it.
ABOUT_SOUND = ("hears",)
ABOUT_PICTURES = ("max_image_side", "image_detail", "as_video", "plain_prompt")


class ChatModelConfig(StageConfig):
    """Options of a stage that always asks a model."""

    leaves_out: ClassVar[tuple[str, ...]] = ABOUT_SOUND

    backend: ChatBackend = choice(OpenAiConfig, BACKENDS_IN_WORDS)


class ModelEntry(ChatModelConfig):
    """An entry of the section `models`: all that is known of a model, whatever it is asked."""

    leaves_out: ClassVar[tuple[str, ...]] = ()


class OptionalModelConfig(StageConfig):
    """Options of a stage that asks a model only where its backend is one."""

    leaves_out: ClassVar[tuple[str, ...]] = ABOUT_SOUND

    if TYPE_CHECKING:
        backend: Any  # each stage states its own choices

    @property
    def chat(self) -> ModelConfig | None:
        """The model that is asked; None for a backend without a model."""
        return self.backend if isinstance(self.backend, ModelConfig) else None

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse a backend that needs a model without one; raises ValueError."""
        if self.chat and not self.chat.model:
            raise ValueError(f"backend {self.chat.name} needs a model: set model")
        return self


def uses_model(config: OptionalModelConfig) -> bool:
    """Whether the backend is a model."""
    return config.chat is not None


def model_content(config: ModelConfig) -> str:
    """A hash of a model that runs in this process and lies in a folder; "" for any other."""
    is_local = isinstance(config, LocalModelConfig) and config.model
    return content_hash(Path(config.model)) if is_local else ""


def revision_of(config: ModelConfig) -> str:
    """The version of a model on the hub; "" where there is none."""
    return config.revision if isinstance(config, LocalModelConfig) else ""


def asks_chat_model(config: type[StageConfig]) -> bool:
    """Whether a stage may ask a model that answers."""
    backends = choices_of(config).get("backend", {})
    return any(issubclass(model, ModelConfig) for model in backends.values())
