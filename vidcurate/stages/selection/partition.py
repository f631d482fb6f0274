"""partition: quotas, and which clips train, validate and test, so that no content is in two."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.clips.classes import classes_of, columns_read, values_of
from vidcurate.clips.quotas import NOTHING, ClassCount, Quota, class_counts, over_quota
from vidcurate.clips.splits import SPLITS, SplitShare, drawn, split_shares
from vidcurate.errors import quantity, some
from vidcurate.records import CLIPS, DEDUP, FILES, KEPT, PARTITIONS, SOURCES, VIDEOS
from vidcurate.stage import Lookup, Outcome, TableStage
from vidcurate.stages.selection.filter import RULED
from vidcurate.stages.selection.partition_groups import divide
from vidcurate.stages.selection.partition_options import PartitionConfig, QuotaOptions, read_amount
from vidcurate.store.dataset import DROPPED, OK
from vidcurate.store.table import positions

Tables = Mapping[str, pa.Table]
Numbers = NDArray[np.int64]
MANY = 3  # of what a message names
ADVICE = "take more videos, or another seed"


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """What each split has, and each class of each quota.

    `across` are clips that look as if taken from a set-up of which there are clips in another split
    too; None where that is not known.
    """

    splits: tuple[SplitShare, ...]
    classes: tuple[ClassCount, ...]
    across: int | None


def partition(tables: Tables, config: PartitionConfig) -> Outcome:
    """Leave out the clips that are over a quota, and put each other one into a split.

    Raises UsageError where videos that stay together are named for different splits.
    """
    clips = tables[KEPT.name]
    division = divide(clips, tables, config)
    gone_by = over_quota(quotas_of(clips, tables, config), clip_ranks(clips, tables, config))
    stays = gone_by == NOTHING
    rows = clips.select(KEPT.schema.names)
    rows = rows.append_column("split", pa.array(SPLITS).take(pa.array(division.codes)))
    rows = rows.append_column("group", division.groups)
    reasons = [f"over the quota of {words(quota)}" for quota in config.balance]
    reason = pa.array(reasons, pa.string()).take(pa.array(gone_by, mask=stays))
    status = pc.if_else(pa.array(stays), OK, DROPPED)
    outcome = Outcome.from_status(
        rows.filter(pa.array(stays)).cast(PARTITIONS.schema), clips[KEPT.key], status, reason
    )
    if not config.divides and not config.balance:
        return outcome
    report = reported(tables, outcome.rows, config)
    return Outcome(outcome.rows, outcome.done, message(report, config))


def quotas_of(clips: pa.Table, tables: Tables, config: PartitionConfig) -> list[Quota]:
    """The quotas with the classes of some clips."""
    return [
        Quota(
            by=quota.by,
            classes=classes_of(quota.by, quota.edges, clips, tables, RULED),
            at_most=None if quota.at_most is None else read_amount(quota.at_most),
            at_least=None if quota.at_least is None else read_amount(quota.at_least),
            named=quota.classes,
        )
        for quota in config.balance
    ]


def clip_ranks(clips: pa.Table, tables: Tables, config: PartitionConfig) -> Numbers:
    """For each clip its place in the order in which clips stay; none where there is no quota."""
    rank = np.zeros(clips.num_rows, np.int64)
    if any(quota.at_most is not None for quota in config.balance):
        keys = [drawn(clips[KEPT.key].to_pylist(), config.seed)]
        if config.prefer is not None:
            values = pc.cast(
                values_of(config.prefer, clips, tables, RULED), pa.float64(), safe=False
            )
            # NaN, which a clip without a value has, comes last.
            keys.append(-values.to_numpy(zero_copy_only=False))
        rank[np.lexsort(keys)] = np.arange(clips.num_rows)
    return rank


def words(quota: QuotaOptions) -> str:
    """A quota in words."""
    of = f" in {', '.join(quota.classes[:MANY])}" if quota.classes else ""
    return f"{quota.at_most} for each class of {quota.by}{of}"


def reported(tables: Tables, rows: pa.Table, config: PartitionConfig) -> BalanceReport:
    """What the splits and the classes have, by the clips that came and the rows that stay."""
    clips = tables[KEPT.name]
    stays = pc.is_in(clips[KEPT.key], value_set=rows[KEPT.key].combine_chunks())
    is_kept = stays.to_numpy(zero_copy_only=False)
    classes = [
        row for quota in quotas_of(clips, tables, config) for row in class_counts(quota, is_kept)
    ]
    codes = pc.index_in(rows["split"], value_set=pa.array(SPLITS)).to_numpy().astype(np.int64)
    group, video = (
        rows[name].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        for name in ("group", "video_id")
    )
    seconds = rows["duration_s"].to_numpy()
    return BalanceReport(
        tuple(split_shares(codes, group, video, seconds, config.wanted)),
        tuple(classes),
        clips_across(rows, codes, tables) if config.divides else None,
    )


def clips_across(rows: pa.Table, codes: Numbers, tables: Tables) -> int | None:
    """How many clips are of a set-up that is in several splits; None where that is not known."""
    if DEDUP.name not in tables or tables[DEDUP.name]["setup_id"].null_count:
        return None
    at = positions(rows[KEPT.key], tables[DEDUP.name][DEDUP.key])
    setup = tables[DEDUP.name]["setup_id"].combine_chunks().take(at).dictionary_encode().indices
    known = setup.is_valid().to_numpy(zero_copy_only=False)
    setups, splits = setup.drop_null().to_numpy(), codes[known]
    n_splits = np.zeros(setups.max(initial=0) + 1, np.int64)
    for code in range(len(SPLITS)):
        n_splits[np.unique(setups[splits == code])] += 1
    return int((n_splits[setups] > 1).sum())


def message(report: BalanceReport, config: PartitionConfig) -> str:
    """What came of shares and quotas, in a line; "" where there is nothing to say."""
    parts = []
    if config.divides:
        shares = [
            f"{s.split} {quantity(s.clips, 'clip')} of {quantity(s.groups, 'group')} "
            f"({s.share_of_hours:.1%} of the hours)"
            for s in report.splits
        ]
        parts.append(", ".join(shares))
        parts += [
            f"{s.split} is empty, as no group fell to its share of {s.wanted:g}"
            for s in report.splits
            if s.wanted and not s.groups
        ]
        if any(abs(s.share_of_groups - s.wanted) > s.wanted / 2 for s in report.splits):
            dealt_out = "" if config.stratify_by else ", or stratify_by, which deals them out"
            parts.append(f"so few groups are divided unevenly by chance: {ADVICE}{dealt_out}")
    if report.across:
        parts.append(
            f"{quantity(report.across, 'clip')} look as if taken from a set-up that is in another "
            "split too: keep_together: set-ups puts them together"
        )
    lacking = [f"{c.by} {c.name} lacks {c.missing}" for c in report.classes if c.missing]
    over = [
        f"{c.by} {c.name} has {c.over} too many, as so few classes cannot have {c.at_most} each"
        for c in report.classes
        if c.over
    ]
    for gaps in (lacking, over):
        parts += [some(gaps)] if gaps else []
    return "; ".join(parts)


def tables_used(config: PartitionConfig) -> tuple[Lookup, ...]:
    """List the tables that the options need, with the columns."""
    pairs = {pair for quota in config.balance for pair in columns_read(quota.by)}
    if config.prefer is not None:
        pairs |= columns_read(config.prefer)
    pairs = {(table, column) for table, column in pairs if table != CLIPS.name}
    if config.divides:
        pairs.add((VIDEOS.name, VIDEOS.key))
        if config.keep_together != "videos":
            pairs |= {(DEDUP.name, name) for name in ("video_id", "cluster_id", "setup_id")}
        if config.split_column is not None:
            pairs |= {(SOURCES.name, name) for name in ("extra", "path")}
        every = (*config.group_by, *(stratum.by for stratum in config.stratify_by))
        if every:
            pairs |= {
                (CLIPS.name, "video_id"),
                *(pair for by in every for pair in columns_read(by)),
            }
    by_table: dict[str, list[str]] = {}
    for table, column in sorted(pairs):
        by_table.setdefault(table, [RULED[table].key]).append(column)
    lookups = tuple(
        Lookup(RULED[table], columns=tuple(dict.fromkeys(columns)))
        for table, columns in by_table.items()
    )
    # What lists have for all files, also those that come in a later wave.
    columns = (Lookup(FILES, columns=("extra",)),) if config.split_column else ()
    return (*columns, *lookups)


PARTITION = TableStage(
    name="partition",
    summary="Choose clips by quotas, and divide them into train, validation and test.",
    reads=KEPT,
    writes=PARTITIONS,
    config=PartitionConfig,
    run=partition,
    lookups=tables_used,
)
