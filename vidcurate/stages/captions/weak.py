"""weak: the captions that should be written again: bad ones, the worst, and near-copies."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.captioning.text.echoes import BANDS, Echo, echoes
from vidcurate.records import CAPTIONS, KEPT, VERDICTS, WEAK, WeakCaption
from vidcurate.stage import Lookup, Outcome, StageConfig, TableStage, option
from vidcurate.store.dataset import DONE, DROPPED, FAILED, OK
from vidcurate.store.table import positions, taken

GOOD = "the caption is good enough"
NO_VERDICT = "the caption was not judged: see rows verdicts --failed"


class WeakConfig(StageConfig):
    """Which captions are written again."""

    below: float = option(0.6, "Captions of a lower score are weak", ge=0, le=1)
    worst_share: float = option(
        0.0, "This share of the captions, those of the lowest scores, is weak", ge=0, le=1
    )
    least_likeness: float = option(
        0.7,
        "A caption is weak where another clip's is so like it: share of three-word runs in common",
        gt=0,
        le=1,
    )


def weak(tables: Mapping[str, pa.Table], config: WeakConfig) -> Outcome:
    """The clips whose caption is weak; those without a verdict fail."""
    clips, verdicts, captions = (tables[t.name] for t in (KEPT, VERDICTS, CAPTIONS))
    where = positions(clips[KEPT.key], verdicts[VERDICTS.key])
    judged = clips.filter(pc.is_valid(where))
    verdicts = verdicts.take(where.drop_null())
    texts = taken(captions["text"], positions(judged[KEPT.key], captions[CAPTIONS.key]))
    rows = weak_rows(verdicts, texts.to_pylist(), config)
    chosen = pc.is_in(clips[KEPT.key], value_set=pa.array([r.clip_id for r in rows], pa.string()))
    status = pc.if_else(pc.is_null(where), FAILED, pc.if_else(chosen, OK, DROPPED))
    reason = pc.if_else(pc.is_null(where), NO_VERDICT, pc.if_else(chosen, None, GOOD))
    done = pa.table(
        {
            "id": clips[KEPT.key],
            "status": status,
            "reason": reason,
            "seconds": pa.nulls(clips.num_rows, pa.float64()),
        },
        schema=DONE,
    )
    return Outcome(WEAK.to_arrow(rows), done)


def weak_rows(verdicts: pa.Table, texts: Sequence[str], config: WeakConfig) -> list[WeakCaption]:
    """A row for each weak caption; `texts` are those of the verdicts."""
    ids, videos = verdicts["clip_id"].to_pylist(), verdicts["video_id"].to_pylist()
    scores = verdicts["score"].to_numpy()
    ranks = np.searchsorted(np.sort(scores), scores) / max(len(scores), 1)
    bands = verdicts["bands"].combine_chunks().flatten().to_numpy().reshape(-1, BANDS)
    alike = echoes(texts, bands, config.least_likeness)
    found = []
    for number, clip_id in enumerate(ids):
        echo = alike.get(number)
        reasons = reasons_of(scores[number], ranks[number], echo, config)
        if reasons:
            row = WeakCaption(
                clip_id=clip_id,
                video_id=videos[number],
                score=float(scores[number]),
                rank=float(ranks[number]),
                reason="; ".join(reasons),
                like_clip_id=ids[echo.number] if echo else None,
                likeness=echo.likeness if echo else None,
            )
            found.append(row)
    return found


def reasons_of(score: float, rank: float, echo: Echo | None, config: WeakConfig) -> list[str]:
    """Why a caption is weak, if it is."""
    return [
        reason
        for reason, holds in (
            (f"score below {config.below:g}", score < config.below),
            (f"among the worst {config.worst_share:.0%}", rank < config.worst_share and score < 1),
            ("nearly another clip's caption", echo is not None),
        )
        if holds
    ]


def tables_read(_config: WeakConfig) -> tuple[Lookup, ...]:
    """Scores and texts."""
    return (
        Lookup(VERDICTS, columns=("clip_id", "video_id", "score", "bands")),
        Lookup(CAPTIONS, columns=("clip_id", "text")),
    )


WEAK_STAGE = TableStage(
    name="weak",
    summary="Choose the captions that should be written again.",
    reads=KEPT,
    writes=WEAK,
    config=WeakConfig,
    run=weak,
    lookups=tables_read,
)
