"""Lists of clips: which ones are asked for, in which order, and a short row of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.analysis.fates import FATES
from vidcurate.errors import UsageError, suggest
from vidcurate.records import CLIPS
from vidcurate.review.answers import number_or_none
from vidcurate.review.clips import VERDICTS, ClipsNow
from vidcurate.review.spans import CODES, Flags
from vidcurate.rules import check, parse
from vidcurate.rules.schema import kind_of_type
from vidcurate.stages.selection.filter import COMMANDS, RULED

CAPTION_CHARS = 120
MAX_ROWS = 1000
WORDS = ("video", "fate", "verdict")


@dataclass(frozen=True)
class ClipQuery:
    """Which clips are asked for; what is None asks for nothing."""

    fate: str | None = None
    verdict: str | None = None
    reviewer: str | None = None
    video: str | None = None
    tag: str | None = None
    text: str | None = None
    score: str | None = None
    min: float | None = None
    max: float | None = None
    rule: str | None = None
    sort: str | None = None
    desc: bool = False
    offset: int = 0
    limit: int = 100


def list_clips(now: ClipsNow, query: ClipQuery, among: Sequence[str] | None) -> dict[str, Any]:
    """The clips that a query asks for, `among` some ids where these are given, in their order.

    Raises UsageError for a fate, verdict, score or rule that there is not.
    """
    found = chosen(now, query, among)
    if among is not None and query.sort is None:
        drawn = [now.spans.place[i] for i in among if i in now.spans.place]
        places = np.array([place for place in drawn if found[place]], np.int64)
    else:
        places = sorted_places(now, np.flatnonzero(found), query)
    shown = places[query.offset : query.offset + min(query.limit, MAX_ROWS)]
    values = values_of(now, query.sort, query.score)
    return {
        "total": len(places),
        "offset": query.offset,
        "clips": short_rows(now, shown, values),
    }


def chosen(now: ClipsNow, query: ClipQuery, among: Sequence[str] | None) -> Flags:
    """Which clips a query asks for."""
    found = np.ones(len(now.spans.ids), bool)
    if among is not None:
        wanted = set(among)
        found &= np.fromiter((i in wanted for i in now.spans.ids), bool, len(found))
    if query.fate is not None:
        found &= now.fates == fate_named(query.fate)
    if query.verdict is not None:
        found &= with_verdict(now, query.verdict)
    if query.video is not None:
        found &= flags(pc.equal(now.spans.clips["video_id"], query.video))
    if query.reviewer is not None or query.tag is not None:
        found &= reviewed_as(now, query.reviewer, query.tag)
    if query.text:
        found &= with_text(now, query.text)
    if query.score is not None:
        numbers = now.spans.numbers(score_named(now, query.score))
        low = -np.inf if query.min is None else query.min
        high = np.inf if query.max is None else query.max
        found &= (numbers >= low) & (numbers <= high)
    if query.rule is not None:
        found &= breaking(now, query.rule)
    return found


def with_verdict(now: ClipsNow, verdict: str) -> Flags:
    """Which clips have a verdict; raises UsageError where there is no such one."""
    codes = {str(name or "none"): code for name, code in VERDICTS.items()}
    if verdict not in codes:
        raise UsageError(f"no verdict '{verdict}'{suggest(verdict, codes)}")
    found: Flags = now.verdicts == codes[verdict]
    return found


def fate_named(fate: str) -> int:
    """A fate's place in FATES; raises UsageError where there is no such one."""
    if fate not in CODES:
        raise UsageError(f"no fate '{fate}'{suggest(fate, FATES)}")
    return CODES[fate]


def reviewed_as(now: ClipsNow, reviewer: str | None, tag: str | None) -> Flags:
    """Which clips a person decided about, and which have a tag, given by a person or a model."""
    found = np.zeros(len(now.spans.ids), bool)
    if reviewer is None:
        found |= now.spans.labels == tag
    for clip_id, review in now.reviews.items():
        place = now.spans.place.get(clip_id)
        if place is not None and (reviewer is None or review.reviewer == reviewer):
            found[place] |= tag is None or tag in review.tags
    return found


def with_text(now: ClipsNow, text: str) -> Flags:
    """Which clips have a text in their caption, their video's name or their id, in any case."""
    found = np.zeros(len(now.spans.ids), bool)
    for column in (now.spans.captions, now.spans.video_names, now.spans.clips[CLIPS.key]):
        found |= flags(pc.match_substring(column, text, ignore_case=True))
    lowered = text.lower()
    for clip_id, review in now.reviews.items():
        if review.caption is not None and clip_id in now.spans.place:
            found[now.spans.place[clip_id]] |= lowered in review.caption.lower()
    return found


def breaking(now: ClipsNow, text: str) -> Flags:
    """Which clips break a rule; raises RuleError where it makes no sense."""
    rule = parse(text)
    check(
        [rule],
        {name: t.schema for name, t in RULED.items()},
        {n: COMMANDS.get(n, n) for n in RULED},
    )
    return flags(pc.is_valid(now.spans.judged_by([rule]).first_failed))


def flags(values: Any) -> Flags:
    """Arrow's booleans as numpy's; null is false."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return np.asarray(pc.fill_null(whole, False).to_numpy(zero_copy_only=False), bool)


def score_named(now: ClipsNow, name: str) -> tuple[str, str]:
    """Table and column of a score by its name, such as `quality.sharpness`.

    Raises UsageError where there is no such number.
    """
    table, _, column = name.partition(".")
    named = {f"{t}.{c}": (t, c) for t, c in now.facts.scores}
    if name in named:
        return named[name]
    is_number = table in RULED and column in RULED[table].schema.names
    if not is_number or kind_of_type(RULED[table].schema.field(column).type) != "number":
        raise UsageError(f"no score '{name}' here{suggest(name, named)}")
    return table, column


def values_of(now: ClipsNow, sort: str | None, score: str | None) -> NDArray[np.float64] | None:
    """The numbers of the score by which clips are sorted, or else chosen."""
    for name in (sort, score):
        if name is not None and "." in name:
            return now.spans.numbers(score_named(now, name))
    return None


def sorted_places(now: ClipsNow, places: NDArray[np.int64], query: ClipQuery) -> NDArray[np.int64]:
    """Places in the order asked for; clips without a value come last, equal ones in order.

    Raises UsageError for a column that clips are not sorted by.
    """
    if query.sort is None:
        return places[::-1] if query.desc else places
    if query.sort in WORDS:
        keys = word_keys(now, query.sort)
    else:
        name = query.sort if "." in query.sort else f"{CLIPS.name}.{query.sort}"
        keys = now.spans.numbers(score_named(now, name))
    keys = keys[places]
    order = np.lexsort((places, -keys if query.desc else keys))
    return places[order]


def word_keys(now: ClipsNow, word: str) -> NDArray[np.float64]:
    """What clips are sorted by that is no number; they are in the order of their videos."""
    if word == "video":
        return np.arange(len(now.fates), dtype=np.float64)
    return (now.fates if word == "fate" else now.verdicts).astype(np.float64)


def short_rows(
    now: ClipsNow, places: Sequence[int] | NDArray[np.int64], values: NDArray[np.float64] | None
) -> list[dict[str, Any]]:
    """What a list shows of clips, by their places."""
    where = pa.array(np.asarray(places, np.int64))
    columns = ["clip_id", "video_id", "start_s", "end_s", "duration_s"]
    rows = now.spans.clips.select(columns).take(where).to_pylist()
    paths = now.spans.video_names.take(where).to_pylist()
    texts = now.spans.captions.take(where).to_pylist()
    return [
        {
            **row,
            "video": video_name(path),
            "fate": now.fate(place),
            "reason": now.reason(place),
            **decided(now, row["clip_id"], text),
            "value": None if values is None else number_or_none(values[place]),
        }
        for row, path, text, place in zip(rows, paths, texts, map(int, places), strict=True)
    ]


def decided(now: ClipsNow, clip_id: str, text: str | None) -> Mapping[str, Any]:
    """What people decided about a clip, with the beginning of its caption."""
    review = now.review(clip_id)
    caption = text if review.caption is None else review.caption
    return {
        "verdict": review.verdict,
        "tags": list(review.tags),
        "caption": None if caption is None else caption[:CAPTION_CHARS],
    }


def rows_of(now: ClipsNow, clip_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Short rows of those of some clips that are there."""
    places = [now.spans.place[i] for i in clip_ids if i in now.spans.place]
    return short_rows(now, places, None)


def video_name(path: str | None) -> str | None:
    """The name of a video's file."""
    return None if path is None else PurePosixPath(path).name
