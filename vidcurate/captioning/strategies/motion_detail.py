"""motion-detail: ask about movement and appearance separately, so that neither hides the other.

After OwlCap's balance of motion and detail: a model that is asked for both at once writes mostly
about appearance.
"""

from collections.abc import Iterator

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.text.agreement import words_in
from vidcurate.models.chat.conversation import Conversation, ModelRequest, answer_text


def motion_detail(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Fuse a text about movement and one about appearance.

    `structured` holds both, and the result of `shares_of_words`.
    """
    shown = tuple(clip_input.numbered_frames())
    motion = yield ModelRequest((clip_input.prompt("motion"), *shown))
    detail = yield ModelRequest((clip_input.prompt("details"), *shown))
    texts = {"motion_text": answer_text(motion), "detail_text": answer_text(detail)}
    fused = yield ModelRequest((clip_input.prompt("fuse", **texts),))
    statuses = [answer.status for answer in (motion, detail, fused)]
    return CaptionText(
        answer_text(fused),
        "truncated" if "truncated" in statuses else "ok",
        structured={**texts, **shares_of_words(answer_text(fused), *texts.values())},
    )


def shares_of_words(fused: str, motion: str, detail: str) -> dict[str, float]:
    """Shares of a fused text's words that came from only one of the two texts, 0..1.

    Words that both texts have, or neither, count for none; `*_kept` is the share of a text's own
    words that the fused text kept. This needs no word list, and so works in every language.
    """
    own = {
        "motion": set(words_in(motion)) - set(words_in(detail)),
        "detail": set(words_in(detail)) - set(words_in(motion)),
    }
    return dict(shares(words_in(fused), own))


def shares(words: list[str], own: dict[str, set[str]]) -> Iterator[tuple[str, float]]:
    """For each kind, its share of the words, and the share of its words that were kept."""
    for kind, mine in own.items():
        yield f"{kind}_share", sum(word in mine for word in words) / max(1, len(words))
        yield f"{kind}_kept", len(mine.intersection(words)) / max(1, len(mine))
