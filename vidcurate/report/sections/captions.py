"""Captions beside their keyframes: what the judge found in the text, and how versions differ."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.caption_findings import (
    ABOUT_FLAGS,
    FLAGS,
    marked_text,
    word_changes,
)
from vidcurate.analysis.caption_statistics import caption_statistics
from vidcurate.analysis.decisions import read_decisions
from vidcurate.analysis.keyframe_strips import keyframe_strip
from vidcurate.clips.reviews import UNREVIEWED, ClipReview, reviews_of
from vidcurate.errors import MediaError
from vidcurate.records import (
    CAPTIONS,
    CLIPS,
    KEYFRAMES,
    REFINED,
    VERDICTS,
    Caption,
    ClipKeyframes,
    RefinedCaption,
    Verdict,
    version_tables,
)
from vidcurate.report.clip_facts import file_address
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section
from vidcurate.store.cache import local_copy
from vidcurate.store.table import Table, positions

MAX_CAPTIONS = 600
MAX_KEYFRAMES = 4
HASH_DIGITS = 12


def captions_section(data: ReportData) -> Section:
    """Make the section of captions."""
    if not data.has(CAPTIONS) or not data.read(CAPTIONS.name).num_rows:
        return section({"n": 0})
    rows = data.read(CAPTIONS.name)
    verdicts = data.read(VERDICTS.name) if data.has(VERDICTS) else VERDICTS.schema.empty_table()
    chosen = choose(rows, verdicts, MAX_CAPTIONS)
    shown = rows.take(pa.array(chosen))
    statistics = caption_statistics(rows)
    items = list(embedded_captions(data, shown))
    context = {
        "n": rows.num_rows,
        "n_shown": len(items),
        "statistics": statistics,
        "models": [
            {"version": version, **model}
            for version, written in {"": rows, **versions_read(data)}.items()
            for model in models(written)
        ],
        "flags": flag_counts(verdicts),
        "n_judged": verdicts.num_rows,
    }
    lengths = [
        {"from": low, "to": high, "captions": count}
        for low, high, count in zip(
            statistics.edges, statistics.edges[1:], statistics.counts, strict=False
        )
    ]
    return section(context, {"captions": items, "lengths": lengths}, {"lengths": LENGTHS})


def section(
    context: dict[str, Any],
    data: Mapping[str, Any] | None = None,
    charts: Mapping[str, Any] | None = None,
) -> Section:
    """Make the section of what it shows."""
    return Section(
        "captions",
        "Captions",
        "sections/captions.html.j2",
        context,
        charts=charts or {},
        data=data or {},
        scripts=("pages.js", "clips.js", "captions.js") if data else (),
        styles=("clips.css", "captions.css") if data else (),
    )


def choose(rows: pa.Table, verdicts: pa.Table, most: int) -> list[int]:
    """The places of at most `most` captions: the worst by the judge, and an even sample of others.

    Those with a score come by it, the lowest first, then the others as they are.
    """
    where = positions(rows[CAPTIONS.key], verdicts[VERDICTS.key])
    scores = verdicts["score"].combine_chunks().take(where)
    # Without a score stands NaN, which sorts last.
    places = np.argsort(scores.to_numpy(zero_copy_only=False), kind="stable")
    if len(places) <= most:
        return [int(place) for place in places]
    worst, others = places[: most // 2], places[most // 2 :]
    spread = others[np.linspace(0, len(others) - 1, most - len(worst)).astype(np.int64)]
    return [int(place) for place in (*worst, *spread)]


def embedded_captions(data: ReportData, shown: pa.Table) -> Iterator[dict[str, Any]]:
    """Captions as scripts read them, each with its pictures, findings and versions."""
    ids = shown[CAPTIONS.key].combine_chunks()
    clips = by_id(data, CLIPS, ids)
    verdicts = by_id(data, VERDICTS, ids)
    refined = by_id(data, REFINED, ids)
    keyframes = by_id(data, KEYFRAMES, ids)
    further = {
        version: by_id(data, table, ids)
        for version, table in version_tables(names_made(data)).items()
    }
    reviews = reviews_of(read_decisions(data.dataset))
    pictures_left = data.options.max_pictures // 10
    for caption in CAPTIONS.from_arrow(shown):
        clip = clips.get(caption.clip_id)
        frames = keyframes.get(caption.clip_id)
        picture = None
        if frames is not None and pictures_left > 0:
            picture = keyframes_picture(data, frames)
            pictures_left -= 1
        path = data.paths.get(caption.video_id)
        yield {
            "id": caption.clip_id,
            "video": data.videos.get(caption.video_id),
            "address": file_address(path) if path else None,
            "start": None if clip is None else round(clip.start_s, 3),
            "end": None if clip is None else round(clip.end_s, 3),
            "picture": picture,
            "times": [round(k.time_s, 2) for k in frames.keyframes] if frames else [],
            **judged(caption, verdicts.get(caption.clip_id)),
            "versions": versions(
                caption,
                refined.get(caption.clip_id),
                reviews.get(caption.clip_id, UNREVIEWED),
                {
                    v: found[caption.clip_id]
                    for v, found in further.items()
                    if caption.clip_id in found
                },
            ),
            "facts": facts(caption),
        }


def names_made(data: ReportData) -> list[str]:
    """The names of the tables that the data set has."""
    return [resolved.stage.writes.name for resolved in data.plan]


def versions_read(data: ReportData) -> dict[str, pa.Table]:
    """The rows of each caption version."""
    return {v: data.read(table.name) for v, table in version_tables(names_made(data)).items()}


def by_id(data: ReportData, table: Table[Any], ids: pa.Array) -> dict[str, Any]:
    """The rows of some clips by their ids; none where there is no such table."""
    if not data.has(table):
        return {}
    rows = data.read(table.name)
    chosen = rows.filter(pc.is_in(rows[table.key], value_set=ids))
    return {getattr(row, table.key): row for row in table.from_arrow(chosen)}


def keyframes_picture(data: ReportData, frames: ClipKeyframes) -> str | None:
    """The key of a picture of keyframes side by side; None where they are not there."""
    if data.options.media == "none" or not frames.keyframes:
        return None
    folder = data.output(KEYFRAMES).files
    files = [local_copy(folder / k.file) for k in frames.keyframes[:MAX_KEYFRAMES]]
    try:
        return data.pictures.add(f"{frames.clip_id}-keyframes", keyframe_strip(files))
    except MediaError as error:
        data.pictures.missing[frames.clip_id] = str(error)
        return None


def judged(caption: Caption, verdict: Verdict | None) -> dict[str, Any]:
    """A caption's text in pieces, with the judge's findings, if there is a judge."""
    if verdict is None:
        return {"pieces": [[caption.text, ""]], "findings": [], "score": None}
    pieces, findings = marked_text(caption.text, verdict)
    return {
        "pieces": [[piece.text, piece.finding] for piece in pieces],
        "findings": [[found.kind, found.what, found.is_marked] for found in findings],
        "score": round(verdict.score, 3),
        "grade": verdict.grade,
        "explanation": verdict.explanation,
        "alignment": None if verdict.alignment is None else round(verdict.alignment, 3),
    }


def versions(
    caption: Caption,
    refined: RefinedCaption | None,
    review: ClipReview,
    further: Mapping[str, Caption],
) -> list[dict[str, Any]]:
    """The other texts of a clip, each with what it changes of the caption; a person's comes last.

    `further` are those of caption versions, by their names.

    Of equal texts the last one stands.
    """
    others = [("short", caption.short_text)] if caption.short_text else []
    others += [(named(c.source, c.score), c.text) for c in caption.candidates]
    for version, other in further.items():
        others.append(
            (f"{version}, {other.language} by {other.model or other.backend}", other.text)
        )
    if refined is not None:
        others += [(named(t.source, t.score), t.text) for t in refined.texts]
        others.append((f"refined, {refined.score_before:.2f} to {refined.score:.2f}", refined.text))
    if review.caption is not None:
        others.append((f"by {review.reviewer}, which stands", review.caption))
    different = {text: name for name, text in reversed(others) if text != caption.text}
    return [
        {"name": name, "changes": word_changes(caption.text, text)}
        for text, name in reversed(different.items())
    ]


def named(source: str, score: float | None) -> str:
    """Who wrote a text, with its score."""
    return source if score is None else f"{source}, score {score:.2f}"


def facts(caption: Caption) -> dict[str, Any]:
    """What made a caption; what it has not is left out."""
    made = {
        "model": caption.model or caption.backend,
        "revision": caption.revision,
        "strategy": caption.strategy,
        "style": caption.style,
        "language": caption.language,
        "prompt": caption.prompt_hash[:HASH_DIGITS],
        "requests": caption.n_requests,
        "prompt tokens": caption.prompt_tokens,
        "answer tokens": caption.completion_tokens,
        "seconds": round(caption.seconds, 2),
        "status": "" if caption.status == "ok" else caption.status,
        "repaired": ", ".join(caption.repairs),
        "contradicts": "; ".join(caption.conflicts),
    }
    return {name: value for name, value in made.items() if value}


def models(rows: pa.Table) -> list[dict[str, Any]]:
    """Who wrote the captions, and how: backend, model, strategy, prompt and how many."""
    names = ["backend", "model", "strategy", "style", "language", "prompt_hash"]
    counted = rows.select(names).group_by(names).aggregate([([], "count_all")])
    return list(counted.sort_by([("count_all", "descending")]).to_pylist())


def flag_counts(verdicts: pa.Table) -> list[dict[str, Any]]:
    """How many captions have each fault, the most frequent first."""
    counts = [
        {"flag": flag, "about": ABOUT_FLAGS[flag], "count": pc.sum(verdicts[flag]).as_py() or 0}
        for flag in FLAGS
    ]
    return sorted((c for c in counts if c["count"]), key=lambda c: -c["count"])


LENGTHS: dict[str, Any] = {
    "data": {"name": "lengths"},
    "width": "container",
    "height": 160,
    "mark": {"type": "bar", "color": "var(--kept)", "binSpacing": 1},
    "encoding": {
        "x": {
            "field": "from",
            "bin": {"binned": True},
            "type": "quantitative",
            "title": "words of a caption",
        },
        "x2": {"field": "to"},
        "y": {"field": "captions", "type": "quantitative", "title": "captions"},
        "tooltip": [
            {"field": "from", "title": "words from"},
            {"field": "to", "title": "below"},
            {"field": "captions", "title": "captions"},
        ],
    },
}
