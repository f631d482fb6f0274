"""A client for any server with the OpenAI chat protocol: vLLM, Ollama, llama.cpp, OpenAI.

What a server refuses in one request is left out of all that follow.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Semaphore
from typing import Any, TypeVar

import httpx2

from vidcurate.errors import MediaError
from vidcurate.models.chat.choices import read_in_words
from vidcurate.models.chat.connection import HttpProxy, proxy_of
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
    has_sound,
    initial_format,
    read_options,
    refuses_schema,
    refuses_sound,
    token_limit,
)
from vidcurate.models.chat.responses import RequestFault, read_answer
from vidcurate.models.notices import add_notice
from vidcurate.models.server import (
    Again,
    Agreed,
    Stop,
    address_of,
    connect,
    post,
    read_key,
    results_in_order,
    send_until_answered,
)

T = TypeVar("T")
NO_SOUND = (
    "the model takes no sound: serve one that hears, or leave out the option hears if it is set"
)
AHEAD = 4  # requests taken ahead, per slot, so that one slow answer leaves no slot idle
MIN_SECRET = 16  # characters; a shorter key, such as "test", is a word of many texts


@dataclass(frozen=True, slots=True)
class ChatServer:
    """A server as a vision-language model."""

    options: ChatOptions
    key: str = field(repr=False)
    proxy: HttpProxy | None = field(repr=False)
    agreed: Agreed[RequestFormat] = field(compare=False)
    gate: RequestGate = field(default_factory=RequestGate, compare=False)
    has_heard: Agreed[bool] = field(default_factory=lambda: Agreed(value=False), compare=False)

    def ask(self, request: ModelRequest) -> Outcome:
        """The answer to one request."""
        with connect(self) as client:
            return answer_request(self, client, Stop(Semaphore()), request)

    def converse(self, conversations: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """Run conversations, `concurrency` at a time, and yield their results in order.

        A fault that every request would meet ends them all, with ServerDownError.
        """
        n_slots = self.options.concurrency
        stop = Stop(Semaphore(n_slots))
        # The client is closed with its connections, which are kept alive between requests.
        with connect(self) as client:
            reply = partial(answer_request, self, client, stop)
            jobs = (partial(run_conversation, one, reply) for one in conversations)
            # More threads than slots: while some wait for the server, others read pictures.
            threads = n_slots + n_slots // 2
            yield from results_in_order(jobs, stop, threads, AHEAD * n_slots, "chat")


def open_chat(options: Mapping[str, object]) -> ChatServer:
    """Open the backend `openai` with the options of `ChatOptions`; nothing is sent yet.

    Raises UsageError for an option that is missing or wrong, an address without http, and a key or
    proxy that cannot be used.
    """
    chosen = read_options(options)
    key = read_key(chosen)
    return ChatServer(chosen, key, proxy_of(chosen.base_url), Agreed(initial_format(chosen)))


def answer_request(
    chat: ChatServer, client: httpx2.Client, stop: Stop, request: ModelRequest
) -> Outcome:
    """Answer one request, with as many tries as the options allow."""

    def send() -> tuple[Answer, RequestFormat] | RequestFault | Again:
        request_format = chat.agreed.value
        payload = chat_payload(chat.options, request, request_format)
        outcome = send_request(chat, client, payload, request)
        if isinstance(outcome, Answer):
            chat.has_heard.change(before=False, after=has_sound(request))
            return told_choice(chat, request_format, request, outcome)
        if refuses_sound(outcome, request) and not chat.has_heard.value:
            return replace(outcome, passes=False, is_common=True, remedy=NO_SOUND)
        if chat.options.structured_output == "schema" and refuses_schema(outcome, payload):
            remedy = "structured_output auto asks in other ways then"
            return replace(outcome, passes=False, is_common=True, remedy=remedy)
        return Again() if adapts_format(chat, request_format, outcome, payload) else outcome

    found = send_until_answered(chat, stop, send)
    return found if isinstance(found, MediaError) else checked_answer(chat, *found)


def told_choice(
    chat: ChatServer, request_format: RequestFormat, request: ModelRequest, answer: Answer
) -> tuple[Answer, RequestFormat] | Again:
    """An answer with the probabilities of its choices, if any were asked for.

    A server that tells no log-probabilities is asked again in words, as are all requests from then
    on.
    """
    if not request.choices or answer.status in ("refused", "empty"):
        return answer, request_format
    if request_format.choices == "words":
        return read_in_words(answer, request.choices), request_format
    if answer.choice_logprobs is not None:
        return answer, request_format
    change_format(chat, request_format, replace(request_format, choices="words"))
    return Again()


def checked_answer(
    chat: ChatServer, answer_given: Answer, request_format: RequestFormat
) -> Outcome:
    """Add the notes of the request format to an answer; an answer with the key in it is an error.

    The text of an answer is never changed, and a secret is never stored.
    """
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
    change_format(chat, request_format, other)
    return True


def change_format(chat: ChatServer, before: RequestFormat, after: RequestFormat) -> None:
    """Write all requests that follow in another format, unless another thread has changed it."""
    if not chat.agreed.change(before, after):
        return
    for name in after.left_out[len(before.left_out) :]:
        add_notice(f"{address_of(chat)} refuses {name}, which is left out from now on")
    if after.form != before.form:
        instead = {"json_object": "any JSON", "words": "words alone"}[after.form]
        add_notice(
            f"{address_of(chat)} does not enforce the schema: JSON is asked for by {instead}"
        )
    if after.choices != before.choices:
        add_notice(
            f"{address_of(chat)} tells no log-probabilities: the model is asked in words how sure "
            "it is of a choice"
        )


def send_request(
    chat: ChatServer, client: httpx2.Client, payload: Mapping[str, Any], request: ModelRequest
) -> Answer | RequestFault:
    """Send one request, written as `payload`: an answer or a fault."""
    began = time.perf_counter()
    body = post(chat, client, "chat/completions", json=payload)
    if isinstance(body, RequestFault):
        return body
    seconds, limit = time.perf_counter() - began, token_limit(chat.options, request)
    return read_answer(body, chat.options.model, limit, seconds, request.choices)
