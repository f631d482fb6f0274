"""What a model that hears says of a clip's sound, and of its music without voices.

Source: MMTrail (Chi et al. 2024), whose music captions are written with and without vocals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vidcurate.captioning.clip_input import CaptionText
from vidcurate.captioning.options import CLEANING_RULES
from vidcurate.captioning.prompts import Prompt, fill_prompt
from vidcurate.captioning.text.cleaning import clean
from vidcurate.captioning.text.nothing import says_nothing
from vidcurate.models.chat.conversation import Conversation, ModelRequest, Sound, answer_text


@dataclass(frozen=True, slots=True)
class SoundPrompts:
    """The prompts about all sound and about music, None where it is not asked for."""

    sound: Prompt
    music: Prompt | None
    language: str

    @property
    def hash(self) -> str:
        """The hashes of the prompts."""
        return "-".join(p.hash for p in (self.sound, self.music) if p is not None)


@dataclass(frozen=True, slots=True)
class SoundTexts:
    """What is heard, in words; None where the model says that there is nothing."""

    sound: str | None = None
    music: str | None = None


def describe_sound(
    sounds: Sequence[Sound], duration_s: float, prompts: SoundPrompts
) -> Conversation[SoundTexts]:
    """Ask what is heard, and once more for the music alone.

    Raises MediaError where the model refuses, or its answer holds nothing but markup.
    """
    sound = yield from ask_about(sounds, duration_s, prompts.sound, prompts.language)
    if sound is None or prompts.music is None:
        return SoundTexts(sound)
    music = yield from ask_about(sounds, duration_s, prompts.music, prompts.language)
    return SoundTexts(sound, music)


def ask_about(
    sounds: Sequence[Sound], duration_s: float, prompt: Prompt, language: str
) -> Conversation[str | None]:
    """Ask one question about a clip's sound; None where there is nothing to tell."""
    question = fill_prompt(prompt, {"duration_s": f"{duration_s:.1f}", "language": language})
    answer = yield ModelRequest((question, *sounds))
    text = answer_text(answer)
    if says_nothing(text):
        return None
    cleaned = clean(CaptionText(text, answer.status), language, CLEANING_RULES)
    return " ".join(cleaned.text.split())
