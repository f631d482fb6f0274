"""A client for any server with OpenAI's protocol of transcription: vLLM, speaches, OpenAI.

Sound is sent as WAV in pieces of at most 30 s. What a server refuses in one request is left out of
all that follow: first the times of words, then those of sentences.
"""

import io
import re
import wave
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Semaphore
from types import MappingProxyType
from typing import Any, Literal

import httpx2
import numpy as np
from pydantic import TypeAdapter

from vidcurate.errors import MediaError
from vidcurate.models.audio.transcription import (
    RATE_HZ,
    Heard,
    HeardSegment,
    Language,
    Samples,
    spread_text,
    words_of_text,
)
from vidcurate.models.chat.connection import HttpProxy, proxy_of
from vidcurate.models.chat.request_gate import RequestGate
from vidcurate.models.chat.requests import REFUSING_STATUSES
from vidcurate.models.chat.responses import RequestFault, decoded
from vidcurate.models.notices import add_notice
from vidcurate.models.server import (
    Again,
    Agreed,
    ServerOptions,
    Stop,
    address_of,
    connect,
    post,
    read_key,
    results_in_order,
    send_until_answered,
)

# What is asked for, the most first.
Detail = Literal["words", "sentences", "text"]
LESSER: Mapping[Detail, Detail] = MappingProxyType({"words": "sentences", "sentences": "text"})
OF_FORMAT = re.compile("response_format|verbose_json|granularit", re.IGNORECASE)
PATH = "audio/transcriptions"
FULL_SCALE = 32767


@dataclass(frozen=True, slots=True)
class ReplyWord:
    """A word of an answer."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class ReplySegment:
    """A sentence or so of an answer."""

    start: float
    end: float
    text: str = ""
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The part of an answer that is read."""

    text: str | None = None
    language: str | None = None
    words: tuple[ReplyWord, ...] | None = None
    segments: tuple[ReplySegment, ...] | None = None
    error: Any = None


REPLY = TypeAdapter(Reply)


@dataclass(frozen=True, slots=True)
class SpeechServer:
    """A server as a speech model."""

    options: ServerOptions
    key: str = field(repr=False)
    proxy: HttpProxy | None = field(repr=False)
    agreed: Agreed[Detail] = field(compare=False)
    gate: RequestGate = field(default_factory=RequestGate, compare=False)

    @property
    def languages(self) -> frozenset[str] | None:
        """Not known."""
        return None

    def language_of(self, mono: Samples) -> Language | None:  # noqa: ARG002 - the protocol's
        """Not asked apart: each answer tells it."""
        return None

    def hear(self, sounds: Iterable[Samples], language: str | None) -> Iterator[Heard | MediaError]:
        """What is said in each sound, `concurrency` of them at a time, in order."""
        n_slots = self.options.concurrency
        stop = Stop(Semaphore(n_slots))
        with connect(self) as client:
            jobs = (partial(transcription, self, client, stop, one, language) for one in sounds)
            yield from results_in_order(jobs, stop, n_slots, 2 * n_slots, "speech")


def open_speech_server(options: ServerOptions) -> SpeechServer:
    """Open a server; nothing is sent yet.

    Raises UsageError for an address without http, and a key or proxy that cannot be used.
    """
    return SpeechServer(options, read_key(options), proxy_of(options.base_url), Agreed("words"))


def transcription(
    server: SpeechServer, client: httpx2.Client, stop: Stop, mono: Samples, language: str | None
) -> Heard | MediaError:
    """What a server hears in a sound, with as many tries as the options allow."""
    file = wav_of(mono)
    length_s = len(mono) / RATE_HZ

    def send() -> Heard | RequestFault | Again:
        detail = server.agreed.value
        data = fields_of(server.options.model, detail, language)
        body = post(
            server, client, PATH, data=data, files={"file": ("speech.wav", file, "audio/wav")}
        )
        outcome = body if isinstance(body, RequestFault) else read_reply(body, length_s)
        if isinstance(outcome, RequestFault) and refuses(outcome, detail):
            lessen(server, detail)
            return Again()
        return outcome

    return send_until_answered(server, stop, send)


def fields_of(model: str, detail: Detail, language: str | None) -> dict[str, Any]:
    """The fields of a request beside the file."""
    data: dict[str, Any] = {"model": model, "temperature": "0"}
    data["response_format"] = "json" if detail == "text" else "verbose_json"
    if detail == "words":
        data["timestamp_granularities[]"] = ["word", "segment"]
    return data if language is None else {**data, "language": language}


def refuses(fault: RequestFault, detail: Detail) -> bool:
    """Whether a server refuses to tell so much."""
    words = f"{fault.parameter} {fault.reason}"
    can_be_less = detail in LESSER and fault.status in REFUSING_STATUSES
    return can_be_less and OF_FORMAT.search(words) is not None


def lessen(server: SpeechServer, detail: Detail) -> None:
    """Ask for less from now on, and say so."""
    if server.agreed.change(detail, LESSER[detail]):
        add_notice(f"{address_of(server)} tells no times of {detail}: words are spread evenly")


def read_reply(body: bytes, length_s: float) -> Heard | RequestFault:
    """Read an answer about a sound of some length: what was said, or what is wrong with it."""
    reply = decoded(body, REPLY, "transcription")
    if isinstance(reply, RequestFault):
        return reply
    if reply.text is None and reply.segments is None:
        return RequestFault("the answer is not a transcription: it has no text")
    language = Language(reply.language.lower(), None) if reply.language else None
    return Heard(tuple(segments_of(reply, length_s)), language)


def segments_of(reply: Reply, length_s: float) -> Iterator[HeardSegment]:
    """The sentences of an answer with their words; one of all words where it has no sentences."""
    text = reply.text or ""
    parts = reply.segments or ((ReplySegment(0.0, length_s, text),) if text.strip() else ())
    waiting = deque(reply.words or ())
    for number, part in enumerate(parts):
        own: list[tuple[str, float, float]] = []
        is_last = number == len(parts) - 1
        while waiting and (is_last or waiting[0].start + waiting[0].end < 2 * part.end):
            word = waiting.popleft()
            own.append((word.word, word.start, max(word.start, word.end)))
        yield HeardSegment(
            part.start,
            part.end,
            words_of_text(part.text, own) if own else spread_text(part.text, part.start, part.end),
            part.no_speech_prob,
            part.avg_logprob,
            part.compression_ratio,
            has_word_times=bool(own),
        )


def wav_of(mono: Samples) -> bytes:
    """A WAV file of 16 bits with one channel at 16 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes((np.clip(mono, -1, 1) * FULL_SCALE).astype("<i2").tobytes())
    return file.getvalue()
