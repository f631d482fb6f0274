"""Prepares requests for a processor of the package transformers."""

import io
import wave
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vidcurate.errors import MediaError
from vidcurate.models.audio.transcription import RATE_HZ
from vidcurate.models.chat.captioners import as_videos, spread_frames
from vidcurate.models.chat.choices import with_choices_named
from vidcurate.models.chat.conversation import Frame, ModelRequest, Sound
from vidcurate.models.chat.options import TransformersConfig
from vidcurate.models.vision.clip_embedder import MAX_FAULT

# Qwen's models that also hear count time from one frame rate for all videos of a batch.
ONE_RATE = "position_id_per_seconds"
MS_PER_S = 1000  # milliseconds
FULL_SCALE = 32_767


def inputs_of(
    processor: Any, options: TransformersConfig, requests: Sequence[ModelRequest], n_stills: int = 1
) -> Any:
    """Requests as tensors, which can be moved to a device.

    A model without a chat is shown `n_stills` of each request's frames. Raises MediaError for
    requests that the processor cannot take.
    """
    if has_chat(processor):
        given = chat_inputs(processor, options, requests)
    else:
        given = captioner_inputs(options, requests, n_stills)
    try:
        prepared = processor(**given, padding=True, return_tensors="pt")
    except (ValueError, TypeError, IndexError) as error:
        fault = " ".join(str(error).split())[:MAX_FAULT]
        raise MediaError(f"the model's processor refuses the keyframes: {fault}") from error
    return prepared if n_stills == 1 or has_chat(processor) else as_videos(prepared, n_stills)


def captioner_inputs(
    options: TransformersConfig, requests: Sequence[ModelRequest], n_stills: int
) -> dict[str, Any]:
    """What a captioner of the first generation takes: pictures, and a few words to go on from."""
    if not all(map(count_frames, requests)):
        raise MediaError("a model without a chat template answers requests with a picture only")
    if any(request.choices or sounds_of(request) for request in requests):
        raise MediaError("a model without a chat template hears nothing and answers no questions")
    shown = [frame for r in requests for frame in spread_frames(frames_of(r), n_stills)]
    given: dict[str, Any] = {"images": [as_pil_image(frame) for frame in shown]}
    if options.plain_prompt:
        given["text"] = [options.plain_prompt] * len(requests)
    return given


def chat_inputs(
    processor: Any, options: TransformersConfig, requests: Sequence[ModelRequest]
) -> dict[str, Any]:
    """What a model with a chat takes: texts with placeholders, and what stands for these."""
    named = [with_choices_named(r) if r.choices else r for r in requests]
    messages = [message(request, as_video=options.as_video) for request in named]
    given: dict[str, Any] = {
        "text": processor.apply_chat_template(messages, add_generation_prompt=True)
    }
    pictures = [[as_pil_image(frame) for frame in frames_of(request)] for request in requests]
    sounds = [sound for request in requests for sound in sounds_of(request)]
    if any(pictures) and hears(processor) and not sees(processor):
        raise MediaError("the model takes no pictures")
    if options.as_video:
        given |= video_inputs(processor, requests)
    elif any(pictures):
        given["images"] = pictures
    if sounds:
        if not hears(processor):
            raise MediaError("the model takes no sound")
        given |= {"audio": [as_samples(sound) for sound in sounds], "sampling_rate": RATE_HZ}
    return given


def video_inputs(processor: Any, requests: Sequence[ModelRequest]) -> dict[str, Any]:
    """The frames of each request as one video, with their times.

    Raises MediaError where the processor takes one frame rate, and those of the requests differ.
    """
    shown = [frames for frames in map(frames_of, requests) if frames]
    if not shown:
        return {}
    timing = [video_metadata(frames) for frames in shown]
    rates = {len(f) / times["duration"] for f, times in zip(shown, timing, strict=True)}
    one_rate = {}
    if hasattr(processor, ONE_RATE):
        if len(rates) > 1:
            raise MediaError("the model takes videos of one frame rate at a time")
        one_rate = {"fps": rates.pop()}
    return {
        **one_rate,
        "videos": [as_video_array([as_pil_image(f) for f in frames]) for frames in shown],
        "video_metadata": timing,
        "do_sample_frames": False,
    }


def has_chat(processor: Any) -> bool:
    """Whether a model takes prompts; one that does not describes pictures."""
    return bool(getattr(processor, "chat_template", None))


def sees(processor: Any) -> bool:
    """Whether a model takes pictures."""
    return any(hasattr(processor, name) for name in ("image_processor", "video_processor"))


def hears(processor: Any) -> bool:
    """Whether a model takes sound."""
    return listener_of(processor) is not None and bool(getattr(processor, "audio_token", None))


def listener_of(processor: Any) -> Any:
    """The part of a processor that takes sound; None where there is none."""
    parts = (getattr(processor, name, None) for name in ("audio_processor", "feature_extractor"))
    return next((part for part in parts if part is not None), None)


def shown_of(processor: Any, request: ModelRequest, n_stills: int) -> tuple[Frame, ...] | None:
    """The frames that a model without a chat is shown, without repeats; None where it is all."""
    frames = frames_of(request)
    if has_chat(processor) or len(frames) <= n_stills:
        return None
    return tuple(spread_frames(frames, n_stills))


def left_out_note(shown: Sequence[Frame] | None, request: ModelRequest) -> tuple[str, ...]:
    """A note where a model is shown fewer frames than there are."""
    if shown is None:
        return ()
    n_frames = count_frames(request)
    if len(shown) > 1:
        return (f"the model takes {len(shown)} keyframes, of {n_frames}",)
    time_s = shown[0].time_s - shown[0].clip_start_s
    return (f"the model takes one keyframe: that at {time_s:.2f} s, of {n_frames}",)


def frames_of(request: ModelRequest) -> list[Frame]:
    """The frames of a request."""
    return [part for part in request.parts if isinstance(part, Frame)]


def sounds_of(request: ModelRequest) -> list[Sound]:
    """The sounds of a request."""
    return [part for part in request.parts if isinstance(part, Sound)]


def as_samples(sound: Sound) -> Any:
    """A sound as an array of shape (samples,), -1..1."""
    import numpy as np  # noqa: PLC0415 - only sound needs it

    with wave.open(io.BytesIO(sound.wav)) as wav:
        whole = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    return (whole / FULL_SCALE).astype(np.float32)


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
