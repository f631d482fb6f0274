"""Prepares requests for a processor of the package transformers."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Frame, ModelRequest, Sound
from vidcurate.models.chat.options import TransformersConfig
from vidcurate.models.vision.clip_embedder import MAX_FAULT

MS_PER_S = 1000  # milliseconds


def inputs_of(processor: Any, options: TransformersConfig, requests: Sequence[ModelRequest]) -> Any:
    """Requests as tensors, which can be moved to a device.

    Raises MediaError for requests that the processor cannot take.
    """
    pictures = [[as_pil_image(frame) for frame in frames_of(request)] for request in requests]
    given: dict[str, Any]
    if not has_chat(processor):
        # A captioner of the first generation: one picture, and at most a few words to go on from.
        if not all(pictures):
            raise MediaError("a model without a chat template answers requests with a picture only")
        given = {"images": [images[middle_number(images)] for images in pictures]}
        if options.plain_prompt:
            given["text"] = [options.plain_prompt] * len(requests)
    else:
        messages = [message(request, as_video=options.as_video) for request in requests]
        given = {"text": processor.apply_chat_template(messages, add_generation_prompt=True)}
        if options.as_video:
            shown = [frames for frames in map(frames_of, requests) if frames]
            if shown:
                given["videos"] = [
                    as_video_array([as_pil_image(f) for f in frames]) for frames in shown
                ]
                given["video_metadata"] = [video_metadata(frames) for frames in shown]
                given["do_sample_frames"] = False
        elif any(pictures):
            given["images"] = pictures
    try:
        return processor(**given, padding=True, return_tensors="pt")
    except (ValueError, TypeError, IndexError) as error:
        fault = " ".join(str(error).split())[:MAX_FAULT]
        raise MediaError(f"the model's processor refuses the keyframes: {fault}") from error


def has_chat(processor: Any) -> bool:
    """Whether a model takes prompts; one that does not describes a single picture."""
    return bool(getattr(processor, "chat_template", None))


def middle_number(pictures: Sequence[Any]) -> int:
    """The number of the picture that stands for several."""
    return len(pictures) // 2


def left_out_note(processor: Any, request: ModelRequest) -> tuple[str, ...]:
    """A note where a model gets one frame of many."""
    frames = frames_of(request)
    if has_chat(processor) or len(frames) < 2:  # noqa: PLR2004 - one is all
        return ()
    frame = frames[middle_number(frames)]
    time_s = frame.time_s - frame.clip_start_s
    return (f"the model takes one keyframe: that at {time_s:.2f} s, of {len(frames)}",)


def frames_of(request: ModelRequest) -> list[Frame]:
    """The frames of a request."""
    return [part for part in request.parts if isinstance(part, Frame)]


def video_metadata(frames: Sequence[Frame]) -> dict[str, Any]:
    """The times of a video's frames, as transformers' `VideoMetadata`.

    Times are those in the clip, to a millisecond: frame numbers at 1000 a second. The whole length
    makes `sampled_fps` the mean rate of the frames, from which Qwen2.5-VL counts time.
    """
    times_ms = [round(MS_PER_S * (frame.time_s - frame.clip_start_s)) for frame in frames]
    gap_ms = (times_ms[-1] - times_ms[0]) / (len(frames) - 1) if len(frames) > 1 else MS_PER_S
    n_ms = max(1, round(gap_ms * len(frames)))
    return {
        "total_num_frames": n_ms,
        "fps": float(MS_PER_S),
        "duration": n_ms / MS_PER_S,
        "frames_indices": times_ms,
    }


def message(request: ModelRequest, *, as_video: bool) -> list[dict[str, Any]]:
    """A request as a chat; frames are placeholders, which the processor fills in order."""
    as_video = as_video and count_frames(request) > 0
    content: list[dict[str, Any]] = [{"type": "video"}] if as_video else []
    for part in request.parts:
        if isinstance(part, str):
            content.append({"type": "text", "text": part})
        elif isinstance(part, Sound):
            content.append({"type": "audio"})
        elif not as_video:
            content.append({"type": "image"})
    return [{"role": "user", "content": content}]


def as_pil_image(frame: Frame) -> Any:
    """A frame as an RGB picture of PIL."""
    from PIL import Image  # noqa: PLC0415 - comes with the extra

    return Image.open(io.BytesIO(frame.jpeg)).convert("RGB")


def as_video_array(images: Sequence[Any]) -> Any:
    """Frames as one video: shape (frames, height, width, 3)."""
    import numpy as np  # noqa: PLC0415 - only videos need it

    return np.stack([np.asarray(image) for image in images])


def count_frames(request: ModelRequest) -> int:
    """The number of frames in a request."""
    return len(frames_of(request))


def with_fewer_frames(request: ModelRequest) -> ModelRequest | None:
    """A request without every second frame and the words before it; None if it has only one."""
    frames = [number for number, part in enumerate(request.parts) if isinstance(part, Frame)]
    if len(frames) < 2:  # noqa: PLR2004 - one picture cannot be halved
        return None
    left_out = set(frames[1::2])
    left_out |= {n - 1 for n in left_out if n and isinstance(request.parts[n - 1], str) and n > 1}
    return replace(
        request, parts=tuple(p for n, p in enumerate(request.parts) if n not in left_out)
    )
