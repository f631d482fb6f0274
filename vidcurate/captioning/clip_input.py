"""What a strategy works with: one clip's frames and measurements, and its prompts."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.prompts import INSERTED, MAX_TOLD_CHARS, Prompt, fill_prompt, in_tags
from vidcurate.captioning.templates.facts import Facts
from vidcurate.captioning.templates.perceived import perceived_words
from vidcurate.captioning.voice_over import VoiceOver
from vidcurate.models.chat.conversation import Conversation, Frame, Sound, Status
from vidcurate.records import PERCEPTION, SUITABILITY, Candidate, Clip

EMPTY_PARTS = re.compile(r"\n{3,}")
# Cosines of texts with the clip's vector.
TextScorer = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class ClipInput:
    """One clip: its frames in time order, its measured rows by table name, and the prompts.

    `text_scorer` is set where texts are chosen by the clip's vector, `voice_over` and `title` where
    a prompt asks for them and the video has them. Of strategies that are about sound, `quiet` says
    why nothing is heard in the clip, "" where something is or nobody measured it; `sounds` are the
    pieces of its sound for a model that hears.
    """

    clip: Clip
    frames: tuple[Frame, ...]
    facts: Facts
    prompts: Mapping[str, Prompt]
    config: CaptionConfig
    text_scorer: TextScorer | None = None
    voice_over: VoiceOver | None = None
    title: str | None = None
    quiet: str = ""
    sounds: tuple[Sound, ...] = ()

    @property
    def max_tokens(self) -> int:
        """The length limit of an answer."""
        assert self.config.chat is not None
        return self.config.chat.max_tokens

    def prompt(self, name: str, **values: str) -> str:
        """Fill in a prompt of the strategy with what is known of the clip and with `values`.

        Quality, title and heard words are empty where they are not known; parts that are empty
        leave no gap. Raises MediaError for any other placeholder that has no value.
        """
        times = [self.time_in_clip(frame) for frame in self.frames]
        known = {
            "n_frames": str(len(times)),
            "times_s": ", ".join(times),
            "duration_s": f"{self.clip.duration_s:.1f}",
            "language": self.config.language,
            "trigger": self.config.trigger,
            "quality": ", ".join(map(str, self.quality)),
            "title": self.in_tags("title", self.title or ""),
            "heard": self.in_tags("heard", self.heard),
        }
        inserted = {
            part: fill_prompt(self.prompts[part], known)
            for part in INSERTED
            if part in self.prompts
        }
        text = fill_prompt(self.prompts[name], {**known, **inserted, **values})
        return EMPTY_PARTS.sub("\n\n", text).strip()

    @property
    def heard(self) -> str:
        """The words that are heard in the clip; "" where none are known."""
        return self.voice_over.text if self.voice_over else ""

    @property
    def quality(self) -> Sequence[object]:
        """The words for the clip's measured and perceived quality; none where none is known."""
        measured = self.facts.get(SUITABILITY.name, {}).get("words", ())
        perceived = perceived_words(self.facts.get(PERCEPTION.name, {}))
        return (*measured, *perceived) if isinstance(measured, list | tuple) else perceived

    def in_tags(self, name: str, text: str, max_chars: int = MAX_TOLD_CHARS) -> str:
        """Words from outside as the prompt `name` tells them; "" where no prompt asks for them."""
        return in_tags(self.prompts[name], text, max_chars) if name in self.prompts else ""

    def time_in_clip(self, frame: Frame) -> str:
        """The time of a frame in seconds from the clip's start, as text."""
        return f"{frame.time_s - self.clip.start_s:.2f}"

    def numbered_frames(self) -> Iterator[str | Frame]:
        """Each frame after its number and time, as parts of a request."""
        for number, frame in enumerate(self.frames, 1):
            yield f"Frame {number} of {len(self.frames)}, at {self.time_in_clip(frame)} s:"
            yield frame

    def numbered_sounds(self) -> Iterator[str | Sound]:
        """Each piece of the clip's sound after its number and times, as parts of a request."""
        for number, sound in enumerate(self.sounds, 1):
            start_s, end_s = (t - self.clip.start_s for t in (sound.start_s, sound.end_s))
            yield (f"Sound {number} of {len(self.sounds)}, from {start_s:.2f} to {end_s:.2f} s:")
            yield sound


@dataclass(frozen=True, slots=True)
class CaptionText:
    """What a strategy made of the answers; `structured` is a value that JSON can hold.

    `model` names the writer of the text where it is not the model that answered last.
    """

    text: str
    status: Status
    short_text: str | None = None
    structured: Any = None
    candidates: tuple[Candidate, ...] = ()
    repairs: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    model: str = ""


Strategy = Callable[[ClipInput], Conversation[CaptionText]]
