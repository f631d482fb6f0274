"""partition: quotas, and which clips train, validate and test, so that no content is in two."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BeforeValidator, model_validator

from vidcurate.clips.classes import (
    check_classes,
    check_score,
    classes_of,
    columns_read,
    listed,
    values_of,
)
from vidcurate.clips.quotas import (
    NOTHING,
    Amount,
    ClassCount,
    Quota,
    class_counts,
    over_quota,
)
from vidcurate.clips.splits import (
    SPLITS,
    SplitShare,
    dealt,
    drawn,
    split_codes,
    split_shares,
)
from vidcurate.deduplication.choice import clusters
from vidcurate.errors import RuleError, UsageError, quantity, suggest
from vidcurate.options import Options, StageConfig, option
from vidcurate.records import CLIPS, DEDUP, FILES, KEPT, PARTITIONS, SOURCES, VIDEOS
from vidcurate.stage import Lookup, Outcome, TableStage
from vidcurate.stages.selection.filter import COMMANDS, RULED
from vidcurate.store.dataset import DROPPED, OK
from vidcurate.store.table import positions

Tables = Mapping[str, pa.Table]
Numbers = NDArray[np.int64]
Together = Literal["copies", "kept-copies", "videos"]
PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
MANY = 3  # of what a message names
ADVICE = "take more videos, or another seed"


def read_mapping(text: Any) -> Any:
    """Read options that stand in one text, as the command line has them: as YAML within braces.

    Raises ValueError for what is none.
    """
    if not isinstance(text, str):
        return text
    import yaml

    braced = text if text.lstrip().startswith("{") else f"{{{text}}}"
    try:
        found = yaml.safe_load(braced)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, Mapping) or None in found.values():
        raise ValueError(
            f"cannot read {text!r}: write it as in YAML, such as 'by: tags.top_name, at_most: 5%'"
        )
    return found


def read_class(value: Any) -> Any:
    """Read a class that YAML takes for a number or a truth as the text that it is written with."""
    return str(value).lower() if isinstance(value, int) else value


def read_stratum(text: Any) -> Any:
    """Read a column alone, or with edges as `read_mapping` does."""
    is_column = isinstance(text, str) and not re.search(r"\bby\s*:", text)
    return {"by": text} if is_column else read_mapping(text)


class Grouping(Options):
    """What tells clips apart."""

    by: str = ""
    edges: tuple[float, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_words(cls, data: Any) -> Any:
        """Refuse words that have no meaning here; raises ValueError."""
        unknown = (
            [w for w in data if w not in cls.model_fields] if isinstance(data, Mapping) else []
        )
        if unknown:
            known = ", ".join(cls.model_fields)
            raise ValueError(f"unknown word {unknown[0]!r}: known are {known}")
        return data

    @model_validator(mode="after")
    def check_by(self) -> Self:
        """Check that there is such a column, and that edges rise; raises ValueError."""
        if not self.by:
            raise ValueError("name by what clips are told apart, such as by: tags.top_name")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must rise")
        check_column(self.by, self.edges)
        return self


class QuotaOptions(Grouping):
    """How many clips of each class may stay, and how many are wanted."""

    at_most: int | str | None = None
    at_least: int | str | None = None
    classes: tuple[Annotated[str, BeforeValidator(read_class)], ...] = ()

    @model_validator(mode="after")
    def check_amounts(self) -> Self:
        """Check that there is an amount, and that amounts can be read; raises ValueError."""
        if self.at_most is None and self.at_least is None:
            raise ValueError("name at_most or at_least")
        for amount in (self.at_most, self.at_least):
            if amount is not None:
                read_amount(amount)
        return self


def check_column(by: str, edges: Sequence[float] = (), *, is_score: bool = False) -> None:
    """Check that clips can be told apart by this; raises ValueError with what is wrong."""
    commands = {name: COMMANDS.get(name, name) for name in RULED}
    try:
        if is_score:
            check_score(by, RULED, commands)
        else:
            check_classes(by, edges, RULED, commands)
    except RuleError as error:
        raise ValueError(str(error)) from error


def check_preferred(text: str | None) -> str | None:
    """Check that clips can be put in order by this; raises ValueError with what is wrong."""
    if text is None or text == "none":
        return None
    check_column(text, is_score=True)
    return text


def read_amount(amount: int | str) -> Amount:
    """A number of clips, at least one, or a share such as 5%.

    Raises ValueError for anything else.
    """
    share = PERCENT.fullmatch(str(amount))
    if share and 0 < Fraction(share[1]) <= 100:  # noqa: PLR2004 - percent
        return Amount(share=Fraction(share[1]) / 100)
    if re.fullmatch("[0-9]+", str(amount)) and int(amount) > 0:
        return Amount(count=int(amount))
    raise ValueError(f"{amount} is neither a number of clips nor a share: write 50, or 5%")


class PartitionConfig(StageConfig):
    """How many clips of each kind stay, and which of them train, validate and test."""

    validation: float = option(0.0, "Share of the groups that validate, such as 0.05", ge=0, lt=1)
    test: float = option(0.0, "Share of the groups that test; all others train", ge=0, lt=1)
    keep_together: Together = option(
        "copies",
        "What is in one split as a whole: videos: each video; copies: also videos that hold copies "
        "of each other's clips, as dedup finds them, in part or mirrored too; kept-copies: the "
        "same, by the clips alone that are kept",
    )
    split_column: str | None = option(
        None,
        "Column of the list that ingest read, which names the split of some videos: train, "
        "validation or test",
    )
    stratify_by: tuple[Annotated[Grouping, BeforeValidator(read_stratum)], ...] = option(
        (),
        "Column whose classes get the same shares, such as tags.top_name or 'by: "
        "clips.duration_s, edges: [2, 5, 10]'; repeat for more",
    )
    balance: tuple[Annotated[QuotaOptions, BeforeValidator(read_mapping)], ...] = option(
        (),
        "Quota of each class of clips, such as 'by: clips.video_id, at_most: 50' or 'by: "
        "tags.top_name, at_most: 5%, at_least: 100'; with edges for a number, classes for some "
        "alone; repeat for more",
    )
    prefer: Annotated[str | None, BeforeValidator(check_preferred)] = option(
        None,
        "Score by which clips stay where a class has too many, the highest first, such as "
        "aesthetic.score_mean or -text.area_mean; without one they are drawn",
    )
    seed: int = option(0, "What the draws depend on: another one divides otherwise", ge=0)

    @model_validator(mode="after")
    def check_shares(self) -> Self:
        """Refuse shares that leave nothing to train; raises ValueError."""
        if self.validation + self.test >= 1:
            total = f"{self.validation:g} and {self.test:g}"
            raise ValueError(f"validation and test take {total}: that leaves nothing to train")
        return self

    @property
    def divides(self) -> bool:
        """Whether there is more than one split."""
        return bool(self.validation or self.test or self.split_column)

    @property
    def wanted(self) -> tuple[float, float, float]:
        """The shares of the splits, in their order."""
        return 1 - self.validation - self.test, self.validation, self.test


@dataclass(frozen=True, slots=True)
class Division:
    """The split of each clip, as its number, and the first video of its group."""

    codes: Numbers
    groups: pa.Array


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """What each split has, and each class of each quota."""

    splits: tuple[SplitShare, ...]
    classes: tuple[ClassCount, ...]


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


def divide(clips: pa.Table, tables: Tables, config: PartitionConfig) -> Division:
    """Find the split of each clip."""
    if not config.divides:
        return Division(np.zeros(clips.num_rows, np.int64), clips["video_id"].combine_chunks())
    videos = tables[VIDEOS.name]["video_id"].combine_chunks()
    first = first_of_group(videos, clips, tables, config.keep_together)
    numbers = (
        dealt(strata(tables, config), config.seed)
        if config.stratify_by
        else drawn(videos.to_pylist(), config.seed)
    )
    codes = split_codes(numbers[first], config.validation, config.test)
    if config.split_column is not None:
        codes = with_named(codes, first, tables, config.split_column)
    at = positions(clips["video_id"], pa.chunked_array([videos])).to_numpy()
    return Division(codes[at], videos.take(pa.array(first[at])))


def first_of_group(
    videos: pa.Array, clips: pa.Table, tables: Tables, together: Together
) -> Numbers:
    """For each video the number of the first of those that are in one split with it.

    Videos are in the order in which they came into the data set, so those that come later never
    become the first.
    """
    if together == "videos":
        return np.arange(len(videos))
    copies = tables[DEDUP.name]
    if together == "kept-copies":
        kept = clips[KEPT.key].combine_chunks()
        copies = copies.filter(pc.is_in(copies[DEDUP.key], value_set=kept))
    video = positions(copies["video_id"], pa.chunked_array([videos])).to_numpy()
    cluster = copies["cluster_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    has_copies = np.bincount(cluster)[cluster] > 1
    pairs = np.stack([cluster, video], axis=1).astype(np.int64)[has_copies]
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    same = pairs[1:, 0] == pairs[:-1, 0]
    links = zip(pairs[:-1, 1][same].tolist(), pairs[1:, 1][same].tolist(), strict=True)
    return clusters(len(videos), list(links))


def strata(tables: Tables, config: PartitionConfig) -> list[str]:
    """For each video its classes, which are those that most of its clips have, kept or not.

    So neither rules nor copies in later videos change them.
    """
    videos, clips = tables[VIDEOS.name]["video_id"], tables[CLIPS.name]
    at = positions(clips["video_id"], videos).to_numpy()
    found = []
    for stratum in config.stratify_by:
        classes = classes_of(stratum.by, stratum.edges, clips, tables, RULED)
        names = (*classes.names, "")
        most = most_frequent(classes.codes, at, len(videos))
        found.append([names[code] for code in most])
    return ["\n".join(parts) for parts in zip(*found, strict=True)]


def most_frequent(codes: NDArray[np.int32], at: Numbers, n_videos: int) -> Numbers:
    """For each video the most frequent code of its clips, the lowest of several; -1 for none."""
    has = codes >= 0
    pairs, counts = np.unique(np.stack([at[has], codes[has]], axis=1), axis=0, return_counts=True)
    pairs = pairs.reshape(-1, 2)
    order = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    videos, first = np.unique(pairs[order, 0], return_index=True)
    most = np.full(n_videos, NOTHING, np.int64)
    most[videos] = pairs[order, 1][first]
    return most


def with_named(codes: Numbers, first: Numbers, tables: Tables, column: str) -> Numbers:
    """The splits of videos, those of groups of which the user's list names one in its place.

    Raises UsageError where the list has no such column or names what is no split, and where it
    names different splits for videos that stay together.
    """
    sources = tables[SOURCES.name]
    known = pc.unique(tables[FILES.name]["extra"].combine_chunks().keys).to_pylist()
    if column not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "there is none"
        raise UsageError(f"partition.split_column: no list has a column '{column}': {there}")
    said = listed(column, sources)
    at = positions(said["video_id"], tables[VIDEOS.name]["video_id"]).to_pylist()
    of_group: dict[int, tuple[str, str]] = {}
    crossing = []
    for video, path, split in zip(
        at, *(said[c].to_pylist() for c in ("path", "value")), strict=True
    ):
        if video is None:  # it could not be read
            continue
        if split not in SPLITS:
            raise UsageError(
                f"partition.split_column: '{split}' in {column} of {path} is no split"
                f"{suggest(split, SPLITS)}"
            )
        before = of_group.setdefault(int(first[video]), (split, path))
        if before[0] != split:
            crossing.append(f"{before[1]} ({before[0]}) and {path} ({split})")
    if crossing:
        more = f", and {len(crossing) - MANY} more" if len(crossing) > MANY else ""
        raise UsageError(
            f"partition.split_column: {column} puts videos that hold copies of each other, perhaps "
            f"through others, into different splits: {'; '.join(crossing[:MANY])}{more}: name one "
            "split for each pair, or drop one"
        )
    by_first = np.full(len(codes), NOTHING, np.int64)
    for group, (split, _) in of_group.items():
        by_first[group] = SPLITS.index(split)
    return np.where(by_first[first] == NOTHING, codes, by_first[first])


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
        tuple(split_shares(codes, group, video, seconds, config.wanted)), tuple(classes)
    )


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
    lacking = [f"{c.by} {c.name} lacks {c.missing}" for c in report.classes if c.missing]
    over = [
        f"{c.by} {c.name} has {c.over} too many, as so few classes cannot have {c.at_most} each"
        for c in report.classes
        if c.over
    ]
    for gaps in (lacking, over):
        more = f" and {len(gaps) - MANY} more" if len(gaps) > MANY else ""
        parts += [f"{', '.join(gaps[:MANY])}{more}"] if gaps else []
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
            pairs |= {(DEDUP.name, name) for name in ("video_id", "cluster_id")}
        if config.split_column is not None:
            pairs |= {(SOURCES.name, name) for name in ("extra", "path")}
        strata_pairs = {p for stratum in config.stratify_by for p in columns_read(stratum.by)}
        if strata_pairs:
            pairs |= {*strata_pairs, (CLIPS.name, "video_id")}
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
