"""What an answer of a chat server means: a text, or a fault that may or may not pass."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vidcurate.models.conversation import Answer, Status

LONGEST_WAIT_S = 120.0  # a server that asks for more is full for longer than a clip should wait
LONGEST_QUOTE = 200  # characters of a server's own words in an error
PASSING_STATUSES = frozenset({408, 409, 425, 429})  # another try may succeed
SERVER_FAULTS_FROM = 500  # so may it after these
COMMON_STATUSES = frozenset({401, 402, 403, 404, 405})  # key, credit, address, model: hit them all
SCHEMA_STATUSES = frozenset({400, 422})  # where the words say which part is unknown
SPENT_CREDIT = "insufficient_quota"  # OpenAI sends it with 429, but no wait helps


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no answer.

    `passes` says that another try may succeed, after `wait_s` where the server named a time;
    `is_common` that every other request would meet the same fault. `status` is HTTP's, if any.
    """

    reason: str
    passes: bool = False
    wait_s: float | None = None
    is_common: bool = False
    status: int | None = None

    @property
    def refuses_schema(self) -> bool:
        """Whether the server will not have a schema in the request."""
        return self.status in SCHEMA_STATUSES and "response_format" in self.reason


@dataclass(frozen=True, slots=True)
class Message:
    """The text of a choice; some servers send it in parts."""

    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One text and why it ended."""

    message: Message
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The part of a chat completion that is read."""

    choices: tuple[Choice, ...] = ()
    model: str | None = None
    usage: Usage | None = None
    error: Any = None


REPLY = TypeAdapter(Reply)


def read_answer(body: bytes, model: str, seconds: float) -> Answer | Fault:
    """The answer that a chat completion holds, or what is wrong with it.

    `model` is what was asked for; the server's own, more exact name of it is preferred.
    """
    fault = fault_of_form(body)
    if fault is not None:
        return fault
    try:
        reply = REPLY.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the whole"
        return Fault(f"the answer is no chat completion: {place}: {first['msg']}")
    if reply.error:
        return Fault(f"the server answered with an error: {words_of(reply.error)}")
    if not reply.choices:
        return Fault("the answer is no chat completion: it has no choices")
    text, status = read_choice(reply.choices[0])
    usage = reply.usage or Usage()
    return Answer(
        text, status, reply.model or model, usage.prompt_tokens, usage.completion_tokens, seconds
    )


def fault_of_form(body: bytes) -> Fault | None:
    """What keeps a body from being read as JSON, if anything; one that is cut short may pass."""
    start = body.lstrip()[:1]
    if not start:
        return Fault("the answer is empty", passes=True)
    if start == b"<":
        return Fault("the answer is a web page, no chat completion: check base_url")
    try:
        json.loads(body)
    except ValueError as error:
        kind = "cut short" if start in b"{[" else "not JSON"
        return Fault(f"the answer is {kind}: {type(error).__name__}", passes=True)
    return None


def read_choice(choice: Choice) -> tuple[str, Status]:
    """The text of a choice and how it ended."""
    content = choice.message.content
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content)
    text = (content or "").strip()
    if choice.message.refusal or choice.finish_reason == "content_filter":
        return text or (choice.message.refusal or "").strip(), "refused"
    if not text:
        return "", "empty"
    return text, "truncated" if choice.finish_reason == "length" else "ok"


def read_status(status: int, headers: Mapping[str, str], body: object) -> Fault:
    """The fault that an HTTP status stands for, with the server's own words where they help.

    A server that refuses a key may repeat it, so its words are left out then.
    """
    if status in (401, 403):
        return Fault(f"the server answered {status}", is_common=True, status=status)
    reason = f"the server answered {status}: {words_of(body)}"
    code = body.get("code") if isinstance(body, Mapping) else None
    if status in COMMON_STATUSES or code == SPENT_CREDIT:
        return Fault(reason, is_common=True, status=status)
    wait_s = retry_after_s(headers.get("retry-after"))
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        return Fault(f"{reason} (and asks to wait {wait_s:.0f} s)")
    passes = status in PASSING_STATUSES or status >= SERVER_FAULTS_FROM
    return Fault(reason, passes=passes, wait_s=wait_s, status=status)


def words_of(body: object) -> str:
    """A server's own words about an error, in one line, without a web page."""
    if isinstance(body, Mapping):
        known = (body[key] for key in ("message", "error", "detail") if body.get(key))
        return words_of(next(known, json.dumps(body, default=str)))
    words = " ".join(str(body or "").split())
    if words.startswith("<"):
        return "a web page"
    return words or "no reason given"


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
