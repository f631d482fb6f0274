"""What every vision-language model offers, so that a stage can use any of them by name."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar, cast

from vidcurate.errors import MediaError, UsageError
from vidcurate.models import device
from vidcurate.models.chat.conversation import (
    Conversation,
    ModelRequest,
    Outcome,
    run_conversation,
)
from vidcurate.models.chat.options import ChatModelConfig, ModelConfig, OpenAiConfig
from vidcurate.stage import RequestEstimate, Resources

T = TypeVar("T")

BACKENDS: Mapping[str, str] = MappingProxyType(
    {
        "openai": "vidcurate.models.chat.openai:open_chat",
        "transformers": "vidcurate.models.chat.transformers:open_transformers",
        "vllm": "vidcurate.models.chat.vllm:open_vllm",
    }
)
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "transformers": "vidcurate.models.chat.transformers:check_transformers",
        "vllm": "vidcurate.models.chat.vllm:check_vllm",
    }
)


class ChatModel(Protocol):
    """A backend that is ready to answer."""

    def ask(self, request: ModelRequest) -> Outcome:
        """The answer to one request; a request that fails gives its error as a value."""
        ...

    def converse(self, conversations: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """The result of each conversation, in order; one that fails gives its error as a value.

        Conversations are taken as they are needed.
        """
        ...


class ChatModelOpener(Protocol):
    """The function that a backend's module offers."""

    def __call__(self, options: Mapping[str, object], /) -> ChatModel:
        """The backend, loaded and checked as far as is possible without a request."""
        ...


def results_of(
    conversations: Iterable[Conversation[T]], model: ChatModel | None
) -> Iterator[T | MediaError]:
    """The results of conversations with a model, in order; without one they send no request."""
    if model is not None:
        return model.converse(conversations)
    return (run_conversation(conversation, refuse) for conversation in conversations)


def refuse(request: ModelRequest) -> Outcome:
    """Refuse a request that nobody can answer."""
    raise AssertionError(request)


def open_chat_model(config: ModelConfig) -> ChatModel:
    """Open the model of a backend; its module is imported only now.

    A backend takes the options it knows and ignores the others, so that one set serves them all.
    Raises UsageError for an option that is missing or wrong, and for a model that cannot be loaded.
    """
    module, function = BACKENDS[config.name].split(":")
    opener = cast("ChatModelOpener", getattr(importlib.import_module(module), function))
    return opener(config.model_dump())


def check_chat_model(stage: str, config: ModelConfig) -> None:
    """Make sure, without weights or a request, that a stage's backend can run with these options.

    Raises MissingExtraError or UsageError where it cannot.
    """
    if not config.model:
        raise UsageError(f"{stage} needs a model: name it by {stage}.model")
    if config.name in CHECKS:
        module, function = CHECKS[config.name].split(":")
        getattr(importlib.import_module(module), function)(config)


def chat_resources(models: Iterable[ModelConfig]) -> Resources:
    """The resources of a worker that asks these backends.

    One worker sends all requests to a server, so that `concurrency` bounds them; a model in this
    process takes a GPU where there is one.
    """
    if all(isinstance(model, OpenAiConfig) for model in models):
        return Resources(at_most=1)
    return device.model_resources()


def stage_resources(config: ChatModelConfig) -> Resources:
    """The resources of a worker of a stage that always asks its model."""
    return chat_resources([config.backend])


def request_estimate(
    config: ModelConfig, each: int = 1, *, is_least: bool = True
) -> RequestEstimate:
    """Which model a stage asks, and how many requests each row takes, or takes at least."""
    where = f"in this process ({config.name})"
    if isinstance(config, OpenAiConfig):
        where = f"at {config.base_url}"
    return RequestEstimate(f"{config.model} {where}", each, is_least)


def stage_requests(config: ChatModelConfig) -> RequestEstimate:
    """Which model a stage asks that takes at least one request a row."""
    return request_estimate(config.backend)
