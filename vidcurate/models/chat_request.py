"""The request that a chat server is sent: its options, texts and pictures."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from vidcurate.errors import UsageError
from vidcurate.models.conversation import Ask, Frame


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """The options that this backend takes; the stage states their defaults, bounds and help.

    `temperature` None leaves it to the server; `image_detail` is `auto`, `low` or `high`;
    `api_key_env` names the variable that holds the key; `retries` follow a failed try after about
    `backoff_s`, then twice that and so on; `structured_output` is `auto`, `schema` or `prompt`.
    """

    base_url: str
    model: str
    max_tokens: int
    temperature: float | None
    image_detail: str
    timeout_s: float
    concurrency: int
    retries: int
    backoff_s: float
    api_key_env: str
    structured_output: str


def read_options(options: Mapping[str, object]) -> ChatOptions:
    """The options of this backend among all that are given."""
    names = [option.name for option in fields(ChatOptions)]
    known = {name: options[name] for name in names if name in options}
    try:
        return TypeAdapter(ChatOptions).validate_python(known)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(step) for step in first["loc"])
        raise UsageError(f"the backend openai: option {name}: {first['msg']}") from None


def chat_payload(options: ChatOptions, ask: Ask, *, by_schema: bool) -> dict[str, Any]:
    """The request to the server; `by_schema` has it bind the answer to the schema, if any."""
    content = [part_of(part, options.image_detail) for part in ask.parts]
    payload: dict[str, Any] = {
        "model": options.model,
        "messages": [{"role": "user", "content": content}],
        token_limit_name(options.base_url): ask.max_tokens or options.max_tokens,
    }
    if options.temperature is not None:
        payload["temperature"] = options.temperature
    if by_schema and ask.schema is not None:
        form = {"name": "answer", "schema": ask.schema, "strict": True}
        payload["response_format"] = {"type": "json_schema", "json_schema": form}
    return payload


def part_of(part: str | Frame, detail: str) -> dict[str, Any]:
    """A text or a picture as a part of a message."""
    if isinstance(part, str):
        return {"type": "text", "text": part}
    url = "data:image/jpeg;base64," + base64.b64encode(part.jpeg).decode()
    return {"type": "image_url", "image_url": {"url": url, "detail": detail}}


def token_limit_name(base_url: str) -> str:
    """OpenAI's newer models refuse the old name, most local servers know only that one."""
    is_openai = urlsplit(base_url).hostname == "api.openai.com"
    return "max_completion_tokens" if is_openai else "max_tokens"
