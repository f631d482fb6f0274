"""Puts the trigger word of a LoRA into captions that lack it."""

import re
from dataclasses import replace

from vidcurate.captioning.clip_input import CaptionText


def with_trigger(caption_text: CaptionText, trigger: str) -> CaptionText:
    """Put the word before each text that lacks it, and note "trigger" among the repairs."""
    text = with_word(caption_text.text, trigger)
    short_text = caption_text.short_text and with_word(caption_text.short_text, trigger)
    if (text, short_text) == (caption_text.text, caption_text.short_text):
        return caption_text
    return replace(
        caption_text, text=text, short_text=short_text, repairs=(*caption_text.repairs, "trigger")
    )


def with_word(text: str, trigger: str) -> str:
    """Put a word before a text that does not contain it exactly; no word changes nothing."""
    if not trigger:
        return text
    is_present = re.search(rf"(?<!\w){re.escape(trigger)}(?!\w)", text)
    return text if is_present else f"{trigger}, {text}"
