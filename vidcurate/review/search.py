"""Clips found by words, or as those most like another clip."""

from typing import Any

from vidcurate.analysis.clip_search import SearchQuery, find_clips
from vidcurate.errors import MediaError, UsageError
from vidcurate.review.answers import ConflictError
from vidcurate.review.clips import ClipsNow
from vidcurate.review.detail import clip_named
from vidcurate.review.listing import rows_of

MAX_FOUND = 1000
MAX_CHARS = 1000


def search(now: ClipsNow, text: str | None, like: str | None, top: int) -> dict[str, Any]:
    """The clips most like a text or a clip, best first, each with its score; and what is left out.

    Clips that people changed are found once their videos are split again. Raises ConflictError that
    names the command where there are no vectors, or none that know words.
    """
    if (text is None) == (like is None) or not 1 <= top <= MAX_FOUND:
        raise UsageError(f"search for either text or like, and for 1 to {MAX_FOUND} clips")
    if text is not None and not 0 < len(text.strip()) <= MAX_CHARS:
        raise UsageError(f"search for 1 to {MAX_CHARS} characters")
    root = now.facts.dataset.root
    if not now.facts.has_vectors:
        raise ConflictError(f"the clips have no vectors: run `vidcurate embed -d {root}`")
    if text is not None and not now.facts.knows_text:
        raise ConflictError(
            "the vectors know no words: run "
            f"`vidcurate embed -d {root} --backend open_clip --model NAME --pretrained FILE`"
        )
    if like is not None:
        clip_named(now, like)
    notes: list[str] = []
    try:
        found = find_clips(now.facts.dataset, SearchQuery(text, like), top, notes.append)
    except (UsageError, MediaError) as error:
        raise ConflictError(str(error)) from error
    scores = {row["clip_id"]: row["score"] for row in found}
    rows = rows_of(now, list(scores))
    clips = [{**row, "score": scores[row["clip_id"]]} for row in rows]
    return {"clips": clips, "notes": notes}
