"""Separates the answer in a model's output from thoughts and the marks of chat formats.

Sources: the chat templates of DeepSeek-R1, Qwen3, GLM-4.5V, Seed-OSS (`<think>` and the like),
Sky-T1 (`<|begin_of_thought|>`), Cohere (`<|START_THINKING|>`), Magistral (`[THINK]`), Kimi-VL
(`◁think▷`), Gemma 4 (`<|channel>thought`), gpt-oss (harmony channels).
"""

import json
import re
from dataclasses import dataclass

from vidcurate.models.chat.conversation import Status

THOUGHTS, MARKUP = "thoughts", "markup"
NAMES = r"(?:seed:)?think(?:ing)?|thoughts?|reasoning|reflection"
OPENING = (
    rf"<(?:{NAMES})>|<\|begin_of_thought\|>|<\|START_THINKING\|>|\[THINK\]|\u25c1think\u25b7"
    r"|<\|channel>thought\b"
)
CLOSING = (
    rf"</(?:{NAMES})>|<\|end_of_thought\|>|<\|END_THINKING\|>|\[/THINK\]|\u25c1/think\u25b7"
    r"|<channel\|>"
)
MARK = re.compile(rf"(?P<opening>{OPENING})|(?:{CLOSING})", re.IGNORECASE)
# gpt-oss: a message after its channel; a decoder that drops special tokens leaves the bare names.
CHANNEL = re.compile(
    r"(?:<\|channel\|>)?(?P<name>analysis|commentary|final)[^<\n]*(?:<\|constrain\|>\w+)?<\|message\|>"
    r"(?P<text>.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
BARE_CHANNELS = re.compile(r"\Aanalysis(?=[A-Z\"'])(?:.*assistantfinal(?P<text>.*))?", re.DOTALL)
WRAPPERS = (
    ("<answer>", "</answer>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
)
END_MARKS = re.compile(
    r"(?:\s*(?:<\|(?:im_end|end|return|eot_id|eot|endoftext|end_of_text|END_OF_TURN_TOKEN)\|>"
    r"|<\uff5cend\u2581of\u2581sentence\uff5c>|</s>|<eos>|<end_of_turn>))+\s*\Z"
)


CHANNEL_MARKS = ("<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>", "<|call|>")


@dataclass(frozen=True, slots=True)
class StrippedOutput:
    """The text of an answer, and what was removed around it."""

    text: str
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FinishedText:
    """A text, its status, and a reason where a user can do something about it."""

    text: str
    status: Status
    reason: str = ""
    repairs: tuple[str, ...] = ()


def finish_text(
    written: str, *, is_cut: bool, max_tokens: int, thought: bool = False
) -> FinishedText:
    """Find the answer in a model's output, and how it ended.

    `is_cut` says that the model ran out of `max_tokens`, `thought` that it thought, for backends
    that report thoughts apart from the text.
    """
    stripped = strip_output(written)
    thought = thought or THOUGHTS in stripped.repairs
    cut = f"it was cut at max_tokens = {max_tokens}"
    if stripped.text:
        status: Status = "truncated" if is_cut else "ok"
        return FinishedText(stripped.text, status, cut if is_cut else "", stripped.repairs)
    if is_cut:
        when = "while the model was thinking" if thought else "before it held any text"
        return FinishedText("", "empty", f"{cut} {when}: raise max_tokens")
    return FinishedText("", "empty", "the model thought and said nothing" if thought else "")


def strip_output(written: str) -> StrippedOutput:
    """The answer in a model's output, unchanged except for spaces at its ends."""
    text = written.strip()
    if is_json(text):  # its strings are part of the answer
        return StrippedOutput(text)
    answered = without_thoughts(final_channel(text))
    kept = unwrapped(answered)
    found = ((THOUGHTS, answered != text), (MARKUP, kept != answered))
    return StrippedOutput(kept, tuple(name for name, holds in found if holds))


def bounds_thoughts(token: str) -> bool:
    """Whether a special token separates thoughts from the answer."""
    return token in CHANNEL_MARKS or MARK.fullmatch(token) is not None


def is_json(text: str) -> bool:
    """Whether a text is an object or a list of JSON."""
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def final_channel(text: str) -> str:
    """The last `final` message of harmony's channels; empty where there are only others."""
    bare = BARE_CHANNELS.match(text)
    if bare:
        return (bare["text"] or "").strip()
    if "<|message|>" not in text:
        return text
    found = [m["text"].strip() for m in CHANNEL.finditer(text) if m["name"] == "final"]
    return found[-1] if found else ""


def without_thoughts(text: str) -> str:
    """A text without thoughts; where only their end is there, without all before it.

    A thought that does not end counts only at the beginning of a line.
    """
    kept: list[str] = []
    start, opened_at = 0, None
    for mark in MARK.finditer(text):
        if mark["opening"]:
            opened_at = mark.start() if opened_at is None else opened_at
            continue
        if opened_at is None:
            kept.clear()
        else:
            kept.append(text[start:opened_at])
        start, opened_at = mark.end(), None
    begins_line = opened_at is not None and text[:opened_at].rstrip(" \t")[-1:] in ("", "\n")
    kept.append(text[start:opened_at] if begins_line else text[start:])
    return "".join(kept).strip()


def unwrapped(text: str) -> str:
    """A text without end marks, and without the tags of a chat format around it."""
    text = END_MARKS.sub("", text)
    for before, after in WRAPPERS:
        if text.startswith(before):
            return text.removeprefix(before).removesuffix(after).strip()
    return text
