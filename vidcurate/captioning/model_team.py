"""Several models as one: each request goes to the model that it names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vidcurate.captioning.options import CaptionConfig, teacher_config
from vidcurate.errors import MediaError
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    Outcome,
    run_conversations,
)

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


def one_request(request: ModelRequest) -> Conversation[Answer]:
    """A conversation that ends with its first answer."""
    answer = yield request
    return answer


def open_model_team(config: CaptionConfig) -> ChatModel:
    """Open the model that a config names, or the models of its strategy `teachers`.

    Raises UsageError for a model that cannot be opened.
    """
    asked = model_configs(config)
    models = {name: open_chat_model(c.backend, c.model_dump()) for name, c in asked.items()}
    return ModelTeam(models) if config.strategy == "teachers" else models[""]


def model_configs(config: CaptionConfig) -> dict[str, CaptionConfig]:
    """The options of every model, by the name that requests use in `to`."""
    if config.strategy != "teachers":
        return {"": config}
    asked = {teacher: teacher_config(config, teacher) for teacher in config.teachers}
    return {**asked, "": config} if config.scorer == "judge" else asked
