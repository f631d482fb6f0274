"""The caption of a clip from the sentences of speech that are shown in it."""

from collections.abc import Iterable

from vidcurate.captioning.clip_input import CaptionText
from vidcurate.errors import MediaError
from vidcurate.records import Candidate, Clip, SpokenSentence

# A sentence is of a clip where what they have in common is this much of what they cover together.
MIN_OVERLAP = 0.5


def shown_sentence(
    clip: Clip, sentences: Iterable[SpokenSentence]
) -> tuple[CaptionText, SpokenSentence]:
    """The sentence whose span is nearest to a clip's, of several such the one that fits best.

    All that share the clip at least by half are candidates, with their similarity. Raises
    MediaError for a clip without any.
    """
    near = [one for one in sentences if overlap(clip, one) >= MIN_OVERLAP]
    if not near:
        raise MediaError("no spoken sentence has a span like the clip's: see rows spoken")
    best = max(near, key=lambda one: (round(overlap(clip, one), 2), one.similarity or 0.0))
    several = near if len(near) > 1 else []
    candidates = tuple(Candidate(one.text, one.spoken_id, one.similarity) for one in several)
    return CaptionText(best.text, "ok", candidates=candidates), best


def overlap(clip: Clip, sentence: SpokenSentence) -> float:
    """What the spans of a clip and a sentence have in common, over what they cover together."""
    common = min(clip.end_s, sentence.end_s) - max(clip.start_s, sentence.start_s)
    together = max(clip.end_s, sentence.end_s) - min(clip.start_s, sentence.start_s)
    return max(0.0, common) / together if together > 0 else 0.0
