"""What every caption backend takes and gives, so that a stage can use any of them by its name."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal, Protocol, cast

from vidcurate.errors import MediaError, UsageError

Status = Literal["ok", "truncated", "refused", "empty"]
Facts = Mapping[str, Mapping[str, object]]

BACKENDS: Mapping[str, str] = MappingProxyType(
    {
        "facts": "vidcurate.models.facts:open_facts",
        "openai": "vidcurate.models.openai_chat:open_chat",
    }
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One still of a clip: its time in seconds of the film, and the picture as a JPEG file."""

    time_s: float
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """What is known of one clip: its stills in time order and its measured rows by table name."""

    clip_id: str
    frames: tuple[Frame, ...]
    facts: Facts


@dataclass(frozen=True, slots=True)
class CaptionAnswer:
    """One text about one clip.

    `status` is `ok`, `truncated` (the model ran out of tokens), `refused` (the model would not
    say) or `empty` (no text came). `seconds` is what the answer itself took, without earlier
    tries that failed. Tokens are None where the backend does not count them.
    """

    text: str
    status: Status
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


class Captioner(Protocol):
    """A backend that is ready to write captions."""

    @property
    def backend(self) -> str:
        """The backend's name, a key of `BACKENDS`."""
        ...

    @property
    def prompt_hash(self) -> str:
        """Hash of the prompt's text; empty where there is no prompt."""
        ...

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionAnswer | MediaError]:
        """One result per request, in order; a request that fails gives its error as a value."""
        ...


class Opener(Protocol):
    """The function that a backend's module offers."""

    def __call__(self, options: Mapping[str, object], /) -> Captioner:
        """The backend, loaded and checked as far as is possible without a request."""
        ...


def open_captioner(name: str, options: Mapping[str, object]) -> Captioner:
    """The caption backend of that name; its module is imported only now.

    A backend takes the options it knows and leaves the others, so that one set serves them all.
    Raises UsageError for a name that does not exist or an option that is missing or wrong.
    """
    if name not in BACKENDS:
        near = get_close_matches(name, BACKENDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(BACKENDS)}"
        raise UsageError(f"no caption backend is called {name!r}: {hint}")
    module, function = BACKENDS[name].split(":")
    return cast("Opener", getattr(importlib.import_module(module), function))(options)
