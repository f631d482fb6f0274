"""Runs vision-language models in this process by vLLM, which needs a GPU.

Source: the package vllm (`LLM.chat`). It is not an extra of this package, since the right build
depends on the GPU and its driver.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeVar

from vidcurate.errors import MediaError, ServerError, UsageError
from vidcurate.models.chat.choices import (
    N_LIKELIEST,
    TokenStep,
    with_choice_logprobs,
    with_choices_named,
)
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    Outcome,
    run_conversations,
)
from vidcurate.models.chat.options import VllmConfig
from vidcurate.models.chat.output_text import finish_text
from vidcurate.models.chat.requests import part_of

T = TypeVar("T")
MAX_PICTURES = 64  # in one request; vLLM must know before it begins
MAX_SOUNDS = 8  # of 30 s


@dataclass(frozen=True, slots=True)
class VllmModel:
    """A loaded engine."""

    options: VllmConfig
    engine: Any

    def ask(self, request: ModelRequest) -> Outcome:
        """The answer to one request."""
        return self.answer([request])[0]

    def converse(self, conversations: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """Run conversations, and answer `batch_size` of them together; results in order."""
        return run_conversations(conversations, self.answer, self.options.batch_size)

    def answer(self, requests: Sequence[ModelRequest]) -> list[Outcome]:
        """Answer requests together; vLLM itself fits them into memory."""
        began = time.perf_counter()
        limits = [request.max_tokens or self.options.max_tokens for request in requests]
        named = [with_choices_named(r) if r.choices else r for r in requests]
        sampling = [
            self.sampling(max_tokens, tells_choices=bool(request.choices))
            for max_tokens, request in zip(limits, requests, strict=True)
        ]
        try:
            results = self.engine.chat([chat_of(r) for r in named], sampling, use_tqdm=False)
        except ValueError as error:  # such as a request that is longer than the model's context
            if len(requests) == 1:
                return [MediaError(f"vLLM: {error}")]
            return [outcome for request in requests for outcome in self.answer([request])]
        seconds = (time.perf_counter() - began) / len(requests)
        return [
            read_output(result, self.options.model, max_tokens, seconds, request.choices)
            for result, max_tokens, request in zip(results, limits, requests, strict=True)
        ]

    def sampling(self, max_tokens: int, *, tells_choices: bool = False) -> Any:
        """How tokens are chosen: by the temperature, else by the model's own defaults.

        An answer that tells the probabilities of choices has those of its likeliest tokens.
        """
        from vllm import SamplingParams  # type: ignore[import-not-found] # noqa: PLC0415 - heavy

        if self.options.temperature is not None:
            own = SamplingParams(temperature=self.options.temperature, max_tokens=max_tokens)
        else:
            own = self.engine.get_default_sampling_params()
            own.max_tokens = max_tokens
        if tells_choices:
            own.logprobs = N_LIKELIEST
        return own


def open_vllm(options: Mapping[str, object]) -> VllmModel:
    """Load the model of `VllmConfig`; weights come from the hub if need be.

    Raises UsageError where vLLM is not installed.
    """
    known = {name: options[name] for name in VllmConfig.model_fields if name in options}
    chosen = VllmConfig.model_validate(known)
    check_vllm(chosen)
    from vllm import LLM  # noqa: PLC0415 - heavy

    engine = LLM(
        model=chosen.model,
        revision=chosen.revision or None,
        dtype=chosen.dtype,
        trust_remote_code=chosen.trust_remote_code,
        limit_mm_per_prompt={
            "image": MAX_PICTURES,
            **({"audio": MAX_SOUNDS} if chosen.hears else {}),
        },
    )
    return VllmModel(chosen, engine)


def check_vllm(_config: VllmConfig) -> None:
    """Raise UsageError where vLLM is not installed."""
    if find_spec("vllm") is None:
        raise UsageError(
            "backend vllm needs the package vllm, which runs on a GPU: pip install vllm; or serve "
            "the model elsewhere and ask it by backend openai"
        )


def chat_of(request: ModelRequest) -> list[dict[str, Any]]:
    """A request as a chat, in the form of the OpenAI protocol."""
    content = [part_of(part, "auto") for part in request.parts]
    return [{"role": "user", "content": content}]


def read_output(
    result: Any, model: str, max_tokens: int, seconds: float, choices: Sequence[str] = ()
) -> Outcome:
    """Read vLLM's output for one request, which may have asked for one of some choices."""
    [completion] = result.outputs
    why = completion.finish_reason
    if why not in ("stop", "length", None):
        return ServerError(f"vLLM broke the answer off (finish_reason {why})")
    finished = finish_text(completion.text, is_cut=why == "length", max_tokens=max_tokens)
    n_prompt, n_written = len(result.prompt_token_ids or ()), len(completion.token_ids)
    answer = Answer(
        finished.text,
        finished.status,
        model,
        n_prompt,
        n_written,
        seconds,
        finished.repairs,
        finished.reason,
    )
    return with_choice_logprobs(answer, steps_of(completion), choices)


def steps_of(completion: Any) -> list[TokenStep] | None:
    """The steps of an output of vLLM; None where it has no log-probabilities."""
    if not completion.logprobs:
        return None
    return [
        TokenStep(
            str(likeliest[token].decoded_token),
            tuple((str(other.decoded_token), other.logprob) for other in likeliest.values()),
        )
        for token, likeliest in zip(completion.token_ids, completion.logprobs, strict=True)
    ]
