"""Prompts: text files with a few named placeholders, known by their hash."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from string import Formatter

from vidcurate.errors import MediaError, UsageError

PLACEHOLDERS = (
    "n_frames",  # how many frames the model gets
    "duration_s",  # length of the clip in seconds
    "times_s",  # the frames' times in the clip in seconds, separated by commas
    "language",  # the language of the caption
    "schema",  # the JSON schema of the answer
    "fault",  # what was wrong with the answer before
    "notes",  # notes with their times, one a line
    "voice_over",  # script: the text of the prompt voice-over; empty without subtitles
    "heard",  # the words that are heard during the clip, in tags; empty where none are known
    "title",  # the title that a list gives the video, in tags; empty where none is known
    "quality",  # the measured quality in words, separated by commas; empty where it is not known
    "sound_task",  # audible, audio-visual: what is asked about sound; empty where none is known
    "sounds",  # in what sound_task stands for: what is known of the sound besides words, in tags
    "words",  # in the prompts heard, title and sounds: the words that stand in the tags
    "style",  # what the purpose of the captions asks for: the text of style-<caption.style>
    "detail",  # how much is asked for: the text of detail-<caption.detail>
    "trigger",  # the word that stands for what a LoRA learns
    "camera",  # what the camera was measured to do
    "measured",  # the text of the prompt measured; empty where nothing was
    "motion_text",  # motion-detail: the text about movement
    "detail_text",  # motion-detail: the text about appearance
    "candidates",  # teachers: the texts to choose from, each after its number
    "caption",  # judge and refine: the text in question
    "faults",  # refine: what is wrong with it, a line each
    "hints",  # perception: what the container says of the quality, separated by commas
    "text",  # evaluate: what is read or judged by; keypoints: an answer, or a key point
    "subject",  # shots: whose expression is asked for; keypoints: the detail in question
    "aspects",  # keypoints: what of a detail is to be described, separated by commas
    "fields",  # shots: the fields that a text is made of, a line each
    "items",  # what is held against a text, or was described before, a numbered line each
)
INSERTED = ("style", "detail")  # placeholders that stand for other prompts, as an option chooses
TOLD = ("heard", "title", "quality")  # placeholders that are empty where their value is not known
# Placeholders for words from outside, which stand in the tags of the prompt of the same name.
IN_TAGS = ("heard", "title", "sounds")
MAX_TOLD_CHARS = 12_000
ANGLES = re.compile("[<>\ufe64\ufe65\uff1c\uff1e]")  # also the small and the wide ones
HASH_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's text and the first 12 hexadecimal digits of its SHA-256."""

    text: str
    hash: str


def prompt_names() -> tuple[str, ...]:
    """The names of the prompts that come with the package."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(f.name.removesuffix(".txt") for f in files if f.name.endswith(".txt")))


def load_prompt(name_or_path: str, unknown: Collection[str] = ()) -> Prompt:
    """Load a prompt of the package by its name, or a user's prompt by the path of a text file.

    White space around the text is removed. Raises UsageError where there is no such prompt, where
    it is empty or is not text, and for a placeholder that there is not, or that is `unknown` here.
    """
    text = read_prompt(name_or_path).strip()
    if not text:
        raise UsageError(f"the prompt {name_or_path!r} is empty")
    check_placeholders(text, name_or_path)
    untold = ", ".join(f"{{{name}}}" for name in sorted(placeholders_in(text) & {*unknown}))
    if untold:
        raise UsageError(
            f"the prompt {name_or_path!r} asks for {untold}, which only the stage caption knows: "
            "leave it out"
        )
    return Prompt(text, hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS])


def fill_prompt(prompt: Prompt, values: Mapping[str, str]) -> str:
    """Put a value in place of each placeholder of a prompt.

    Raises MediaError for a placeholder that has no value for this clip.
    """
    try:
        return prompt.text.format_map(values)
    except KeyError as error:
        raise MediaError(f"the prompt asks for {error}, which is not known of this clip") from None


def placeholders_in(text: str) -> frozenset[str]:
    """The placeholders of a prompt's text."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


def asked_for(prompts: Iterable[Prompt]) -> frozenset[str]:
    """The placeholders of some prompts together."""
    return frozenset[str]().union(*(placeholders_in(prompt.text) for prompt in prompts))


def prompts_with_tags(asked: Mapping[str, Prompt]) -> dict[str, Prompt]:
    """Some prompts, and those that put tags around the words from outside that these ask for."""
    names = asked_for(asked.values())
    return {**asked, **{name: load_prompt(name) for name in IN_TAGS if name in names}}


def in_tags(prompt: Prompt, text: str, max_chars: int = MAX_TOLD_CHARS) -> str:
    """Words from outside in the tags of a prompt; "" where there are none.

    They become one line of at most `max_chars` without angle brackets, so that they can neither
    close their tag nor open another.
    """
    words = " ".join(without_angles(text).split())[:max_chars].rstrip()
    return fill_prompt(prompt, {"words": words}) if words else ""


def without_angles(text: str) -> str:
    """A text without angle brackets, so that it can neither close its tag nor open another."""
    return ANGLES.sub(" ", text)


def read_prompt(name_or_path: str) -> str:
    """The text of a prompt file, unchanged."""
    if name_or_path in prompt_names():
        return (resources.files(__name__) / f"{name_or_path}.txt").read_text(encoding="utf-8")
    try:
        return Path(name_or_path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"the prompt {name_or_path!r} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        known = ", ".join(prompt_names())
        raise UsageError(
            f"no prompt {name_or_path!r} ({reason}): give the path of a text file or one of {known}"
        ) from None


def check_placeholders(text: str, name: str) -> None:
    """Raise UsageError for text in braces that is not a known placeholder."""
    try:
        fields = list(Formatter().parse(text))
    except ValueError as error:
        raise UsageError(
            f"the prompt {name!r} has a brace on its own ({error}): write {{{{ or }}}} for a brace"
        ) from None
    for _, placeholder, form, conversion in fields:
        if placeholder is None or (placeholder in PLACEHOLDERS and not form and not conversion):
            continue
        near = get_close_matches(placeholder, PLACEHOLDERS, n=1)
        hint = f"did you mean {{{near[0]}}}" if near else f"there are {', '.join(PLACEHOLDERS)}"
        tail = (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
        raise UsageError(
            f"the prompt {name!r} has an unknown placeholder {{{placeholder}{tail}}}: {hint}; "
            "write {{ and }} for braces"
        )
