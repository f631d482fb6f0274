"""All that is known of one clip."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vidcurate.clips.reviews import is_about, span_id
from vidcurate.records import (
    CLIPS,
    KEYFRAMES,
    TABLES,
    TAGS,
    VERDICTS,
    Clip,
    ColumnInfo,
    Decision,
    Verdict,
    column_info,
)
from vidcurate.review.answers import NotFoundError
from vidcurate.review.clips import ClipsNow, span_in
from vidcurate.review.listing import rows_of
from vidcurate.review.media import media_of
from vidcurate.rules import Rule


def clip_named(now: ClipsNow, clip_id: str) -> Clip:
    """A clip by its id; raises NotFoundError where there is none."""
    place = now.spans.place.get(clip_id)
    if place is None:
        raise NotFoundError(f"there is no clip {clip_id!r} here, or no longer: load the list again")
    found: Clip = CLIPS.from_arrow(now.spans.clips.slice(place, 1))[0]
    return found


def clip_pictured(now: ClipsNow, clip_id: str) -> Clip:
    """A clip by its id, also one that a person has replaced: its id says what it shows.

    A page asks for pictures of a clip while a decision about it is on its way. Raises
    NotFoundError where the id names no frames of a video that is here.
    """
    for spans in (now.spans, now.base):
        place = spans.place.get(clip_id)
        if place is not None:
            found: Clip = CLIPS.from_arrow(spans.clips.slice(place, 1))[0]
            return found
    for decision in now.decisions:
        if any(span_id(decision.video_id, span) == clip_id for span in decision.spans):
            made = now.facts.clip_of(decision.video_id, *span_in(clip_id))
            return made or clip_named(now, clip_id)
    return clip_named(now, clip_id)


def clip_detail(now: ClipsNow, clip_id: str) -> dict[str, Any]:
    """All that the page shows of a clip; raises NotFoundError."""
    clip = clip_named(now, clip_id)
    place = now.spans.place[clip_id]
    review = now.review(clip_id)
    path = now.spans.video_names[place].as_py()
    return {
        **rows_of(now, [clip_id])[0],
        "video_path": path,
        "start_pts": clip.start_pts,
        "end_pts": clip.end_pts,
        "time_base": [clip.time_base.numerator, clip.time_base.denominator],
        "n_frames": clip.n_frames,
        "media": media_of(now.facts, clip),
        "verdict_reason": review.reason,
        "reviewer": review.reviewer or None,
        "decided_at": review.decided_at or None,
        "caption": now.caption(clip_id),
        "caption_by_review": review.caption is not None,
        "caption_before": now.caption_before(clip_id),
        "labels": labels_of(now, clip_id),
        "scores": scores_of(now, place),
        "keyframes": keyframes_of(now, clip_id),
        "strip": f"/strip/{clip_id}.jpg",
        "rules": rules_of(now, place),
        "history": [history_row(d) for d in now.decisions if is_about(d, clip_id)],
        "neighbours_in_video": neighbours(now, clip),
        "verdict_of_judge": judged(now, clip_id),
    }


def history_row(decision: Decision) -> dict[str, Any]:
    """A decision as plain values."""
    return asdict(decision)


def scores_of(now: ClipsNow, place: int) -> list[dict[str, Any]]:
    """Every score of a clip, with the limits that rules set to it.

    `limit` is the first that the clip breaks, or else the first.
    """
    limits = limits_at(now, place)
    rows = []
    for table, name in now.facts.scores:
        info = score_info(table, name)
        own = limits.get(f"{table}.{name}", [])
        broken = [limit for limit in own if limit["holds"] is False]
        rows.append(
            {
                "name": f"{table}.{name}",
                "value": now.spans.number_at((table, name), place),
                "unit": info.unit,
                "description": info.description,
                "limit": next(iter([*broken, *own]), None),
                "limits": own,
            }
        )
    return rows


def score_info(table: str, name: str) -> ColumnInfo:
    """What a score is."""
    info = column_info(TABLES[table], name)
    assert info is not None
    return info


def limits_at(now: ClipsNow, place: int) -> Mapping[str, list[dict[str, Any]]]:
    """What rules ask of each score, and whether the clip at a place keeps to it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in now.rules:
        for limit in now.spans.limits_in(rule):
            row = {"condition": limit.condition, "value": limit.value}
            found.setdefault(limit.score, []).append({**row, "holds": limit.holds[place].as_py()})
    return found


def rules_of(now: ClipsNow, place: int) -> list[dict[str, Any]]:
    """Each rule, and whether it holds for the clip at a place; null where a number is missing."""
    return [{"rule": rule.text, "holds": holds(now, rule, place)} for rule in now.rules]


def holds(now: ClipsNow, rule: Rule, place: int) -> bool | None:
    """Whether a rule holds for the clip at a place."""
    outcomes = now.spans.judged_by([rule])
    if outcomes.first_failed[place].is_valid:
        return False
    return None if outcomes.undecided[place].is_valid else True


def keyframes_of(now: ClipsNow, clip_id: str) -> list[dict[str, Any]]:
    """The addresses and times of a clip's keyframes."""
    row = now.facts.row(KEYFRAMES, clip_id)
    frames = () if row is None else row.keyframes
    return [
        {"url": f"/keyframe/{clip_id}/{number}.jpg", "time_s": frame.time_s}
        for number, frame in enumerate(frames)
    ]


def labels_of(now: ClipsNow, clip_id: str) -> list[dict[str, Any]]:
    """The labels that a model gave a clip, the most probable first."""
    row = now.facts.row(TAGS, clip_id)
    if row is None:
        return []
    pairs = zip(row.names, row.probabilities, strict=True)
    return [{"name": name, "probability": share} for name, share in pairs]


def neighbours(now: ClipsNow, clip: Clip) -> dict[str, str | None]:
    """The clips before and after one in its video."""
    place = now.spans.place[clip.clip_id]
    videos = now.spans.clips["video_id"]

    def at(other: int) -> str | None:
        is_there = 0 <= other < len(now.spans.ids) and videos[other].as_py() == clip.video_id
        return now.spans.ids[other] if is_there else None

    return {"previous": at(place - 1), "next": at(place + 1)}


def judged(now: ClipsNow, clip_id: str) -> dict[str, Any] | None:
    """What the judge found about the clip's caption; None where it judged none."""
    verdict: Verdict | None = now.facts.row(VERDICTS, clip_id)
    if verdict is None:
        return None
    return {
        "score": verdict.score,
        "reasons": list(verdict.reasons),
        "alignment": verdict.alignment,
        "grade": verdict.grade,
        "wrong_objects": list(verdict.wrong_objects),
        "wrong_actions": list(verdict.wrong_actions),
        "explanation": verdict.explanation,
    }
