"""Rewrites a caption with a model that knows its faults, as long as each text is better.

After LoVR: only captions with low scores are rewritten, and every text is scored by the same
measure.
"""

from dataclasses import dataclass

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.options import CLEANING_RULES
from vidcurate.captioning.quality.faults import JudgedCaption, WordRange, faults_of, rule_score
from vidcurate.captioning.quality.grading import grade_caption
from vidcurate.captioning.text.cleaning import clean
from vidcurate.models.chat.conversation import Conversation, ModelRequest, answer_text

REWRITE = "rewrite"


@dataclass(frozen=True, slots=True)
class ScoredText:
    """A text, its score from 0 to 1, and its faults."""

    text: str
    score: float
    faults: tuple[str, ...]


def rewrite_in_rounds(
    text: str, clip_input: ClipInput, word_range: WordRange, *, max_rounds: int, look: bool
) -> Conversation[list[ScoredText]]:
    """Rewrite a text up to `max_rounds` times, each time from the best text so far.

    Returns all texts, the old one first; the last may be worse. With `look` the model also grades
    each text on the frames. Ends early when a text has no fault, or does not beat the best.
    """
    best = yield from score_text(text, clip_input, word_range, look=look)
    texts_tried = [best]
    while best.faults and len(texts_tried) <= max_rounds:
        rewritten = yield from rewrite_once(best, clip_input)
        latest = yield from score_text(rewritten.text, clip_input, word_range, look=look)
        texts_tried.append(latest)
        if latest.score <= best.score:
            break
        best = latest
    return texts_tried


def rewrite_once(tried: ScoredText, clip_input: ClipInput) -> Conversation[CaptionText]:
    """Ask for a new text in place of one whose faults the prompt names."""
    faults = "\n".join(f"- {fault}" for fault in tried.faults)
    prompt = clip_input.prompt(REWRITE, caption=tried.text, faults=faults)
    answer = yield ModelRequest((prompt, *clip_input.numbered_frames()))
    return clean(
        CaptionText(answer_text(answer), answer.status), clip_input.config.language, CLEANING_RULES
    )


def score_text(
    text: str, clip_input: ClipInput, word_range: WordRange, *, look: bool
) -> Conversation[ScoredText]:
    """Score a text: the lower of the rules' score and the model's."""
    faults = faults_of(
        JudgedCaption(text, clip_input.config.language, clip_input.facts, word_range)
    )
    score, reasons = rule_score(faults), tuple(f"{k}: {v}" for k, v in faults.items())
    if look:
        model_grade = yield from grade_caption(text, clip_input)
        score, reasons = min(score, model_grade.score), reasons + model_grade.faults
    return ScoredText(text, score, reasons)
