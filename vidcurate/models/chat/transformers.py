"""Runs vision-language models in this process by the package transformers.

Source: the package transformers (`AutoModelForImageTextToText`, `AutoProcessor`): Qwen-VL, SmolVLM,
InternVL, LLaVA, Florence, BLIP and whatever else it has, from the hub or from a folder.
"""

import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, TypeVar

from vidcurate.errors import MediaError, UsageError
from vidcurate.models.audio.transcription import RATE_HZ
from vidcurate.models.chat.captioners import ENCODER_DECODER, paired_processor, stills_taken
from vidcurate.models.chat.choices import choice_logprobs
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    Outcome,
    run_conversations,
)
from vidcurate.models.chat.options import TransformersConfig
from vidcurate.models.chat.output_text import bounds_thoughts, finish_text
from vidcurate.models.chat.transformers_choices import (
    StepRecorder,
    first_tokens,
    recorded_steps,
)
from vidcurate.models.chat.transformers_inputs import (
    count_frames,
    frames_of,
    hears,
    inputs_of,
    left_out_note,
    listener_of,
    shown_of,
    sounds_of,
    with_fewer_frames,
)
from vidcurate.models.device import accelerator
from vidcurate.models.transformers_loading import loading, require_transformers

T = TypeVar("T")
REMEDY = (
    "give OWNER/NAME of the hub, or a folder with config.json, the processor's files and "
    "model.safetensors"
)
SEEING = "AutoModelForImageTextToText"
MODEL_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        SEEING: "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING",
        "AutoModelForMultimodalLM": "MODEL_FOR_MULTIMODAL_LM_MAPPING",
    }
)
# The likeliest token is always taken, so that it is among those whose probability is kept.
GREEDY = {"do_sample": False, "num_beams": 1}


@dataclass(frozen=True, slots=True)
class TransformersModel:
    """A loaded model with its processor."""

    options: TransformersConfig
    model: Any
    processor: Any
    n_stills: int = 1

    def ask(self, request: ModelRequest) -> Outcome:
        """The answer to one request."""
        return self.answer([request])[0]

    def converse(self, conversations: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """Run conversations, and answer `batch_size` of them together; results in order."""
        return run_conversations(conversations, self.answer, self.options.batch_size)

    def answer(self, requests: Sequence[ModelRequest]) -> list[Outcome]:
        """Answer requests together where they fit into memory.

        Where they do not, half of them are tried at a time; a single request is sent with half of
        its frames, and its answer notes that. Requests with choices are answered apart from others.
        """
        choosing = [bool(request.choices) for request in requests]
        if any(choosing) and not all(choosing):
            return self.in_kinds(requests, choosing)
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

    def in_kinds(self, requests: Sequence[ModelRequest], kinds: Sequence[bool]) -> list[Outcome]:
        """Answer the requests of each kind together, and return the answers in order."""
        found: dict[int, Outcome] = {}
        for kind in (False, True):
            own = [number for number, its_kind in enumerate(kinds) if its_kind == kind]
            found.update(zip(own, self.answer([requests[n] for n in own]), strict=True))
        return [found[number] for number in range(len(requests))]

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
                f"the model's memory does not hold a request with {n_frames} picture(s) and "
                f"{len(sounds_of(request))} sound(s): set a smaller max_image_side or max_tokens, "
                "or another dtype"
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
            times_s = answer.shown_times_s or tuple(f.time_s for f in frames_of(fewer))
            return replace(answer, notes=(*answer.notes, shown), shown_times_s=times_s)
        release_memory()
        return self.answer_with_fewer(fewer)


def open_transformers(options: Mapping[str, object]) -> TransformersModel:
    """Load the model of `TransformersConfig` on the best device of this machine.

    Weights may come from the hub. Code from the hub runs only where `trust_remote_code` allows it.
    Raises MissingExtraError without transformers, UsageError for a model that does not see and
    write or cannot be loaded.
    """
    known = {name: options[name] for name in TransformersConfig.model_fields if name in options}
    chosen = TransformersConfig.model_validate(known)
    check_transformers(chosen)
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    place, version = weight_placement(chosen), version_arguments(chosen)
    with loading("model", chosen.model, REMEDY):
        processor = transformers.AutoProcessor.from_pretrained(chosen.model, **version)
        found = writing_config(transformers.AutoConfig.from_pretrained(chosen.model, **version))
        if found.model_type == ENCODER_DECODER and not hasattr(processor, "tokenizer"):
            processor = paired_processor(chosen.model, version)
        model = model_class(found).from_pretrained(
            chosen.model, config=found, **version, **place, weights_only=True
        )
    if "device_map" not in place:
        model = model.to(accelerator())
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.padding_side = "left"  # what is written goes on where the prompt ends
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return TransformersModel(chosen, model.eval(), processor, stills_taken(found))


def check_transformers(config: TransformersConfig) -> None:
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
    if not can_answer(writing_config(found), hears_enough=config.hears):
        raise UsageError(
            f"{config.model!r} is a {found.model_type} model, which cannot look at pictures and "
            "write: choose one that transformers lists under image-text-to-text"
        )
    if config.hears:
        check_hears(config)


def can_answer(config: Any, *, hears_enough: bool) -> bool:
    """Whether a model of a config writes of what it sees, or hears where that is enough."""
    if model_class(config) is None:
        return False
    sees_pictures = type(config) in known_models(SEEING) or hasattr(config, "vision_config")
    return sees_pictures or hears_enough or SEEING in own_code_of(config)


def check_hears(config: TransformersConfig) -> None:
    """Raise UsageError where the processor of a model takes no sound, or none at 16 kHz."""
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    with loading("model", config.model, REMEDY):
        processor = transformers.AutoProcessor.from_pretrained(
            config.model, **version_arguments(config)
        )
    rate_hz = getattr(listener_of(processor), "sampling_rate", RATE_HZ)
    if not hears(processor) or rate_hz != RATE_HZ:
        fault = f"sound at {rate_hz} Hz" if hears(processor) else "no sound"
        raise UsageError(
            f"{config.model!r} takes {fault}: leave out hears, or choose a model that "
            "takes sound at 16000 Hz"
        )


def writing_config(config: Any) -> Any:
    """The part of a model's config that writes: a model that also speaks has one for each."""
    return getattr(config, "thinker_config", config)


def model_class(config: Any) -> Any:
    """The class that loads a model which sees or hears, and writes; None where there is none."""
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    for name in MODEL_CLASSES:
        if name in own_code_of(config) or type(config) in known_models(name):
            return getattr(transformers, name)
    return None


def known_models(name: str) -> Container[type]:
    """The configs of the models that a class of transformers loads."""
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    known: Container[type] = getattr(transformers, MODEL_CLASSES[name], ())
    return known


def own_code_of(config: Any) -> Mapping[str, str]:
    """The classes that come as code with a model."""
    return getattr(config, "auto_map", None) or {}


def version_arguments(config: TransformersConfig) -> dict[str, Any]:
    """The revision of a model, and whether its own code may run."""
    return {
        "revision": config.revision or None,
        "trust_remote_code": config.trust_remote_code,
    }


def weight_placement(config: TransformersConfig) -> dict[str, Any]:
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


def dtype_of(config: TransformersConfig) -> Any:
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
    prepared = inputs_of(processor, options, requests, model.n_stills)
    inputs = dict(prepared.to(model.model.device, dtype=model.model.dtype))
    n_prompt = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
    token_limit = max(request.max_tokens or options.max_tokens for request in requests)
    tokenizer = getattr(processor, "tokenizer", processor)
    recorder = recorder_of(tokenizer, requests)
    ways = {**GREEDY, "logits_processor": [recorder]} if recorder else sampling_of(options)
    with torch.inference_mode():
        written = model.model.generate(**inputs, max_new_tokens=token_limit, **ways)
    if n_prompt and not model.model.config.is_encoder_decoder:
        written = written[:, n_prompt:]
    seconds = (time.perf_counter() - began) / len(requests)
    for number, (request, whole) in enumerate(zip(requests, written, strict=True)):
        own = request.max_tokens or options.max_tokens  # others of the batch may write more
        row = whole[:own]
        kept = row[row != tokenizer.pad_token_id]
        is_cut = len(row) >= own and not has_ended(row, model)
        finished = finish_text(decoded(tokenizer, kept), is_cut=is_cut, max_tokens=own)
        n_prompt_tokens = int(inputs["attention_mask"][number].sum()) if n_prompt else 0
        shown = shown_of(processor, request, model.n_stills)
        answer = Answer(
            finished.text,
            finished.status,
            options.model,
            n_prompt_tokens,
            len(kept),
            seconds,
            (*finished.repairs, *left_out_note(shown, request)),
            finished.reason,
            shown_times_s=None if shown is None else tuple(frame.time_s for frame in shown),
        )
        if recorder is None:
            yield answer
            continue
        steps = recorded_steps(tokenizer, recorder, number, row.tolist(), finished.text)
        told = choice_logprobs(steps, request.choices)
        yield replace(answer, choice_logprobs=told, score_from="logprobs")


def recorder_of(tokenizer: Any, requests: Sequence[ModelRequest]) -> StepRecorder | None:
    """What records the probabilities of choices; None where none are asked for."""
    choices = list(dict.fromkeys(choice for r in requests for choice in r.choices))
    return StepRecorder(first_tokens(tokenizer, choices)) if choices else None


def sampling_of(options: TransformersConfig) -> dict[str, Any]:
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
