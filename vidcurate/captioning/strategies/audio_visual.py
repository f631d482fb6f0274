"""audio-visual: picture, single frames, sound and words, merged with authority for the picture.

After MMTrail (Chi et al. 2024), which captions a clip, its frames and its music apart and has a
language model join them, and video-SALMONN 2 (Tang et al. 2025). What is heard may add to the text
and never changes what is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.options import AudioVisual
from vidcurate.captioning.strategies.audible import texts_schema
from vidcurate.captioning.strategies.merging import as_lines
from vidcurate.captioning.strategies.sound_facts import (
    music_text,
    sound_text,
    text_or_none,
    told_sound,
)
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import (
    Conversation,
    Frame,
    ModelRequest,
    Status,
    answer_text,
)
from vidcurate.records import SpanText

MIN_TOKENS = 1024  # a caption and two short texts
N_STILLS = 3
SEEN_AND_HEARD = ("visual", "music", "sound")


@dataclass(frozen=True, slots=True)
class ClipNotes:
    """What is seen in a clip and in single frames of it, what is heard, and what is missing."""

    visual: str
    frames: tuple[SpanText, ...]
    music: str | None
    sound: str | None
    status: Status = "ok"
    gaps: tuple[str, ...] = ()


def audio_visual(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Merge notes on the picture with what is known of the sound, in a request without pictures.

    `structured` holds the parts; those about sound are null where nothing is known of it, and the
    request says nothing of them. Raises MediaError where nothing is known of the picture, and where
    the last request fails.
    """
    strategy = clip_input.config.strategy
    assert isinstance(strategy, AudioVisual)
    notes = yield from (see_and_hear(clip_input) if clip_input.sounds else see(clip_input))
    whole = SpanText(0.0, clip_input.clip.duration_s, notes.visual)
    prompt = clip_input.prompt(
        "merge-sound",
        notes=as_lines((whole, *notes.frames)),
        sound_task=task_about_sound(clip_input, notes, strategy.max_prompt_chars),
    )
    merged = yield ModelRequest((prompt,))
    faults = clip_input.voice_over.faults if clip_input.voice_over else ()
    quiet = (f"no sound: {clip_input.quiet}",) if clip_input.quiet else ()
    return CaptionText(
        answer_text(merged),
        "truncated" if "truncated" in (notes.status, merged.status) else "ok",
        structured={
            "visual": notes.visual,
            "frames": [{"time_s": note.start_s, "text": note.text} for note in notes.frames],
            "music": notes.music,
            "sound": notes.sound,
            "speech": clip_input.heard or None,
            "merged": answer_text(merged),
        },
        repairs=(*faults, *notes.gaps, *quiet),
    )


def see(clip_input: ClipInput) -> Conversation[ClipNotes]:
    """Ask about all frames together, then about up to three by themselves.

    Sound and music are those of the table `sounds`. A single frame whose request fails leaves a
    gap.
    """
    visual = yield ModelRequest((clip_input.prompt("describe"), *clip_input.numbered_frames()))
    text = answer_text(visual)
    frames: list[SpanText] = []
    gaps: list[str] = []
    for frame in spread(clip_input.frames, N_STILLS):
        time_s = round(frame.time_s - clip_input.clip.start_s, 3)
        try:
            answer = yield ModelRequest(
                (clip_input.prompt("still"), f"At {clip_input.time_in_clip(frame)} s:", frame)
            )
            frames.append(SpanText(time_s, time_s, answer_text(answer)))
        except MediaError as error:
            gaps.append(f"the frame at {time_s:.1f} s is missing: {error}")
    return ClipNotes(
        text,
        tuple(frames),
        music_text(clip_input),
        sound_text(clip_input),
        visual.status,
        tuple(gaps),
    )


def see_and_hear(clip_input: ClipInput) -> Conversation[ClipNotes]:
    """Ask a model that hears about frames and sound together.

    Raises MediaError where the answer says nothing of the picture.
    """
    parts = (
        clip_input.prompt("see-and-hear"),
        *clip_input.numbered_frames(),
        *clip_input.numbered_sounds(),
    )
    max_tokens = max(MIN_TOKENS, clip_input.max_tokens)
    answer = yield from ask_json(parts, texts_schema(SEEN_AND_HEARD), max_tokens)
    visual, music, sound = (text_or_none(answer[name]) for name in SEEN_AND_HEARD)
    if visual is None:
        raise MediaError("the model's answer says nothing of what is seen")
    return ClipNotes(visual, (), music, sound)


def task_about_sound(clip_input: ClipInput, notes: ClipNotes, max_chars: int) -> str:
    """What is known of the sound, and what it may add to the text; "" where nothing is known."""
    sounds = told_sound(clip_input, notes.sound, notes.music, max_chars)
    heard = clip_input.in_tags("heard", clip_input.heard, max_chars)
    if not sounds and not heard:
        return ""
    return clip_input.prompt("merge-heard", sounds=sounds, heard=heard)


def spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """Up to so many frames at even distances, the first and the last among them."""
    n_steps = min(count, len(frames)) - 1
    numbers = {round(step * (len(frames) - 1) / max(n_steps, 1)) for step in range(n_steps + 1)}
    return [frames[number] for number in sorted(numbers)]
