"""A client for any server with OpenAI's protocol of embeddings: vLLM, TEI, Ollama, llama.cpp.

Each group of texts is one request. All vectors of a run have one length: a server that begins to
send another has another model by now.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Semaphore
from typing import Any

import httpx2
import numpy as np
from pydantic import TypeAdapter

from vidcurate.errors import MediaError
from vidcurate.models.chat.connection import HttpProxy, proxy_of
from vidcurate.models.chat.request_gate import RequestGate
from vidcurate.models.chat.responses import RequestFault, decoded
from vidcurate.models.server import (
    Again,
    Agreed,
    ServerOptions,
    Stop,
    connect,
    post,
    read_key,
    results_in_order,
    send_until_answered,
)
from vidcurate.models.text.encoder import TextVectors, unit_length

PATH = "embeddings"
SAME_MODEL = "is another model running there by now? run the stage again with one model"


@dataclass(frozen=True, slots=True)
class ReplyVector:
    """The vector of one text, and which text it is of."""

    embedding: tuple[float, ...]
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The part of an answer that is read."""

    data: tuple[ReplyVector, ...] = ()
    error: Any = None


REPLY = TypeAdapter(Reply)


@dataclass(frozen=True, slots=True)
class EmbeddingServer:
    """A server as a model of texts. `dimension` is that of its first answer, 0 before it."""

    options: ServerOptions
    key: str = field(repr=False)
    proxy: HttpProxy | None = field(repr=False)
    dimension: Agreed[int] = field(default_factory=lambda: Agreed(0), compare=False)
    gate: RequestGate = field(default_factory=RequestGate, compare=False)

    def encode(self, groups: Iterable[Sequence[str]]) -> Iterator[TextVectors | MediaError]:
        """The vectors of each group of texts, `concurrency` of them at a time, in order."""
        n_slots = self.options.concurrency
        stop = Stop(Semaphore(n_slots))
        with connect(self) as client:
            jobs = (partial(vectors_of_texts, self, client, stop, texts) for texts in groups)
            yield from results_in_order(jobs, stop, n_slots, 2 * n_slots, PATH)


def open_embedding_server(options: ServerOptions) -> EmbeddingServer:
    """Open a server; nothing is sent yet.

    Raises UsageError for an address without http, and a key or proxy that cannot be used.
    """
    return EmbeddingServer(options, read_key(options), proxy_of(options.base_url))


def vectors_of_texts(
    server: EmbeddingServer, client: httpx2.Client, stop: Stop, texts: Sequence[str]
) -> TextVectors | MediaError:
    """The vectors of some texts, with as many tries as the options allow."""

    def send() -> TextVectors | RequestFault | Again:
        body = post(
            server, client, PATH, json={"model": server.options.model, "input": list(texts)}
        )
        return body if isinstance(body, RequestFault) else read_reply(server, body, len(texts))

    return send_until_answered(server, stop, send)


def read_reply(server: EmbeddingServer, body: bytes, n_texts: int) -> TextVectors | RequestFault:
    """Read an answer about so many texts: their vectors in order, or what is wrong with it."""
    reply = decoded(body, REPLY, "list of embeddings")
    if isinstance(reply, RequestFault):
        return reply
    if len(reply.data) != n_texts:
        reason = f"the answer holds {len(reply.data)} vectors for {n_texts} texts"
        return RequestFault(reason, of_clip=True)
    # A server that does not number its vectors gives them in the order of the texts.
    numbered = {n if v.index is None else v.index: v for n, v in enumerate(reply.data)}
    if sorted(numbered) != list(range(n_texts)):
        reason = f"the answer numbers its vectors {sorted(numbered)} for {n_texts} texts"
        return RequestFault(reason, of_clip=True)
    found = [numbered[n] for n in range(n_texts)]
    lengths = {len(vector.embedding) for vector in found}
    server.dimension.change(0, max(lengths))
    wanted = server.dimension.value
    if lengths != {wanted}:
        other = min(lengths - {wanted})
        reason = f"a vector has {other} numbers, and those before it {wanted}: {SAME_MODEL}"
        return RequestFault(reason, of_clip=True)
    try:
        rows = unit_length(np.asarray([vector.embedding for vector in found], np.float32))
    except MediaError as fault:
        return RequestFault(str(fault), of_clip=True)
    return TextVectors(rows, None)
