"""triage: choose the captions to write again: bad ones, the worst, and near-copies."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.captioning.text.near_copies import BANDS, NearCopy, near_copies
from vidcurate.clips.reviews import reviews_of
from vidcurate.options import StageConfig, option
from vidcurate.records import CAPTIONS, DECISIONS, PARTITIONS, VERDICTS, WEAK_CAPTIONS, WeakCaption
from vidcurate.stage import Lookup, Outcome, TableStage
from vidcurate.store.dataset import DROPPED, FAILED, OK
from vidcurate.store.table import positions, take_nullable

GOOD = "the caption is good enough"
BY_PERSON = "a person wrote the caption"
NO_VERDICT = "the caption was not judged: see rows verdicts --failed"


class TriageConfig(StageConfig):
    """Which captions are written again."""

    max_score: float = option(0.6, "Captions with a lower score are weak", ge=0, le=1)
    worst_share: float = option(
        0.0, "Share of all captions that are weak for having the lowest scores", ge=0, le=1
    )
    min_similarity: float = option(
        0.7,
        "Captions at least this similar to another clip's are weak (share of three-word runs in "
        "common)",
        gt=0,
        le=1,
    )


def triage(tables: Mapping[str, pa.Table], config: TriageConfig) -> Outcome:
    """Choose the clips whose caption is weak; those without a verdict fail.

    A caption that a person wrote is not written again.
    """
    clips, verdicts, captions = (tables[t.name] for t in (PARTITIONS, VERDICTS, CAPTIONS))
    where = positions(clips[PARTITIONS.key], verdicts[VERDICTS.key])
    judged = clips.filter(pc.is_valid(where))
    verdicts = verdicts.take(where.drop_null())
    texts = take_nullable(
        captions["text"], positions(judged[PARTITIONS.key], captions[CAPTIONS.key])
    )
    written = written_by_people(tables)
    rows = [r for r in weak_rows(verdicts, texts.to_pylist(), config) if r.clip_id not in written]
    chosen = pc.is_in(
        clips[PARTITIONS.key], value_set=pa.array([r.clip_id for r in rows], pa.string())
    )
    is_written = pc.is_in(clips[PARTITIONS.key], value_set=pa.array(written, pa.string()))
    has_failed = pc.and_not(pc.is_null(where), is_written)
    status = pc.if_else(has_failed, FAILED, pc.if_else(chosen, OK, DROPPED))
    why_not = pc.if_else(is_written, BY_PERSON, GOOD)
    reason = pc.if_else(has_failed, NO_VERDICT, pc.if_else(chosen, None, why_not))
    return Outcome.from_status(WEAK_CAPTIONS.to_arrow(rows), clips[PARTITIONS.key], status, reason)


def written_by_people(tables: Mapping[str, pa.Table]) -> list[str]:
    """The clips whose captions people wrote."""
    if DECISIONS.name not in tables:
        return []
    reviews = reviews_of(DECISIONS.from_arrow(tables[DECISIONS.name]))
    return [clip_id for clip_id, review in reviews.items() if review.caption is not None]


def weak_rows(verdicts: pa.Table, texts: Sequence[str], config: TriageConfig) -> list[WeakCaption]:
    """A row for each weak caption; `texts` are those of the verdicts."""
    ids, videos = verdicts["clip_id"].to_pylist(), verdicts["video_id"].to_pylist()
    scores = verdicts["score"].to_numpy()
    ranks = np.searchsorted(np.sort(scores), scores) / max(len(scores), 1)
    bands = verdicts["bands"].combine_chunks().flatten().to_numpy().reshape(-1, BANDS)
    alike = near_copies(texts, bands, config.min_similarity)
    found = []
    for number, clip_id in enumerate(ids):
        near_copy = alike.get(number)
        reasons = reasons_of(scores[number], ranks[number], near_copy, config)
        if reasons:
            row = WeakCaption(
                clip_id=clip_id,
                video_id=videos[number],
                score=float(scores[number]),
                rank=float(ranks[number]),
                reason="; ".join(reasons),
                like_clip_id=ids[near_copy.number] if near_copy else None,
                likeness=near_copy.likeness if near_copy else None,
            )
            found.append(row)
    return found


def reasons_of(
    score: float, rank: float, near_copy: NearCopy | None, config: TriageConfig
) -> list[str]:
    """Why a caption is weak, if it is."""
    return [
        reason
        for reason, holds in (
            (f"score below {config.max_score:g}", score < config.max_score),
            (f"among the worst {config.worst_share:.0%}", rank < config.worst_share and score < 1),
            ("nearly another clip's caption", near_copy is not None),
        )
        if holds
    ]


def tables_read(_config: TriageConfig) -> tuple[Lookup, ...]:
    """Scores and texts, and what people wrote."""
    return (
        Lookup(VERDICTS, columns=("clip_id", "video_id", "score", "bands")),
        Lookup(CAPTIONS, columns=("clip_id", "text")),
        Lookup(DECISIONS, required=False, decides=False),
    )


TRIAGE = TableStage(
    name="triage",
    summary="Choose the captions that refine writes again.",
    reads=PARTITIONS,
    writes=WEAK_CAPTIONS,
    config=TriageConfig,
    run=triage,
    lookups=tables_read,
)
