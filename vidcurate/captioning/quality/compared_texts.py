"""Which text of a clip is held against which of its references, and how long both may be."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from vidcurate.captioning.current_text import HASH_DIGITS, CurrentText
from vidcurate.captioning.text.agreement import words_in
from vidcurate.captioning.text.cleaning import sentences_of
from vidcurate.records import Caption, Reference

WHOLE = ("detailed", "short")
"""The kinds of references that tell of the whole clip, the best first."""
FIELDS: Mapping[str, str] = {
    "short": "short_caption",
    "camera": "camera",
    "background": "background",
    "main-object": "main_object",
    "audio": "audio",
}


def whole_references(references: Sequence[Reference]) -> list[Reference]:
    """The detailed references of a clip; short ones where there are none."""
    for kind in WHOLE:
        if found := [one for one in references if one.kind == kind]:
            return found
    return []


def hash_of_references(references: Iterable[Reference]) -> str:
    """A hash that is equal for the same texts of the same kinds, in any order."""
    facts = json.dumps(sorted([one.kind, one.text] for one in references))
    return hashlib.sha256(facts.encode()).hexdigest()[:HASH_DIGITS]


def text_about(kind: str, current: CurrentText, caption: Caption | None) -> str:
    """The text in which a caption tells what a kind of reference tells; else all of the text.

    Parts of a caption count only while the caption itself is the text that counts.
    """
    if current.source != "caption" or caption is None:
        return current.text
    if kind == "short" and caption.short_text:
        return caption.short_text
    form = json.loads(caption.structured) if caption.structured else {}
    part = form.get(FIELDS.get(kind, "")) if isinstance(form, dict) else None
    return part if isinstance(part, str) and part.strip() else current.text


def cut_at_sentence(text: str, max_words: int) -> str:
    """The sentences of a text from its beginning that have at most so many words together.

    The first is cut within where it alone has more.
    """
    if len(words_in(text)) <= max_words:
        return text
    kept: list[str] = []
    n_words = 0
    for sentence in sentences_of(text):
        n_words += len(words_in(sentence))
        if n_words > max_words:
            break
        kept.append(sentence)
    return " ".join(kept) or " ".join(text.split()[:max_words])
