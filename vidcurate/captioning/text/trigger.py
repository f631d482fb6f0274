"""A LoRA needs its word in every caption, whatever a model writes."""

import re
from dataclasses import replace

from vidcurate.captioning.clip_input import CaptionText


def with_trigger(told: CaptionText, trigger: str) -> CaptionText:
    """The same with the word before each text that lacks it, and "trigger" among the repairs."""
    text = with_word(told.text, trigger)
    short_text = told.short_text and with_word(told.short_text, trigger)
    if (text, short_text) == (told.text, told.short_text):
        return told
    return replace(told, text=text, short_text=short_text, repairs=(*told.repairs, "trigger"))


def with_word(text: str, trigger: str) -> str:
    """A text that holds a word, before it where it does not stand in it as it is written.

    Without a word the text stays as it is.
    """
    if not trigger:
        return text
    there = re.search(rf"(?<!\w){re.escape(trigger)}(?!\w)", text)
    return text if there else f"{trigger}, {text}"
