"""Several models as one: each request goes to the model that it names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vidcurate.captioning.expert_classifier import open_expert
from vidcurate.captioning.options import CaptionConfig, Shots, Teachers, expert_pairs, teacher_of
from vidcurate.errors import MediaError
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import (
    Conversation,
    ModelRequest,
    Outcome,
    one_request,
    run_conversations,
)
from vidcurate.models.chat.options import ModelConfig

T = TypeVar("T")
MAX_CONVERSATIONS = 64  # enough to fill a server's slots or a model's batch, whichever is asked


@dataclass(frozen=True, slots=True)
class ModelTeam:
    """Models by the names that requests use in `to`."""

    models: Mapping[str, ChatModel]

    def ask(self, request: ModelRequest) -> Outcome:
        """The answer of the model that the request names."""
        return self.models[request.to].ask(request)

    def converse(self, conversations: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """The result of each conversation, in order; a model gets its waiting requests at once."""
        return run_conversations(conversations, self.answers, MAX_CONVERSATIONS)

    def answers(self, requests: Sequence[ModelRequest]) -> list[Outcome]:
        """The answers to requests, in order."""
        found: dict[int, Outcome] = {}
        for name in dict.fromkeys(request.to for request in requests):
            own = [number for number, request in enumerate(requests) if request.to == name]
            outcomes = self.models[name].converse(one_request(requests[number]) for number in own)
            found.update(zip(own, outcomes, strict=True))
        return [found[number] for number in range(len(requests))]


def open_model_team(config: CaptionConfig) -> ChatModel:
    """Open the model that a config names, the teachers of its strategy, or its experts as well.

    Raises UsageError for a model that cannot be opened.
    """
    models: dict[str, ChatModel] = {
        name: open_chat_model(chat) for name, chat in model_configs(config).items()
    }
    experts = {f"{field}={model}": open_expert(model) for field, model in experts_of(config)}
    is_team = isinstance(config.strategy, Teachers) or experts
    return ModelTeam(models | experts) if is_team else models[""]


def experts_of(config: CaptionConfig) -> list[tuple[str, str]]:
    """The fields that classifiers decide, each with its classifier."""
    strategy = config.strategy
    return list(expert_pairs(strategy.experts)) if isinstance(strategy, Shots) else []


def model_configs(config: CaptionConfig) -> dict[str, ModelConfig]:
    """The options of every model, by the name that requests use in `to`."""
    own = {"": config.chat} if config.chat else {}
    if not isinstance(config.strategy, Teachers):
        return own
    asked: dict[str, ModelConfig] = {
        written: teacher_of(config, written).backend for written in config.strategy.teachers
    }
    return asked | own if config.strategy.scorer == "judge" else asked
