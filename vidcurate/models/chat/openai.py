"""A client for any server with the OpenAI chat protocol: vLLM, Ollama, llama.cpp, OpenAI.

A fault of the server or network says nothing about a clip: all requests wait together while it may
pass, and where it does not the run stops with one line. What a server refuses in one request is
left out of all that follow.
"""

import os
import random
import re
import ssl
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from threading import Event, Lock, Semaphore
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from vidcurate.errors import MediaError, ServerDownError, ServerError, UsageError
from vidcurate.models.chat.connection import HttpProxy, open_client, proxy_of
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    Outcome,
    run_conversation,
)
from vidcurate.models.chat.request_gate import RequestGate
from vidcurate.models.chat.requests import (
    ChatOptions,
    RequestFormat,
    adapted_format,
    chat_payload,
    initial_format,
    read_options,
    refuses_schema,
    token_limit,
)
from vidcurate.models.chat.responses import MAX_QUOTE, RequestFault, read_answer, read_status
from vidcurate.models.notices import add_notice

T = TypeVar("T")
NO_KEY = "none"  # local servers want no key, but some want the header
AHEAD = 4  # requests taken ahead, per slot, so that one slow answer leaves no slot idle
MAX_BACKOFF_S = 60.0
MAX_BUSY_PAUSE_S = 10.0  # a server that does not say how long it is busy is asked that often
MAX_ANSWER_BYTES = 8 << 20  # a thousand times a long caption: more is no caption
MIN_REFUSED = 16  # requests refused, and none answered, after which no more are sent
MIN_SECRET = 16  # characters; a shorter key, such as "test", is a word of many texts

# What a refused request may lack, by the server's words.
REMEDIES = (
    (r"temperature", "temperature none leaves it to the server"),
    (r"context|too long", "a smaller keyframes.count, max_image_side or max_tokens takes less"),
    (r"\b413\b|too large", "a smaller max_image_side or keyframes.count makes requests smaller"),
    (r"image", "keyframes.count and max_image_side decide what is shown"),
)


@dataclass(slots=True)
class Stop:
    """Tells all threads of a call to end, and why; `slots` bounds how many send at once."""

    slots: Semaphore
    event: Event = field(default_factory=Event)
    reason: str = "the run was stopped"

    def because(self, reason: str) -> None:
        """End every request that has not been answered, with this reason."""
        if not self.event.is_set():
            self.reason = reason
            self.event.set()


@dataclass(slots=True)
class AgreedFormat:
    """The request format that a server accepts, as far as it is known by now."""

    request_format: RequestFormat
    lock: Lock = field(default_factory=Lock)

    def change(self, before: RequestFormat, after: RequestFormat) -> bool:
        """Change to another format, unless another thread has; returns whether it changed."""
        with self.lock:
            is_first = self.request_format == before
            if is_first:
                self.request_format = after
            return is_first


@dataclass(frozen=True, slots=True)
class ChatServer:
    """A server as a vision-language model."""

    options: ChatOptions
    key: str = field(repr=False)
    proxy: HttpProxy | None = field(repr=False)
    agreed: AgreedFormat = field(compare=False)
    gate: RequestGate = field(default_factory=RequestGate, compare=False)

    def ask(self, request: ModelRequest) -> Outcome:
        """The answer to one request."""
        with connect(self) as client:
            return answer_request(self, client, Stop(Semaphore()), request)

    def converse(self, conversations: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """Run conversations, `concurrency` at a time, and yield their results in order.

        A fault that every request would meet ends them all, with ServerDownError.
        """
        n_slots = self.options.concurrency
        source, stop = iter(conversations), Stop(Semaphore(n_slots))
        running: deque[Future[T | MediaError]] = deque()
        # More threads than slots: while some wait for the server, others read pictures.
        pool = ThreadPoolExecutor(n_slots + n_slots // 2, "chat")
        # The client is closed with its connections, which are kept alive between requests.
        with connect(self) as client:
            try:
                while True:
                    n_free = AHEAD * n_slots - len(running)
                    for conversation in islice(source, n_free):
                        reply = partial(answer_request, self, client, stop)
                        running.append(pool.submit(run_conversation, conversation, reply))
                    if not running:
                        return
                    yield running.popleft().result()
            finally:
                stop.event.set()
                pool.shutdown(cancel_futures=True)


def open_chat(options: Mapping[str, object]) -> ChatServer:
    """Open the backend `openai` with the options of `ChatOptions`; nothing is sent yet.

    Raises UsageError for an option that is missing or wrong, an address without http, and a key or
    proxy that cannot be used.
    """
    chosen = read_options(options)
    if urlsplit(chosen.base_url).scheme not in ("http", "https"):
        raise UsageError(f"base_url is {chosen.base_url!r}: it must begin with http:// or https://")
    if not chosen.model:
        raise UsageError("no model is named: set the option model to one that the server has")
    key = os.environ.get(chosen.api_key_env, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"${chosen.api_key_env} holds characters that no key has")
    return ChatServer(chosen, key, proxy_of(chosen.base_url), AgreedFormat(initial_format(chosen)))


def connect(chat: ChatServer) -> httpx2.Client:
    """Open a client of a server, which the caller closes."""
    return open_client(chat.options.base_url, chat.options.timeout_s, chat.proxy)


def answer_request(
    chat: ChatServer, client: httpx2.Client, stop: Stop, request: ModelRequest
) -> Outcome:
    """Answer one request, with as many tries as the options allow."""
    n_tries = 0
    while True:
        with stop.slots:
            number = chat.gate.wait(stop.event.is_set)
            if stop.event.is_set():
                return ServerDownError(stop.reason)
            request_format = chat.agreed.request_format
            payload = chat_payload(chat.options, request, request_format)
            outcome = send_once(chat, client, payload, token_limit(chat.options, request), number)
        if isinstance(outcome, Answer):
            return checked_answer(chat, outcome, request_format)
        if chat.options.structured_output == "schema" and refuses_schema(outcome, payload):
            remedy = "structured_output auto asks in other ways then"
            outcome = replace(outcome, passes=False, is_common=True, remedy=remedy)
        elif adapts_format(chat, request_format, outcome, payload):
            continue
        n_tries += 1
        if outcome.is_busy and chat.options.max_retries:
            if should_wait(chat, outcome, number):
                continue
            n_tries = max(n_tries, chat.gate.n_tries)
        elif outcome.passes and n_tries <= chat.options.max_retries:
            stop.event.wait(pause_s(outcome, n_tries, chat.options.backoff_s))
            continue
        return give_up(chat, stop, outcome, n_tries)


def send_once(
    chat: ChatServer,
    client: httpx2.Client,
    payload: Mapping[str, Any],
    max_tokens: int,
    number: int,
) -> Answer | RequestFault:
    """Send one request; any outcome but a busy server lets the other requests go on."""
    is_busy = False
    try:
        outcome = send_request(chat, client, payload, max_tokens)
        if isinstance(outcome, RequestFault) and outcome.is_busy and chat.options.max_retries:
            is_busy = True
    finally:
        if not is_busy:
            chat.gate.over(number)
    return outcome


def checked_answer(
    chat: ChatServer, answer_given: Answer, request_format: RequestFormat
) -> Outcome:
    """Add the notes of the request format to an answer; an answer with the key in it is an error.

    The text of an answer is never changed, and a secret is never stored.
    """
    chat.gate.answered()
    if len(chat.key) >= MIN_SECRET and chat.key in answer_given.text:
        return MediaError(f"the answer repeats the key in ${chat.options.api_key_env}")
    return replace(answer_given, notes=(*answer_given.notes, *request_format.notes))


def adapts_format(
    chat: ChatServer, request_format: RequestFormat, fault: RequestFault, payload: Mapping[str, Any]
) -> bool:
    """Whether to send a request again in another format, which all requests then use."""
    other = adapted_format(request_format, fault, payload)
    if other is None:
        return False
    if chat.agreed.change(request_format, other):
        for name in other.left_out[len(request_format.left_out) :]:
            add_notice(f"{address_of(chat)} refuses {name}, which is left out from now on")
        if other.form != request_format.form:
            instead = {"json_object": "any JSON", "words": "words alone"}[other.form]
            add_notice(
                f"{address_of(chat)} does not enforce the schema: JSON is asked for by {instead}"
            )
    return True


def should_wait(chat: ChatServer, fault: RequestFault, number: int) -> bool:
    """Whether all requests wait for a busy server: not if it was never reached, or for too long."""
    options, gate = chat.options, chat.gate
    if fault.wait_s is not None and fault.wait_s > options.max_wait_s:
        return False
    busy_s = gate.busy(number, lambda n_tries: busy_pause_s(fault, n_tries, options.backoff_s))
    if gate.was_reached:
        return busy_s < options.max_wait_s
    return gate.n_tries <= options.max_retries


def give_up(chat: ChatServer, stop: Stop, fault: RequestFault, n_tries: int) -> MediaError:
    """The error of a request that is not tried again; it may end all others."""
    reason = explain(chat, fault, n_tries)
    at_most = max(MIN_REFUSED, 2 * chat.options.concurrency)
    is_common = fault.is_common or (fault.is_busy and chat.options.max_retries > 0)
    if is_common or chat.gate.refused() >= at_most:
        stop.because(reason)
        return ServerDownError(stop.reason)
    return MediaError(reason) if fault.of_clip else ServerError(reason)


def send_request(
    chat: ChatServer, client: httpx2.Client, payload: Mapping[str, Any], max_tokens: int
) -> Answer | RequestFault:
    """Send one request: an answer or a fault."""
    began = time.perf_counter()
    timeout_s = chat.options.timeout_s
    url = f"{chat.options.base_url.rstrip('/')}/chat/completions"
    headers = {"Authorization": f"Bearer {chat.key or NO_KEY}"}
    try:
        with client.stream("POST", url, json=payload, headers=headers) as response:
            chat.gate.reached()
            body = read_body(response.iter_bytes(), began + timeout_s, timeout_s)
            if not isinstance(body, RequestFault) and not response.is_success:
                body = read_status(response.status_code, response.headers, body)
            charset = response.charset_encoding
    except httpx2.TransportError as error:
        return connection_fault(error, timeout_s, chat.proxy)
    except httpx2.DecodingError as error:
        return connection_fault(error, timeout_s, chat.proxy)
    if isinstance(body, RequestFault):
        return body
    if charset and charset.lower() not in ("utf-8", "utf8", "us-ascii", "ascii"):
        body = recoded(body, charset)
    return read_answer(body, chat.options.model, max_tokens, time.perf_counter() - began)


def recoded(body: bytes, charset: str) -> bytes:
    """A body in UTF-8, from the charset that its header names."""
    try:
        return body.decode(charset).encode()
    except (LookupError, UnicodeError):
        return body


def read_body(pieces: Iterable[bytes], deadline: float, timeout_s: float) -> bytes | RequestFault:
    """Read the whole answer, unless it is too late or too long."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            reason = f"the answer is longer than {MAX_ANSWER_BYTES >> 20} MiB"
            return RequestFault(reason, of_clip=True)
        if time.perf_counter() > deadline:
            return timeout_fault(timeout_s)
    return bytes(body)


def timeout_fault(timeout_s: float) -> RequestFault:
    """The fault of an answer that does not come in time."""
    return RequestFault(f"no whole answer within timeout_s = {timeout_s:g}", passes=True)


def connection_fault(error: Exception, timeout_s: float, proxy: HttpProxy | None) -> RequestFault:
    """The fault behind an error of the HTTP library."""
    kind = type(error).__name__
    certificate = next((e for e in causes(error) if isinstance(e, ssl.SSLCertVerificationError)), 0)
    if certificate:
        why = getattr(certificate, "verify_message", "") or "it cannot be verified"
        return RequestFault(
            f"the server's certificate is not trusted ({why}): set $SSL_CERT_FILE to a file with "
            "the certificates of who signed it",
            is_common=True,
        )
    if any(isinstance(e, ssl.SSLError) for e in causes(error)) and "WRONG_VERSION" in str(error):
        reason = "the server speaks no TLS there: does its address begin with http://?"
        return RequestFault(reason, is_common=True)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
        route = f" through the proxy of ${proxy.variable}" if proxy else ""
        reason = f"no connection{route} ({kind}): is it running?"
        return RequestFault(reason, passes=True, is_busy=True)
    if isinstance(error, httpx2.TimeoutException):
        return timeout_fault(timeout_s)
    return RequestFault(f"the connection broke off ({kind})", passes=True)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def pause_s(fault: RequestFault, n_tries: int, backoff_s: float) -> float:
    """Seconds to wait: what the server asked for, or twice as long each time, with jitter."""
    jitter = random.random()  # noqa: S311 - spreads requests in time, guards nothing
    if fault.wait_s is not None:
        return fault.wait_s + backoff_s * jitter
    return min(MAX_BACKOFF_S, backoff_s * 2.0 ** (n_tries - 1)) * (0.5 + 0.5 * jitter)


def busy_pause_s(fault: RequestFault, n_tries: int, backoff_s: float) -> float:
    """The same for a busy server, which may be free again at any time."""
    asked_s = pause_s(fault, n_tries, backoff_s)
    return asked_s if fault.wait_s is not None else min(MAX_BUSY_PAUSE_S, asked_s)


def address_of(chat: ChatServer) -> str:
    """A server's address, without user, password or query."""
    where = urlsplit(chat.options.base_url)
    return f"{where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}"


def explain(chat: ChatServer, fault: RequestFault, n_tries: int) -> str:
    """A fault in one line: where, what, and what to do; never with the key in it."""
    key = rf"(?<!\w){re.escape(chat.key)}(?!\w)"
    reason = re.sub(key, "***", fault.reason) if chat.key else fault.reason
    if len(reason) > MAX_QUOTE:
        reason = f"{reason[:MAX_QUOTE]}…"
    if fault.is_busy and fault.wait_s is not None and fault.wait_s > chat.options.max_wait_s:
        limit = f"max_wait_s = {chat.options.max_wait_s:g}"
        reason = f"{reason} (and asks to wait {fault.wait_s:.0f} s, more than {limit})"
    if n_tries > 1:
        reason = f"{reason} (tried {n_tries} times)"
    return f"{address_of(chat)}: {reason}{remedy(chat, fault)}"


def remedy(chat: ChatServer, fault: RequestFault) -> str:
    """What to do about a fault; empty where the server's words say it all."""
    name = chat.options.api_key_env
    if fault.remedy:
        return f": {fault.remedy}"
    if fault.status in (401, 403):
        return f": it refuses the key in ${name}" if chat.key else f": set ${name} to a key"
    if fault.status in (404, 405):
        return f": check base_url (most end in /v1) and model {chat.options.model!r}"
    if not fault.of_clip or fault.status is None:
        return ""
    words = f"{fault.status} {fault.reason}".lower()
    return next((f": {what}" for pattern, what in REMEDIES if re.search(pattern, words)), "")
