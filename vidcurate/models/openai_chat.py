"""Answers of any server that speaks the OpenAI chat protocol: vLLM, Ollama, llama.cpp, OpenAI.

The SDK gives the client, its pool and its kinds of errors. Its own retries are switched off: they
do not cover an answer that breaks off, do not end when another thread learns that the server
refuses everybody, and its timeout bounds each piece of an answer, not the whole.
"""

import os
import random
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from threading import Event, Semaphore
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai

from vidcurate.errors import MediaError, UsageError
from vidcurate.models.chat_answers import LONGEST_QUOTE, Fault, read_answer, read_status
from vidcurate.models.chat_request import ChatOptions, chat_payload, read_options
from vidcurate.models.conversation import Answer, Ask, Conversation, Outcome, hold

T = TypeVar("T")
NO_KEY = "none"  # local servers want no key, but the SDK insists on one
AHEAD = 4  # requests taken ahead, per slot, so that one slow answer leaves no slot idle
LONGEST_CONNECT_S = 10.0
LONGEST_BACKOFF_S = 60.0
LARGEST_ANSWER_BYTES = 8 << 20  # a thousand times a long caption: more is no caption
HTTP_LIBRARIES = ("httpx", "httpx2")  # the SDK stands on one of them, by its version
UNREACHABLE = ("ConnectError", "ConnectTimeout")  # names that they share


@dataclass(slots=True)
class Stop:
    """Tells all threads of a call to end, and why; `slots` bounds how many ask at once."""

    slots: Semaphore
    event: Event = field(default_factory=Event)
    reason: str = "the run was stopped"

    def because(self, reason: str) -> None:
        """End every request that has not been answered, with this reason."""
        if not self.event.is_set():
            self.reason = reason
            self.event.set()


@dataclass(frozen=True, slots=True)
class ChatServer:
    """A server as a model that sees and writes."""

    options: ChatOptions
    key: str = field(repr=False)
    only_words: Event = field(default_factory=Event, compare=False)
    """Set when the server has said that it cannot bind answers to a schema."""

    def ask(self, ask: Ask) -> Outcome:
        """The answer to one request."""
        with connect(self) as client:
            return answer(self, client, Stop(Semaphore()), ask)

    def converse(self, talks: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """One result per conversation, in order, of which `concurrency` are held at a time.

        A fault that every request would meet ends them all.
        """
        n_slots = self.options.concurrency
        source, stop = iter(talks), Stop(Semaphore(n_slots))
        open_talks: deque[Future[T | MediaError]] = deque()
        # More threads than slots: while some wait for the server, others read pictures.
        pool = ThreadPoolExecutor(n_slots + n_slots // 2, "chat")
        # The client is closed with its connections, which are kept alive between requests.
        with connect(self) as client:
            try:
                while True:
                    room = AHEAD * n_slots - len(open_talks)
                    for talk in islice(source, room):
                        reply = partial(answer, self, client, stop)
                        open_talks.append(pool.submit(hold, talk, reply))
                    if not open_talks:
                        return
                    yield open_talks.popleft().result()
            finally:
                stop.event.set()
                pool.shutdown(cancel_futures=True)


def open_chat(options: Mapping[str, object]) -> ChatServer:
    """The backend `openai` with the options of `ChatOptions`; nothing is sent yet.

    Raises UsageError for an option that is missing or wrong, an address that is none, and a key
    that cannot be used.
    """
    chosen = read_options(options)
    if urlsplit(chosen.base_url).scheme not in ("http", "https"):
        raise UsageError(f"base_url is {chosen.base_url!r}: it must begin with http:// or https://")
    if not chosen.model:
        raise UsageError("no model is named: set the option model to one that the server has")
    key = os.environ.get(chosen.api_key_env, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"${chosen.api_key_env} holds characters that no key has")
    return ChatServer(chosen, key)


def connect(chat: ChatServer) -> openai.OpenAI:
    """A client of a server, to be closed by who asked for it."""
    timeout_s = chat.options.timeout_s
    return openai.OpenAI(
        api_key=chat.key or NO_KEY,
        base_url=chat.options.base_url,
        timeout=openai.Timeout(timeout_s, connect=min(timeout_s, LONGEST_CONNECT_S)),
        max_retries=0,
    )


def answer(chat: ChatServer, client: openai.OpenAI, stop: Stop, ask: Ask) -> Outcome:
    """The answer to one request, after as many tries as the options allow."""
    n_tries = 0
    while True:
        by_schema = binds(chat)
        payload = chat_payload(chat.options, ask, by_schema=by_schema)
        with stop.slots:
            if stop.event.is_set():
                return MediaError(stop.reason)
            outcome = attempt(chat, client, payload)
            if isinstance(outcome, Answer):
                return outcome
            if by_schema and outcome.refuses_schema and chat.options.structured_output == "auto":
                chat.only_words.set()
                continue
            n_tries += 1
            if not outcome.passes or n_tries > chat.options.retries:
                reason = explain(chat, outcome, n_tries)
                if outcome.is_common:
                    stop.because(reason)
                return MediaError(reason)
        stop.event.wait(pause_s(outcome, n_tries, chat.options.backoff_s))


def binds(chat: ChatServer) -> bool:
    """Whether the server is to bind JSON answers to their schema."""
    return chat.options.structured_output != "prompt" and not chat.only_words.is_set()


def attempt(chat: ChatServer, client: openai.OpenAI, payload: Mapping[str, Any]) -> Answer | Fault:
    """What one request brings: an answer or a fault."""
    began = time.perf_counter()
    timeout_s = chat.options.timeout_s
    try:
        create = client.chat.completions.with_streaming_response.create
        with create(**payload) as response:
            body = read_body(response.iter_bytes(), began + timeout_s, timeout_s)
    except openai.APIStatusError as error:
        return read_status(error.status_code, error.response.headers, error.body)
    except openai.APIConnectionError as error:
        return connection_fault(type(error.__cause__).__name__, timeout_s)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in HTTP_LIBRARIES:
            raise
        return connection_fault(type(error).__name__, timeout_s)
    if isinstance(body, Fault):
        return body
    if chat.key:  # a server may repeat what it was sent
        body = body.replace(chat.key.encode(), b"***")
    return read_answer(body, chat.options.model, time.perf_counter() - began)


def read_body(pieces: Iterable[bytes], deadline: float, timeout_s: float) -> bytes | Fault:
    """The whole answer, unless it does not end in time or does not end at all."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > LARGEST_ANSWER_BYTES:
            return Fault(f"the answer is longer than {LARGEST_ANSWER_BYTES >> 20} MiB")
        if time.perf_counter() > deadline:
            return connection_fault("Timeout", timeout_s)
    return bytes(body)


def connection_fault(kind: str, timeout_s: float) -> Fault:
    """The fault that an error of the HTTP library stands for, by the name of its class."""
    if kind in UNREACHABLE:
        return Fault(f"no connection ({kind}): is it running?", passes=True, is_common=True)
    if kind.endswith("Timeout"):
        return Fault(f"no whole answer within timeout_s = {timeout_s:g}", passes=True)
    return Fault(f"the connection broke off ({kind})", passes=True)


def pause_s(fault: Fault, n_tries: int, backoff_s: float) -> float:
    """Seconds to wait: what the server asked for, or twice as long each time, with jitter."""
    jitter = random.random()  # noqa: S311 - spreads requests in time, guards nothing
    if fault.wait_s is not None:
        return fault.wait_s + backoff_s * jitter
    return min(LONGEST_BACKOFF_S, backoff_s * 2.0 ** (n_tries - 1)) * (0.5 + 0.5 * jitter)


def explain(chat: ChatServer, fault: Fault, n_tries: int) -> str:
    """A fault in one line: where, what, and what to do; never with the key in it."""
    where = urlsplit(chat.options.base_url)
    address = f"{where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}"
    reason = fault.reason.replace(chat.key, "***") if chat.key else fault.reason
    if len(reason) > LONGEST_QUOTE:
        reason = f"{reason[:LONGEST_QUOTE]}…"
    if n_tries > 1:
        reason = f"{reason} (tried {n_tries} times)"
    return f"{address}: {reason}{remedy(chat, fault)}"


def remedy(chat: ChatServer, fault: Fault) -> str:
    """What to do about a fault of the key, the address or the model; empty for others."""
    name = chat.options.api_key_env
    if fault.status in (401, 403):
        return f": it refuses the key in ${name}" if chat.key else f": set ${name} to a key"
    if fault.status in (404, 405):
        return f": check base_url (most end in /v1) and model {chat.options.model!r}"
    return ""
