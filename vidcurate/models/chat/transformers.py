"""Runs vision-language models in this process by the package transformers.

Source: the package transformers (`AutoModelForImageTextToText`, `AutoProcessor`): Qwen-VL, SmolVLM,
InternVL, LLaVA, Florence, BLIP and whatever else it has, from the hub or from a folder.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, TypeVar

from vidcurate.errors import MediaError, UsageError
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    Outcome,
    run_conversations,
)
from vidcurate.models.chat.options import ModelConfig
from vidcurate.models.chat.output_text import bounds_thoughts, finish_text
from vidcurate.models.chat.transformers_inputs import (
    count_frames,
    inputs_of,
    left_out_note,
    with_fewer_frames,
)
from vidcurate.models.device import accelerator
from vidcurate.models.transformers_loading import loading, require_transformers

T = TypeVar("T")
REMEDY = (
    "give OWNER/NAME of the hub, or a folder with config.json, the processor's files and "
    "model.safetensors"
)


@dataclass(frozen=True, slots=True)
class TransformersModel:
    """A loaded model with its processor."""

    options: ModelConfig
    model: Any
    processor: Any

    def ask(self, request: ModelRequest) -> Outcome:
        """The answer to one request."""
        return self.answer([request])[0]

    def converse(self, conversations: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """Run conversations, and answer `batch_size` of them together; results in order."""
        return run_conversations(conversations, self.answer, self.options.batch_size)

    def answer(self, requests: Sequence[ModelRequest]) -> list[Outcome]:
        """Answer requests together where they fit into memory.

        Where they do not, half of them are tried at a time; a single request is sent with half of
        its frames, and its answer notes that.
        """
        try:
            return list(generate(self, requests))
        except MediaError as error:
            return [error] if len(requests) == 1 else self.in_halves(requests)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        release_memory()
        return (
            self.in_halves(requests) if len(requests) > 1 else [self.answer_with_fewer(requests[0])]
        )

    def in_halves(self, requests: Sequence[ModelRequest]) -> list[Outcome]:
        """Answer a batch half by half."""
        middle = len(requests) // 2
        return [*self.answer(requests[:middle]), *self.answer(requests[middle:])]

    def answer_with_fewer(self, request: ModelRequest) -> Outcome:
        """Answer a request with every second of its frames, and note that."""
        n_frames = count_frames(request)
        fewer = with_fewer_frames(request)
        if fewer is None:
            return MediaError(
                f"the model's memory does not hold a request with {n_frames} picture(s): "
                "set a smaller image_max_side or max_tokens, or another dtype"
            )
        try:
            [answer] = generate(self, [fewer])
        except MediaError as error:
            return error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            n_shown = count_frames(fewer)
            shown = f"{n_shown} keyframes shown because memory ran out"
            return replace(answer, notes=(*answer.notes, shown))
        release_memory()
        return self.answer_with_fewer(fewer)


def open_transformers(options: Mapping[str, object]) -> TransformersModel:
    """Load the model of `ModelConfig` on the best device of this machine.

    Weights may come from the hub. Code from the hub runs only where `trust_remote_code` allows it.
    Raises MissingExtraError without transformers, UsageError for a model that does not see and
    write or cannot be loaded.
    """
    known = {name: options[name] for name in ModelConfig.model_fields if name in options}
    chosen = ModelConfig.model_validate(known)
    check_transformers(chosen)
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    place = weight_placement(chosen)
    with loading("model", chosen.model, REMEDY):
        processor = transformers.AutoProcessor.from_pretrained(
            chosen.model, **version_arguments(chosen)
        )
        model = transformers.AutoModelForImageTextToText.from_pretrained(
            chosen.model, **version_arguments(chosen), **place, weights_only=True
        )
    if "device_map" not in place:
        model = model.to(accelerator())
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.padding_side = "left"  # what is written goes on where the prompt ends
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return TransformersModel(chosen, model.eval(), processor)


def check_transformers(config: ModelConfig) -> None:
    """Check, without weights, that the packages and a model that sees and writes are available.

    Raises MissingExtraError or UsageError where they are not.
    """
    require_transformers()
    for package, asked in {
        "accelerate": config.device_map,
        "bitsandbytes": config.quantise != "none",
    }.items():
        if asked and find_spec(package) is None:
            raise UsageError(f"device_map and quantise need {package}: pip install {package}")
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    with loading("model", config.model, REMEDY):
        found = transformers.AutoConfig.from_pretrained(config.model, **version_arguments(config))
    known = transformers.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    has_own_code = "AutoModelForImageTextToText" in (getattr(found, "auto_map", None) or {})
    if not has_own_code and type(found) not in known:
        raise UsageError(
            f"{config.model!r} is a {found.model_type} model, which cannot look at pictures and "
            "write: choose one that transformers lists under image-text-to-text"
        )


def version_arguments(config: ModelConfig) -> dict[str, Any]:
    """The revision of a model, and whether its own code may run."""
    return {
        "revision": config.revision or None,
        "trust_remote_code": config.trust_remote_code,
    }


def weight_placement(config: ModelConfig) -> dict[str, Any]:
    """The number type of a model's weights, and their devices."""
    place: dict[str, Any] = {"dtype": dtype_of(config)}
    if config.device_map:
        place["device_map"] = config.device_map
    if config.quantise != "none":
        from transformers import BitsAndBytesConfig  # noqa: PLC0415 - heavy

        bits = {"load_in_8bit": True} if config.quantise == "8bit" else {"load_in_4bit": True}
        place["quantization_config"] = BitsAndBytesConfig(**bits)
        place["device_map"] = config.device_map or "auto"
    return place


def dtype_of(config: ModelConfig) -> Any:
    """The number type of a model: its own on an accelerator, single precision on a CPU."""
    import torch  # noqa: PLC0415 - heavy

    if config.dtype == "auto":
        return torch.float32 if accelerator() == "cpu" else "auto"
    return getattr(torch, config.dtype)


def generate(model: TransformersModel, requests: Sequence[ModelRequest]) -> Iterator[Answer]:
    """Generate the answers to a batch of requests.

    Raises MediaError where the processor refuses them.
    """
    import torch  # noqa: PLC0415 - heavy

    options, processor = model.options, model.processor
    began = time.perf_counter()
    prepared = inputs_of(processor, options, requests)
    inputs = dict(prepared.to(model.model.device, dtype=model.model.dtype))
    n_prompt = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
    token_limit = max(request.max_tokens or options.max_tokens for request in requests)
    with torch.inference_mode():
        written = model.model.generate(**inputs, max_new_tokens=token_limit, **sampling_of(options))
    if n_prompt and not model.model.config.is_encoder_decoder:
        written = written[:, n_prompt:]
    seconds = (time.perf_counter() - began) / len(requests)
    tokenizer = getattr(processor, "tokenizer", processor)
    for number, (request, whole) in enumerate(zip(requests, written, strict=True)):
        own = request.max_tokens or options.max_tokens  # others of the batch may write more
        row = whole[:own]
        kept = row[row != tokenizer.pad_token_id]
        is_cut = len(row) >= own and not has_ended(row, model)
        finished = finish_text(decoded(tokenizer, kept), is_cut=is_cut, max_tokens=own)
        n_prompt_tokens = int(inputs["attention_mask"][number].sum()) if n_prompt else 0
        notes = (*finished.repairs, *left_out_note(processor, request))
        yield Answer(
            finished.text,
            finished.status,
            options.model,
            n_prompt_tokens,
            len(kept),
            seconds,
            notes,
            finished.reason,
        )


def sampling_of(options: ModelConfig) -> dict[str, Any]:
    """How tokens are chosen: by the temperature, else by the model's own defaults."""
    if options.temperature is None:
        return {}
    if not options.temperature:
        return {"do_sample": False}
    return {"do_sample": True, "temperature": options.temperature}


def decoded(tokenizer: Any, tokens: Any) -> str:
    """A model's text, without special tokens except those that separate thoughts."""
    special = {
        number: str(token)
        for number, token in getattr(tokenizer, "added_tokens_decoder", {}).items()
        if token.special
    }
    kept = [n for n in tokens.tolist() if n not in special or bounds_thoughts(special[n])]
    text: str = tokenizer.decode(kept, skip_special_tokens=not special)
    return text


def has_ended(row: Any, model: TransformersModel) -> bool:
    """Whether a model ended by itself."""
    finish_text = model.model.generation_config.eos_token_id
    endings = finish_text if isinstance(finish_text, list) else [finish_text]
    return any(int(token) in endings for token in row)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error means that the machine or its GPU has no memory left."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def release_memory() -> None:
    """Release GPU memory that a failed try holds."""
    import torch  # noqa: PLC0415 - heavy

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
