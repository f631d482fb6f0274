"""Sends requests to a server of models, whatever it serves: tries, waits, and errors in one line.

A fault of the server or network says nothing about a clip: all requests wait together while it may
pass, and where it does not the run stops with one line.
"""

import os
import random
import re
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from threading import Event, Lock, Semaphore
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx2

from vidcurate.errors import MediaError, ServerDownError, ServerError, UsageError
from vidcurate.models.chat.connection import HttpProxy, open_client
from vidcurate.models.chat.request_gate import RequestGate
from vidcurate.models.chat.responses import MAX_QUOTE, RequestFault, read_status

T = TypeVar("T")
NO_KEY = "none"  # local servers want no key, but some want the header
MAX_BACKOFF_S = 60.0
MAX_BUSY_PAUSE_S = 10.0  # a server that does not say how long it is busy is asked that often
MAX_ANSWER_BYTES = 8 << 20  # a thousand times a long caption: more is no caption
MIN_REFUSED = 16  # requests refused, and none answered, after which no more are sent

# What a refused request may lack, by the server's words.
REMEDIES = (
    (r"temperature", "temperature none leaves it to the server"),
    (r"context|too long", "a smaller keyframes.count, max_image_side or max_tokens takes less"),
    (r"\b413\b|too large", "a smaller max_image_side or keyframes.count makes requests smaller"),
    (r"image", "keyframes.count and max_image_side decide what is shown"),
)


class ServerOptions(Protocol):
    """The options of a server that every request needs."""

    @property
    def base_url(self) -> str:
        """Its address."""
        ...

    @property
    def model(self) -> str:
        """The name of the model."""
        ...

    @property
    def timeout_s(self) -> float:
        """The time limit of one request."""
        ...

    @property
    def concurrency(self) -> int:
        """Requests at the same time."""
        ...

    @property
    def max_retries(self) -> int:
        """Tries after a failed one."""
        ...

    @property
    def backoff_s(self) -> float:
        """The wait after the first failed try."""
        ...

    @property
    def max_wait_s(self) -> float:
        """How long requests wait for a server that is full or starting."""
        ...

    @property
    def api_key_env(self) -> str:
        """The name of the variable that holds the key."""
        ...


class ModelServer(Protocol):
    """A server that requests are sent to."""

    @property
    def options(self) -> ServerOptions:
        """How it is asked."""
        ...

    @property
    def key(self) -> str:
        """The key, "" for none."""
        ...

    @property
    def proxy(self) -> HttpProxy | None:
        """The proxy on the way to it."""
        ...

    @property
    def gate(self) -> RequestGate:
        """Whether it is busy, as all threads know."""
        ...


@dataclass(slots=True)
class Agreed(Generic[T]):
    """What a server accepts, as far as it is known by now; all threads share it."""

    value: T
    lock: Lock = field(default_factory=Lock)

    def change(self, before: T, after: T) -> bool:
        """Go on with another value, unless another thread has; whether this was the first."""
        with self.lock:
            is_first = self.value == before
            if is_first:
                self.value = after
            return is_first


@dataclass(frozen=True, slots=True)
class Again:
    """The request is sent again in another form, which is no failed try."""


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


def read_key(options: ServerOptions) -> str:
    """The key of a server from its environment variable, "" for none.

    Raises UsageError for an address without http, a missing model, and a key that is none.
    """
    if urlsplit(options.base_url).scheme not in ("http", "https"):
        raise UsageError(
            f"base_url is {options.base_url!r}: it must begin with http:// or https://"
        )
    if not options.model:
        raise UsageError("no model is named: set the option model to one that the server has")
    key = os.environ.get(options.api_key_env, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"${options.api_key_env} holds characters that no key has")
    return key


def connect(server: ModelServer) -> httpx2.Client:
    """Open a client of a server, which the caller closes."""
    return open_client(server.options.base_url, server.options.timeout_s, server.proxy)


def results_in_order(
    jobs: Iterable[Callable[[], T]], stop: Stop, threads: int, ahead: int, name: str
) -> Iterator[T]:
    """Run jobs in threads, at most `ahead` of them at once, and yield their results in order.

    Where the caller takes no more, `stop` ends those that wait for a server.
    """
    source = iter(jobs)
    running: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(threads, name)
    try:
        while True:
            running.extend(pool.submit(job) for job in islice(source, ahead - len(running)))
            if not running:
                return
            yield running.popleft().result()
    finally:
        stop.event.set()
        pool.shutdown(cancel_futures=True)


def send_until_answered(
    server: ModelServer, stop: Stop, send: Callable[[], T | RequestFault | Again]
) -> T | MediaError:
    """Send a request with as many tries as the options allow; what it gives, or why nothing."""
    n_tries = 0
    while True:
        with stop.slots:
            number = server.gate.wait(stop.event.is_set)
            if stop.event.is_set():
                return ServerDownError(stop.reason)
            outcome = send_once(server, send, number)
        if isinstance(outcome, Again):
            continue
        if not isinstance(outcome, RequestFault):
            server.gate.answered()
            return outcome
        n_tries += 1
        if outcome.is_busy and server.options.max_retries:
            if should_wait(server, outcome, number):
                continue
            n_tries = max(n_tries, server.gate.n_tries)
        elif outcome.passes and n_tries <= server.options.max_retries:
            stop.event.wait(pause_s(outcome, n_tries, server.options.backoff_s))
            continue
        return give_up(server, stop, outcome, n_tries)


def send_once(
    server: ModelServer, send: Callable[[], T | RequestFault | Again], number: int
) -> T | RequestFault | Again:
    """Send one request; any outcome but a busy server lets the other requests go on."""
    is_busy = False
    try:
        outcome = send()
        if isinstance(outcome, RequestFault) and outcome.is_busy and server.options.max_retries:
            is_busy = True
    finally:
        if not is_busy:
            server.gate.over(number)
    return outcome


def should_wait(server: ModelServer, fault: RequestFault, number: int) -> bool:
    """Whether all requests wait for a busy server: not if it was never reached, or for too long."""
    options, gate = server.options, server.gate
    if fault.wait_s is not None and fault.wait_s > options.max_wait_s:
        return False
    busy_s = gate.busy(number, lambda n_tries: busy_pause_s(fault, n_tries, options.backoff_s))
    if gate.was_reached:
        return busy_s < options.max_wait_s
    return gate.n_tries <= options.max_retries


def give_up(server: ModelServer, stop: Stop, fault: RequestFault, n_tries: int) -> MediaError:
    """The error of a request that is not tried again; it may end all others."""
    reason = explain(server, fault, n_tries)
    at_most = max(MIN_REFUSED, 2 * server.options.concurrency)
    is_common = fault.is_common or (fault.is_busy and server.options.max_retries > 0)
    if is_common or server.gate.refused() >= at_most:
        stop.because(reason)
        return ServerDownError(stop.reason)
    return MediaError(reason) if fault.of_clip else ServerError(reason)


def post(
    server: ModelServer, client: httpx2.Client, path: str, **content: Any
) -> bytes | RequestFault:
    """Send a request to a path below the server's address: the body of its answer, or a fault.

    `content` is what httpx2 takes: `json`, or `data` and `files`.
    """
    began = time.perf_counter()
    timeout_s = server.options.timeout_s
    url = f"{server.options.base_url.rstrip('/')}/{path}"
    headers = {"Authorization": f"Bearer {server.key or NO_KEY}"}
    try:
        with client.stream("POST", url, headers=headers, **content) as response:
            server.gate.reached()
            body = read_body(response.iter_bytes(), began + timeout_s, timeout_s)
            if not isinstance(body, RequestFault) and not response.is_success:
                body = read_status(response.status_code, response.headers, body)
            charset = response.charset_encoding
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        return connection_fault(error, timeout_s, server.proxy)
    if isinstance(body, RequestFault):
        return body
    if charset and charset.lower() not in ("utf-8", "utf8", "us-ascii", "ascii"):
        body = recoded(body, charset)
    return body


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


def address_of(server: ModelServer) -> str:
    """A server's address, without user, password or query."""
    where = urlsplit(server.options.base_url)
    return f"{where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}"


def explain(server: ModelServer, fault: RequestFault, n_tries: int) -> str:
    """A fault in one line: where, what, and what to do; never with the key in it."""
    key = rf"(?<!\w){re.escape(server.key)}(?!\w)"
    reason = re.sub(key, "***", fault.reason) if server.key else fault.reason
    if len(reason) > MAX_QUOTE:
        reason = f"{reason[:MAX_QUOTE]}…"
    if fault.is_busy and fault.wait_s is not None and fault.wait_s > server.options.max_wait_s:
        limit = f"max_wait_s = {server.options.max_wait_s:g}"
        reason = f"{reason} (and asks to wait {fault.wait_s:.0f} s, more than {limit})"
    if n_tries > 1:
        reason = f"{reason} (tried {n_tries} times)"
    return f"{address_of(server)}: {reason}{remedy(server, fault)}"


def remedy(server: ModelServer, fault: RequestFault) -> str:
    """What to do about a fault; empty where the server's words say it all."""
    name = server.options.api_key_env
    if fault.remedy:
        return f": {fault.remedy}"
    if fault.status in (401, 403):
        return f": it refuses the key in ${name}" if server.key else f": set ${name} to a key"
    if fault.status in (404, 405):
        return f": check base_url (most end in /v1) and model {server.options.model!r}"
    if not fault.of_clip or fault.status is None:
        return ""
    words = f"{fault.status} {fault.reason}".lower()
    return next((f": {what}" for pattern, what in REMEDIES if re.search(pattern, words)), "")
