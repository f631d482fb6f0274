"""Tells the sentences that a speech model invents, as on music, from those that it heard.

Whisper's own limits (Radford et al. 2022, section 4.5) and a detector of music: its own doubt is
not enough on a film's music, for which it invents words that it is sure of.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vidcurate.models.audio.transcription import HeardSegment

Spans = Sequence[tuple[float, float]]
# Of shorter texts a ratio says nothing.
MIN_COMPRESSED_BYTES = 24


@dataclass(frozen=True, slots=True)
class WordGate:
    """The limits beyond which a sentence is taken for invented; None for no limit.

    A sentence goes where the model thinks that nothing is said (`max_no_speech`) and is unsure of
    what it wrote (`min_log_probability`), where it repeats itself (`max_compression`), and where
    there is music and no voice for most of it (`max_music_share`).
    """

    max_no_speech: float | None = 0.6
    min_log_probability: float | None = -1.0
    max_compression: float | None = 2.4
    max_music_share: float | None = 0.8

    def doubts(self, segment: HeardSegment) -> bool:
        """Whether the model itself seems to have invented a sentence."""
        silence, sureness = segment.no_speech_probability, segment.mean_log_probability
        is_unsure = (
            self.max_no_speech is not None
            and self.min_log_probability is not None
            and silence is not None
            and sureness is not None
            and silence > self.max_no_speech
            and sureness < self.min_log_probability
        )
        ratio = segment.compression_ratio
        ratio = compression_ratio(segment.text) if ratio is None else ratio
        return is_unsure or (self.max_compression is not None and ratio > self.max_compression)

    def hears_music(self, segment: HeardSegment, events: Mapping[str, Spans]) -> bool:
        """Whether there is music and no voice in most of a sentence's time."""
        if self.max_music_share is None:
            return False
        share = music_alone_share(segment.start_s, segment.end_s, events)
        return share >= self.max_music_share


def compression_ratio(text: str) -> float:
    """How many times longer a text is than it is compressed, as Whisper counts it; 0 if short."""
    plain = text.encode()
    return len(plain) / len(zlib.compress(plain)) if len(plain) >= MIN_COMPRESSED_BYTES else 0.0


def music_alone_share(start_s: float, end_s: float, events: Mapping[str, Spans]) -> float:
    """The share of a span in which there is music and neither speech nor singing."""
    if end_s <= start_s:
        return 0.0
    voices = [*events.get("speech", ()), *events.get("singing", ())]
    music_s = covered_s([*events.get("music", ()), *voices], start_s, end_s)
    return (music_s - covered_s(voices, start_s, end_s)) / (end_s - start_s)


def covered_s(spans: Spans, start_s: float, end_s: float) -> float:
    """The seconds of a span that any of some spans cover."""
    total_s, reached_s = 0.0, start_s
    for first_s, last_s in sorted(spans):
        low_s, high_s = max(first_s, reached_s), min(last_s, end_s)
        if low_s < high_s:
            total_s, reached_s = total_s + high_s - low_s, high_s
    return total_s
