"""The options of a stage that asks a model: which one, where, and how it is asked."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from vidcurate.stage import StageConfig, option
from vidcurate.store.digests import content_hash

LOCAL = ("transformers", "vllm")


def model_content(backend: str, model: str) -> str:
    """A hash of a model that runs in this process and lies in a folder; "" for any other."""
    return content_hash(Path(model)) if backend in LOCAL and model else ""


class ModelConfig(StageConfig):
    """Which model is asked, and how."""

    model: str = option(
        "", "The model: its name on a server, OWNER/NAME of the hub, or a folder with its weights"
    )
    revision: str = option("", "transformers, vllm: version of a model on the hub, else the newest")
    base_url: str = option("http://localhost:8000/v1", "openai: the server's address", neutral=True)
    max_tokens: int = option(512, "Longest answer of a model", unit="tokens", ge=1)
    temperature: float | None = option(
        0.0, "Randomness of a model; 0: none; none: the model's own default", ge=0, le=2
    )
    structured_output: Literal["auto", "schema", "prompt"] = option(
        "auto",
        "openai: schema: the server binds JSON answers to their schema; prompt: it is only told "
        "in words; auto: schema, then any JSON, then words, as far as the server can",
        flag="--structured",
    )
    image_detail: Literal["auto", "low", "high"] = option("auto", "openai: how closely to look")
    image_max_side: int = option(
        1024, "Long side of the stills that a model is shown", unit="pixels", ge=64
    )
    concurrency: int = option(8, "openai: requests at once", neutral=True, ge=1, le=1024)
    timeout_s: float = option(
        120.0, "openai: longest wait for an answer", unit="seconds", neutral=True, gt=0
    )
    retries: int = option(4, "openai: tries after a failed one", neutral=True, ge=0, le=20)
    backoff_s: float = option(
        1.0,
        "openai: wait before the second try, then twice that",
        unit="seconds",
        neutral=True,
        ge=0,
    )
    patience_s: float = option(
        300.0,
        "openai: how long all wait for a server that is full, loads its model or starts again",
        unit="seconds",
        neutral=True,
        ge=0,
    )
    api_key_env: str = option(
        "OPENAI_API_KEY", "openai: name of the environment variable with the key", neutral=True
    )

    batch_size: int = option(
        4, "transformers, vllm: clips answered together", neutral=True, ge=1, le=1024
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = option(
        "auto", "transformers, vllm: type of the weights; auto: the model's own, float32 on a CPU"
    )
    quantise: Literal["none", "8bit", "4bit"] = option(
        "none", "transformers: weights in fewer bits (needs bitsandbytes)"
    )
    device_map: str = option(
        "", "transformers: how weights spread over devices, such as auto", neutral=True
    )
    as_video: bool = option(
        False, "transformers: keyframes are given as one video, for models that take only that"
    )
    plain_prompt: str = option(
        "", "transformers: words for models without a chat, such as <MORE_DETAILED_CAPTION>"
    )
    trust_remote_code: bool = option(
        False,
        "transformers, vllm: run code that comes with the model, if you trust its authors",
        flag="--trust-code",
    )

    # Options are written into the manifest and the data card, so that no key may be among them.
    @field_validator("base_url")
    @classmethod
    def address_holds_no_key(cls, base_url: str) -> str:
        """Some addresses carry a user and a password, or a key behind a question mark."""
        address = urlsplit(base_url)
        if "@" in address.netloc or address.query:
            raise ValueError("the address holds a user or a key: put the key into the environment")
        return base_url

    @field_validator("api_key_env")
    @classmethod
    def key_is_named(cls, name: str) -> str:
        """A key that was given for its variable's name is refused, and not repeated."""
        if not (name.isidentifier() and name.isascii()):
            raise ValueError("name the environment variable that holds the key, not the key itself")
        return name
