"""The request that a chat server is sent: its options, the prompt and the frames of a clip."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from vidcurate.errors import UsageError
from vidcurate.models.captioner import CaptionRequest
from vidcurate.models.prompts import Prompt, fill_prompt


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """The options that this backend takes; the stage states their defaults, bounds and help.

    `prompt` is a name or path for `load_prompt`; `temperature` None leaves it to the server;
    `image_detail` is `auto`, `low` or `high`; `api_key_env` names the variable that holds the key;
    `retries` follow a failed try after about `backoff_s`, then twice that and so on.
    """

    base_url: str
    model: str
    prompt: str
    max_tokens: int
    temperature: float | None
    image_detail: str
    timeout_s: float
    concurrency: int
    retries: int
    backoff_s: float
    api_key_env: str


def read_options(options: Mapping[str, object]) -> ChatOptions:
    """The options of this backend among all that are given."""
    names = [option.name for option in fields(ChatOptions)]
    known = {name: options[name] for name in names if name in options}
    try:
        return TypeAdapter(ChatOptions).validate_python(known)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(step) for step in first["loc"])
        raise UsageError(f"the caption backend openai: option {name}: {first['msg']}") from None


def chat_payload(options: ChatOptions, prompt: Prompt, request: CaptionRequest) -> dict[str, Any]:
    """The request to the server: the prompt, then each frame after its time in the clip.

    Raises MediaError where the prompt asks for something that is not known of the clip.
    """
    clip = request.facts.get("clips", {})
    start_s = float(str(clip.get("start_s", 0.0)))
    times = [f"{frame.time_s - start_s:.2f}" for frame in request.frames]
    values = {"n_frames": str(len(times)), "times_s": ", ".join(times)}
    if "duration_s" in clip:
        values["duration_s"] = f"{float(str(clip['duration_s'])):.1f}"
    content: list[dict[str, Any]] = [text_part(fill_prompt(prompt, values))]
    for number, (frame, time_s) in enumerate(zip(request.frames, times, strict=True), 1):
        content.append(text_part(f"Frame {number} of {len(times)}, at {time_s} s:"))
        url = "data:image/jpeg;base64," + base64.b64encode(frame.jpeg).decode()
        image = {"url": url, "detail": options.image_detail}
        content.append({"type": "image_url", "image_url": image})
    payload: dict[str, Any] = {
        "model": options.model,
        "messages": [{"role": "user", "content": content}],
        token_limit_name(options.base_url): options.max_tokens,
    }
    if options.temperature is not None:
        payload["temperature"] = options.temperature
    return payload


def token_limit_name(base_url: str) -> str:
    """OpenAI's newer models refuse the old name, most local servers know only that one."""
    is_openai = urlsplit(base_url).hostname == "api.openai.com"
    return "max_completion_tokens" if is_openai else "max_tokens"


def text_part(text: str) -> dict[str, Any]:
    """A text as a part of a message."""
    return {"type": "text", "text": text}
