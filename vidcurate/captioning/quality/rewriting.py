"""A caption is written again, told what is wrong with it, as long as that makes it better.

After LoVR: only what scores badly is written again, and each text is judged by the same measure.
"""

from dataclasses import dataclass

from vidcurate.captioning.material import Material, Told
from vidcurate.captioning.options import CLEANING_RULES
from vidcurate.captioning.quality.faults import Band, Judged, faults_of, rule_score
from vidcurate.captioning.quality.inspection import inspected
from vidcurate.captioning.text.cleaning import clean
from vidcurate.models.chat.conversation import Ask, Conversation, said

REWRITE = "rewrite"


@dataclass(frozen=True, slots=True)
class Try:
    """One text, its score of 0 to 1, and what is wrong with it."""

    text: str
    score: float
    faults: tuple[str, ...]


def rewritten(
    text: str, material: Material, band: Band, *, rounds: int, look: bool
) -> Conversation[list[Try]]:
    """A text and those that follow it, each made of the best before; the last may be no better.

    With `look` the model grades every text on the frames too. Ends when a text has no fault, or
    is no better than the best before.
    """
    best = yield from assessed(text, material, band, look=look)
    tries = [best]
    while best.faults and len(tries) <= rounds:
        told = yield from again(best, material)
        latest = yield from assessed(told.text, material, band, look=look)
        tries.append(latest)
        if latest.score <= best.score:
            break
        best = latest
    return tries


def again(tried: Try, material: Material) -> Conversation[Told]:
    """Another text in place of one, by a model that is told its faults."""
    faults = "\n".join(f"- {fault}" for fault in tried.faults)
    prompt = material.prompt(REWRITE, caption=tried.text, faults=faults)
    answer = yield Ask((prompt, *material.shown()))
    return clean(Told(said(answer), answer.status), material.config.language, CLEANING_RULES)


def assessed(text: str, material: Material, band: Band, *, look: bool) -> Conversation[Try]:
    """A text with its score: the lower of the rules' and the model's."""
    faults = faults_of(Judged(text, material.config.language, material.facts, band))
    score, reasons = rule_score(faults), tuple(f"{k}: {v}" for k, v in faults.items())
    if look:
        opinion = yield from inspected(text, material)
        score, reasons = min(score, opinion.score), reasons + opinion.faults
    return Try(text, score, reasons)
