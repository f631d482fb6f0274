"""Reads the response of a chat server: an answer, or a fault that may or may not pass."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from vidcurate.models.chat.choices import steps_told, with_choice_logprobs
from vidcurate.models.chat.conversation import Answer
from vidcurate.models.chat.output_text import THOUGHTS, FinishedText, finish_text

MAX_QUOTE = 200  # characters of a server's own words in an error
# The server, or what stands before it, is full, loads a model or starts again: all should wait.
BUSY_STATUSES = frozenset({429, 502, 503, 504, 520, 521, 522, 523, 524, 527, 529, 530})
PASSING_STATUSES = frozenset({408, 409, 425})  # another try of the same request may succeed
SERVER_FAULTS_FROM = 500  # so may it after these
COMMON_STATUSES = frozenset({401, 402, 403, 404, 405})  # key, credit, address, model: hit them all
REDIRECTS = range(300, 400)
SPENT_CREDIT = "insufficient_quota"  # OpenAI sends it with 429, but no wait helps
# Why a choice ended, in the words of vLLM, SGLang, OpenAI, Gemini, Anthropic, DeepSeek and GLM.
CUT = frozenset({"length", "max_tokens", "model_length"})
WITHHELD = frozenset(
    {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii"}
    | {"image_safety", "sensitive", "refusal"}
)
CALLS = frozenset({"tool_calls", "function_call", "tool_use", "malformed_function_call"})
BROKEN = frozenset(
    {"abort", "aborted", "error", "cancelled", "canceled", "network_error"}
    | {"insufficient_system_resource"}
)
THINKING_PARTS = frozenset({"thinking", "reasoning", "thought", "redacted_thinking"})
TEXT_PARTS = frozenset({None, "text", "output_text"})
# "Please try again in 1m30.5s", "in 350ms".
IN_WORDS = re.compile(
    r"(?:try again|retry) in (?:(?P<m>\d+)m(?!s))?\s*(?:(?P<n>[\d.]+) ?(?P<unit>ms|s))?",
    re.IGNORECASE,
)
STREAM = b"data:"


@dataclass(frozen=True, slots=True)
class RequestFault:
    """Why there is no answer.

    `passes`: another try may succeed, after `wait_s` where the server named a time. `is_busy`:
    every request should wait until then. `is_common`: every other request would meet the same
    fault. `of_clip`: this request itself is at fault. `status` is HTTP's, if any, `parameter` the
    server's name for the part of the request that it refuses.
    """

    reason: str
    passes: bool = False
    wait_s: float | None = None
    is_busy: bool = False
    is_common: bool = False
    of_clip: bool = False
    remedy: str = ""
    status: int | None = None
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """The text of a choice; some servers send it in parts, or with thoughts apart."""

    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking: Any = None


@dataclass(frozen=True, slots=True)
class AnswerChoice:
    """One text and why it ended."""

    message: Message
    finish_reason: str | None = None
    logprobs: Any = None


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of a request."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    completion_tokens_details: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The part of a chat completion that is read."""

    choices: tuple[AnswerChoice, ...] = ()
    model: str | None = None
    usage: TokenUsage | None = None
    error: Any = None


REPLY = TypeAdapter(Reply)


def read_answer(
    body: bytes, model: str, max_tokens: int, seconds: float, choices: Sequence[str] = ()
) -> Answer | RequestFault:
    """Read a chat completion: an answer, or what is wrong with it.

    `model` is the name in the request; the server's own, more exact name is preferred. `max_tokens`
    is how long the answer may be. Where log-probabilities came, those of the `choices` are told.
    """
    reply = decoded(body, REPLY, "chat completion")
    if isinstance(reply, RequestFault):
        return reply
    if not reply.choices:
        return RequestFault("the answer is not a chat completion: it has no choices")
    usage = reply.usage or TokenUsage()
    choice = reply.choices[0]
    if str(choice.finish_reason).lower() in BROKEN:
        reason = f"the server broke the answer off (finish_reason {choice.finish_reason})"
        return RequestFault(reason, passes=True)
    finished = read_choice(choice, max_tokens, thought=has_thought(choice.message, usage))
    answer = Answer(
        finished.text,
        finished.status,
        reply.model or model,
        usage.prompt_tokens,
        usage.completion_tokens,
        seconds,
        finished.repairs,
        finished.reason,
    )
    return with_choice_logprobs(answer, steps_told(choice.logprobs), choices)


class HasError(Protocol):
    """An answer that may hold an error instead."""

    @property
    def error(self) -> Any:
        """What went wrong; None where nothing did."""
        ...


R = TypeVar("R", bound=HasError)


def decoded(body: bytes, kind: TypeAdapter[R], what: str) -> R | RequestFault:
    """Read an answer of some kind: what it says, or the fault that it is or holds."""
    value = value_of_body(body)
    if isinstance(value, RequestFault):
        return value
    try:
        reply = kind.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the whole"
        return RequestFault(f"the answer is not a {what}: {place}: {first['msg']}")
    return fault_in_body(reply.error) if reply.error else reply


def fault_in_body(error: Any) -> RequestFault:
    """The fault in a response of status 200, as gateways pass on those of others."""
    code = error.get("code") if isinstance(error, Mapping) else None
    reason = f"the server answered with an error: {error_message(error)}"
    if isinstance(code, int) and code in BUSY_STATUSES:
        return RequestFault(reason, passes=True, is_busy=True, wait_s=wait_in(error))
    return RequestFault(reason)


def value_of_body(body: bytes) -> Any:
    """The JSON of a body, joined if it was streamed, or a fault; a body cut short may pass."""
    start = body.lstrip()[:1]
    if not start:
        return RequestFault("the answer is empty", passes=True)
    if start == b"<":
        return RequestFault("the answer is a web page, not a chat completion: check base_url")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return RequestFault("the answer is not UTF-8 text, which JSON must be", of_clip=True)
    try:
        value = join_stream(text) if body.lstrip().startswith(STREAM) else json.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "cut short" if start in b"{[d" else "not JSON"
        return RequestFault(f"the answer is {kind}: {type(error).__name__}", passes=True)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        reason = "the answer holds half a character, which no table can hold"
        return RequestFault(reason, of_clip=True)
    return value


def join_stream(stream: str) -> dict[str, Any]:
    """Join a chat completion that was streamed (server-sent events) though not asked to be.

    Raises ValueError for a stream that does not end.
    """
    message: dict[str, str] = {}
    whole: dict[str, Any] = {}
    finish_reason, is_whole = None, False
    for line in stream.splitlines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or not data:
            continue
        if data == "[DONE]":
            is_whole = True
            break
        piece = json.loads(data)
        whole |= {k: piece[k] for k in ("model", "usage", "error") if piece.get(k)}
        for choice in piece.get("choices") or ():
            if choice.get("index"):
                continue
            delta = choice.get("delta") or choice.get("message") or {}
            for name, value in delta.items():
                if name != "role" and isinstance(value, str):
                    message[name] = message.get(name, "") + value
            finish_reason = choice.get("finish_reason") or finish_reason
    if not (is_whole or finish_reason or "error" in whole):
        raise ValueError("the stream does not end")
    return {**whole, "choices": [{"message": message, "finish_reason": finish_reason}]}


def read_choice(choice: AnswerChoice, max_tokens: int, *, thought: bool = False) -> FinishedText:
    """The text of a choice, how it ended, and a reason where a user can do something."""
    written = "".join(texts_in(choice.message.content))
    why = str(choice.finish_reason or "").lower()
    if choice.message.refusal or why in WITHHELD:
        refusal = (choice.message.refusal or "").strip()
        reason = refusal or f"the server's filter withheld it (finish_reason {why})"
        return FinishedText(written.strip() or refusal, "refused", reason)
    if why in CALLS:
        reason = "the model called a tool instead: serve it without tools, or ask another model"
        return FinishedText("", "empty", reason)
    finished = finish_text(written, is_cut=why in CUT, max_tokens=max_tokens, thought=thought)
    if (
        isinstance(choice.message.content, list)
        and finished.text
        and has_thinking_part(choice.message)
    ):
        return replace(finished, repairs=tuple(dict.fromkeys((THOUGHTS, *finished.repairs))))
    return finished


def texts_in(content: str | list[Any] | None) -> Iterator[str]:
    """The texts of a message, without its other parts."""
    if isinstance(content, str):
        yield content
        return
    for part in content or ():
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping) and part.get("type") in TEXT_PARTS:
            text = part.get("text")
            if isinstance(text, str):
                yield text


def has_thinking_part(message: Message) -> bool:
    """Whether thoughts are among the parts of a message."""
    parts = message.content if isinstance(message.content, list) else ()
    return any(isinstance(p, Mapping) and p.get("type") in THINKING_PARTS for p in parts)


def has_thought(message: Message, usage: TokenUsage) -> bool:
    """Whether a server says that its model thought."""
    details = usage.completion_tokens_details
    counted = details.get("reasoning_tokens") if isinstance(details, Mapping) else 0
    aside = (message.reasoning_content, message.reasoning, message.thinking, counted)
    return any(aside) or has_thinking_part(message)


def read_status(status: int, headers: Mapping[str, str], body: bytes) -> RequestFault:
    """The fault behind an HTTP status, with the server's own words where they help.

    A server that refuses a key may repeat it, so its words are left out then.
    """
    if status in (401, 403):
        return RequestFault(f"the server answered {status}", is_common=True, status=status)
    if status in REDIRECTS:
        reason = f"the server answered {status}: it is elsewhere: set base_url to where it is"
        return RequestFault(reason, is_common=True, status=status)
    error = error_value(body)
    reason = f"the server answered {status}: {error_message(error)}"
    inner = error.get("error", error) if isinstance(error, Mapping) else None
    facts = inner if isinstance(inner, Mapping) else {}
    if status in COMMON_STATUSES or SPENT_CREDIT in (facts.get("code"), facts.get("type")):
        return RequestFault(reason, is_common=True, status=status)
    wait_s = retry_after_s(headers.get("retry-after"))
    return RequestFault(
        reason,
        passes=status >= SERVER_FAULTS_FROM or status in BUSY_STATUSES | PASSING_STATUSES,
        wait_s=wait_in(error) if wait_s is None else wait_s,
        is_busy=status in BUSY_STATUSES,
        of_clip=status < SERVER_FAULTS_FROM and status not in BUSY_STATUSES | PASSING_STATUSES,
        status=status,
        parameter=str(facts.get("param") or ""),
    )


def error_value(body: bytes) -> Any:
    """The error in a body: JSON, the first of a JSON list, or text."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value[0] if isinstance(value, list) and value else value


def error_message(error: object) -> str:
    """The message of an error in one line, without a web page."""
    if isinstance(error, Mapping):
        known = (error[key] for key in ("message", "error", "detail") if error.get(key))
        return error_message(next(known, json.dumps(error, default=str)))
    if isinstance(error, list):
        return error_message(json.dumps(error, default=str))
    words = " ".join(str(error or "").split())
    if words.startswith("<"):
        return "a web page"
    return words or "no reason given"


def wait_in(error: object) -> float | None:
    """Seconds that the body of an error asks to wait: Google's RetryInfo, or words of OpenAI."""
    for name, value in named_values(error):
        if name in ("retryDelay", "retry_after", "retry_after_seconds"):
            try:
                return max(0.0, float(str(value).removesuffix("s")))
            except ValueError:
                continue
    found = IN_WORDS.search(error_message(error))
    if not found or not (found["m"] or found["n"]):
        return None
    try:
        seconds = float(found["n"] or 0) * (0.001 if found["unit"] == "ms" else 1.0)
    except ValueError:
        return None
    return 60.0 * int(found["m"] or 0) + seconds


def named_values(value: object) -> Iterator[tuple[str, object]]:
    """Every name in a JSON value with its value, at any depth."""
    if isinstance(value, Mapping):
        yield from value.items()
        for below in value.values():
            yield from named_values(below)
    elif isinstance(value, list):
        for below in value:
            yield from named_values(below)


def retry_after_s(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks to wait (a number or a date, RFC 9110 10.2.3)."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            when = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
