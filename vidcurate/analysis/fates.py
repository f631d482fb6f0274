"""What became of each clip: which stage it got to, and what kept it from going on."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import ACCEPTED, CAPTIONS, CLIPS, EXPORTS, KEPT, PARTITIONS
from vidcurate.rules.join import Read
from vidcurate.store.dataset import OK, Dataset
from vidcurate.store.table import positions

# From the best to the worst; `waiting` is a clip on which no rule has been tried yet.
FATES = (
    *("exported", "captioned", "kept", "refused", "left out", "unmeasured", "rejected"),
    "waiting",
)


def clip_fates(dataset: Dataset, plan: Sequence[ResolvedStage], read: Read) -> pa.Table:
    """Return every live clip with what became of it: `clip_id`, `fate` (of FATES) and `reason`.

    `reason` is the rule that a rejected clip breaks, what an unmeasured one lacks, why quotas left
    one out, and what rules over texts said of a refused one; null for the others.
    """
    clip_ids = read(CLIPS.name)[CLIPS.key].combine_chunks()
    fate: pa.Array = pa.repeat(pa.scalar("waiting"), len(clip_ids))
    reason: pa.Array = pa.nulls(len(clip_ids), pa.string())
    made = {resolved.stage.writes.name: resolved for resolved in plan}
    for table, passed, stopped in (
        (KEPT, "kept", {"dropped": "rejected", "failed": "unmeasured"}),
        (PARTITIONS, "kept", {"dropped": "left out", "failed": "left out"}),
        (CAPTIONS, "captioned", {}),
        (ACCEPTED, None, {"dropped": "refused", "failed": "refused"}),
        (EXPORTS, "exported", {}),
    ):
        if table.name not in made:
            continue
        done = made[table.name].output(dataset).done()
        row = positions(pa.chunked_array([clip_ids]), done["id"])
        status = done["status"].combine_chunks().take(row)
        goes_on = pc.is_in(fate, value_set=pa.array(["waiting", "kept", "captioned"]))
        for found, name in {**({OK: passed} if passed else {}), **stopped}.items():
            chosen = pc.and_(goes_on, pc.fill_null(pc.equal(status, found), fill_value=False))
            fate = pc.if_else(chosen, name, fate)
            reason = pc.if_else(chosen, done["reason"].combine_chunks().take(row), reason)
    return pa.table({CLIPS.key: clip_ids, "fate": fate, "reason": reason})
