"""Requests in the form in which a processor of the package transformers takes them."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vidcurate.errors import MediaError
from vidcurate.models.clip_embedder import LONGEST_FAULT
from vidcurate.models.conversation import Ask, Frame
from vidcurate.models.model_config import ModelConfig


def inputs_of(processor: Any, options: ModelConfig, asks: Sequence[Ask]) -> Any:
    """Requests as tensors, which can be moved to a device.

    Raises MediaError for requests that the processor cannot take.
    """
    pictures = [[picture(p) for p in ask.parts if isinstance(p, Frame)] for ask in asks]
    given: dict[str, Any]
    if not getattr(processor, "chat_template", None):
        # A captioner of the first generation: one picture, and at most a few words to go on from.
        if not all(pictures):
            raise MediaError("a model without a chat template answers requests with a picture only")
        given = {"images": [images[len(images) // 2] for images in pictures]}
        if options.plain_prompt:
            given["text"] = [options.plain_prompt] * len(asks)
    else:
        messages = [message(ask, as_video=options.as_video) for ask in asks]
        given = {"text": processor.apply_chat_template(messages, add_generation_prompt=True)}
        if options.as_video:
            videos = [stacked(images) for images in pictures if images]
            given |= {"videos": videos, "do_sample_frames": False} if videos else {}
        elif any(pictures):
            given["images"] = pictures
    try:
        return processor(**given, padding=True, return_tensors="pt")
    except (ValueError, TypeError, IndexError) as error:
        fault = " ".join(str(error).split())[:LONGEST_FAULT]
        raise MediaError(f"the model's processor refuses the keyframes: {fault}") from error


def message(ask: Ask, *, as_video: bool) -> list[dict[str, Any]]:
    """A request as a chat; pictures are placeholders, which the processor fills in order."""
    as_video = as_video and count_frames(ask) > 0
    content: list[dict[str, Any]] = [{"type": "video"}] if as_video else []
    for part in ask.parts:
        if isinstance(part, str):
            content.append({"type": "text", "text": part})
        elif not as_video:
            content.append({"type": "image"})
    return [{"role": "user", "content": content}]


def picture(frame: Frame) -> Any:
    """A still as an RGB picture of PIL."""
    from PIL import Image  # noqa: PLC0415 - comes with the extra

    return Image.open(io.BytesIO(frame.jpeg)).convert("RGB")


def stacked(images: Sequence[Any]) -> Any:
    """Stills as one video: shape (frames, height, width, 3)."""
    import numpy as np  # noqa: PLC0415 - only videos need it

    return np.stack([np.asarray(image) for image in images])


def count_frames(ask: Ask) -> int:
    """How many pictures a request shows."""
    return sum(isinstance(part, Frame) for part in ask.parts)


def thinned(ask: Ask) -> Ask | None:
    """A request with every second picture, and the words before it, left out; None if only one."""
    frames = [number for number, part in enumerate(ask.parts) if isinstance(part, Frame)]
    if len(frames) < 2:  # noqa: PLR2004 - one picture cannot be halved
        return None
    left_out = set(frames[1::2])
    left_out |= {n - 1 for n in left_out if n and isinstance(ask.parts[n - 1], str) and n > 1}
    return replace(ask, parts=tuple(p for n, p in enumerate(ask.parts) if n not in left_out))
