"""What is known of a clip's sound besides words, for requests and for captions."""

from collections.abc import Iterator, Mapping
from typing import Any

from vidcurate.captioning.clip_input import ClipInput
from vidcurate.captioning.prompts import MAX_TOLD_CHARS
from vidcurate.captioning.text.nothing import says_nothing
from vidcurate.records import SOUNDS, SPEECH

MAX_LABELS, MAX_SPANS = 8, 4
SHARES, MIN_SHARE = ("speech", "singing", "music"), 0.1


def sound_text(clip_input: ClipInput) -> str | None:
    """What is heard, by the table `sounds`, else by `speech`; None where nothing is known.

    A text that a model wrote comes before the kinds of sound.
    """
    if clip_input.quiet:
        return None
    row: Mapping[str, Any] | None = clip_input.facts.get(SOUNDS.name)
    if row is None:
        return "; ".join(shares_of_time(clip_input.facts.get(SPEECH.name, {}))) or None
    return text_or_none(row.get("sound_text")) or "; ".join(labels_told(row)) or None


def music_text(clip_input: ClipInput) -> str | None:
    """The music as a model wrote it; None where none did."""
    row: Mapping[str, Any] = clip_input.facts.get(SOUNDS.name, {})
    return None if clip_input.quiet else text_or_none(row.get("music_text"))


def labels_told(row: Mapping[str, Any]) -> Iterator[str]:
    """The surest kinds of sound, each with its probability and its first times in the clip."""
    found = list(zip(row.get("labels", ()), row.get("probabilities", ()), strict=True))
    for label, probability in found[:MAX_LABELS]:
        spans = [span for span in row.get("spans", ()) if span["label"] == label][:MAX_SPANS]
        times = (f"{span['start_s']:.1f} to {span['end_s']:.1f} s" for span in spans)
        yield f"{label} ({', '.join((f'{probability:.2f}', *times))})"


def shares_of_time(row: Mapping[str, Any]) -> Iterator[str]:
    """The kinds of sound of a row of `speech`, each with its share of the clip's time."""
    for kind in SHARES:
        share = row.get(f"{kind}_share")
        if share is not None and share >= MIN_SHARE:
            yield f"{kind} for {share:.0%} of the time"


def told_sound(
    clip_input: ClipInput, sound: str | None, music: str | None, max_chars: int = MAX_TOLD_CHARS
) -> str:
    """Texts about sound and music in tags; "" where nothing is known of them.

    Of a clip that was measured to be silent, that is told.
    """
    music = f"The music: {music}" if music else None
    known = (text.rstrip(". ") for text in (clip_input.quiet, sound, music) if text)
    return clip_input.in_tags("sounds", ". ".join(known), max_chars)


def text_or_none(text: str | None) -> str | None:
    """A text without breaks; None for one that is blank or says that there is nothing."""
    return None if text is None or says_nothing(text) else " ".join(text.split()) or None
