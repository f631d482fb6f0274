"""Writes the request to a chat server, and adapts it to what the server refuses."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from vidcurate.errors import UsageError
from vidcurate.models.chat.choices import N_LIKELIEST, asked_in_words, with_choices_named
from vidcurate.models.chat.conversation import ModelRequest, Part, Sound
from vidcurate.models.chat.responses import RequestFault

Form = Literal["json_schema", "json_object", "words"]
ChoiceForm = Literal["logprobs", "words"]
LOGPROBS = {"logprobs": True, "top_logprobs": N_LIKELIEST}
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
REFUSING_STATUSES = frozenset({400, 422})
# Engines that fail to compile a schema say so with these statuses, too.
SCHEMA_STATUSES = REFUSING_STATUSES | {500, 501}
# vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenAI and gateways in their own words.
OF_SCHEMA = re.compile(
    r"response_format|json[_ ]?schema|json[_ ]object|schema|grammar|guided|structured[_ ]output"
    r"|outlines|llguidance",
    re.IGNORECASE,
)
UNKNOWN = re.compile(
    r"unsupported|not support|unknown|unrecogni|unexpected|not permitted|not allowed|extra|instead"
    r"|deprecated|no longer",
    re.IGNORECASE,
)
# A server may refuse sound by the kind of the part, or by where it stands.
OF_SOUND = re.compile(
    r"audio|modalit|multi-?modal|\bcontent\b.*\btype\b|\btype\b.*\bcontent\b", re.IGNORECASE
)
OF_SIZE = re.compile(r"too (?:large|long|many|big)|context|exceed|at most|maximum", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """The options of this backend; the stage states their defaults, bounds and help.

    `temperature` None leaves it to the server; `image_detail` is `auto`, `low` or `high`;
    `api_key_env` names the variable that holds the key; `max_retries` follow a failed try after
    about `backoff_s`, then twice that and so on; `structured_output` is `auto`, `schema` or
    `prompt`; `max_wait_s` is how long requests wait for a server that is full or starting.
    """

    base_url: str
    model: str
    max_tokens: int
    temperature: float | None
    image_detail: str
    timeout_s: float
    concurrency: int
    max_retries: int
    backoff_s: float
    api_key_env: str
    structured_output: str
    max_wait_s: float = 300.0


@dataclass(frozen=True, slots=True)
class RequestFormat:
    """How requests to a server are written; it changes as the server refuses parts of them."""

    limit_name: str = OLD_LIMIT
    is_renamed: bool = False
    form: Form = "json_schema"
    choices: ChoiceForm = "logprobs"
    left_out: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of an answer should know about its request."""
        return tuple(f"{name} left to the server, which refuses it" for name in self.left_out)


def initial_format(options: ChatOptions) -> RequestFormat:
    """The format before a server has refused anything.

    OpenAI's newer models refuse the old name of the token limit, most local servers know only it.
    """
    is_openai = urlsplit(options.base_url).hostname == "api.openai.com"
    form: Form = "words" if options.structured_output == "prompt" else "json_schema"
    return RequestFormat(NEW_LIMIT if is_openai else OLD_LIMIT, form=form)


def read_options(options: Mapping[str, object]) -> ChatOptions:
    """The options of this backend among all options."""
    names = [option.name for option in fields(ChatOptions)]
    known = {name: options[name] for name in names if name in options}
    try:
        return TypeAdapter(ChatOptions).validate_python(known)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(step) for step in first["loc"])
        raise UsageError(f"the backend openai: option {name}: {first['msg']}") from None


def chat_payload(
    options: ChatOptions, request: ModelRequest, request_format: RequestFormat
) -> dict[str, Any]:
    """The request to the server, in the format that it accepts."""
    asks_logprobs = bool(request.choices) and request_format.choices == "logprobs"
    if request.choices:
        request = with_choices_named(request) if asks_logprobs else asked_in_words(request)
    detail = None if "image_detail" in request_format.left_out else options.image_detail
    content = [part_of(part, detail) for part in request.parts]
    payload: dict[str, Any] = {
        "model": options.model,
        "messages": [{"role": "user", "content": content}],
        request_format.limit_name: token_limit(options, request),
    }
    if options.temperature is not None and "temperature" not in request_format.left_out:
        payload["temperature"] = options.temperature
    if request.schema is not None and request_format.form == "json_schema":
        form = {"name": "answer", "schema": request.schema, "strict": True}
        payload["response_format"] = {"type": "json_schema", "json_schema": form}
    elif request.schema is not None and request_format.form == "json_object":
        payload["response_format"] = {"type": "json_object"}
    return payload | LOGPROBS if asks_logprobs else payload


def token_limit(options: ChatOptions, request: ModelRequest) -> int:
    """The most tokens of the answer to a request."""
    return request.max_tokens or options.max_tokens


def part_of(part: Part, detail: str | None) -> dict[str, Any]:
    """A text, a picture or a sound as a part of a message."""
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, Sound):
        data = base64.b64encode(part.wav).decode()
        return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    url = "data:image/jpeg;base64," + base64.b64encode(part.jpeg).decode()
    asked = {"url": url} if detail is None else {"url": url, "detail": detail}
    return {"type": "image_url", "image_url": asked}


def has_sound(request: ModelRequest) -> bool:
    """Whether a request carries sound."""
    return any(isinstance(part, Sound) for part in request.parts)


def adapted_format(
    request_format: RequestFormat, fault: RequestFault, payload: Mapping[str, Any]
) -> RequestFormat | None:
    """Another format for a server that refuses a part of a request; None where none helps.

    `payload` is the request, written in `request_format`.
    """
    words = f"{fault.parameter} {fault.reason}"
    is_refused = fault.status in REFUSING_STATUSES
    if is_refused and "temperature" in payload and "temperature" in words:
        return replace(request_format, left_out=(*request_format.left_out, "temperature"))
    if is_refused and "logprobs" in payload and "logprob" in words:
        return replace(request_format, choices="words")
    if refuses_schema(fault, payload):
        lesser: Form = "json_object" if request_format.form == "json_schema" else "words"
        return replace(request_format, form=lesser)
    is_unknown = (fault.parameter or UNKNOWN.search(words)) and not OF_SIZE.search(words)
    if is_refused and is_unknown:
        return without_unknown_name(request_format, words)
    return None


def without_unknown_name(request_format: RequestFormat, words: str) -> RequestFormat | None:
    """A format without the name that a server does not know, if it can be changed."""
    if request_format.limit_name in words and not request_format.is_renamed:
        other = NEW_LIMIT if request_format.limit_name == OLD_LIMIT else OLD_LIMIT
        return replace(request_format, limit_name=other, is_renamed=True)
    if re.search(r"\bdetail\b", words) and "image_detail" not in request_format.left_out:
        return replace(request_format, left_out=(*request_format.left_out, "image_detail"))
    return None


def refuses_schema(fault: RequestFault, payload: Mapping[str, Any]) -> bool:
    """Whether a server says that it cannot bind the answer to a schema."""
    if "response_format" not in payload or fault.status not in SCHEMA_STATUSES:
        return False
    return OF_SCHEMA.search(f"{fault.parameter} {fault.reason}") is not None


def refuses_sound(fault: RequestFault, request: ModelRequest) -> bool:
    """Whether a server says that its model takes no sound."""
    if not has_sound(request):
        return False
    words = f"{fault.parameter} {fault.reason}"
    if fault.status not in REFUSING_STATUSES and not UNKNOWN.search(words):
        return False
    return fault.status in SCHEMA_STATUSES and OF_SOUND.search(words) is not None
