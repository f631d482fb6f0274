"""filter: rules over scores; a rejected clip records the first rule that it breaks."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator

from vidcurate.clips.reviews import ClipReview, reviews_of
from vidcurate.errors import RuleError
from vidcurate.options import StageConfig, option
from vidcurate.records import CLIPS, DECISIONS, KEPT, SCORE_TABLES, VIDEO_TABLES
from vidcurate.rules import check, evaluate_rules, parse
from vidcurate.rules.join import joined_columns
from vidcurate.rules.tree import Node, Percentile, children
from vidcurate.stage import Lookup, Outcome, TableStage
from vidcurate.store.dataset import DROPPED, FAILED, OK
from vidcurate.store.table import Table

RULED = {table.name: table for table in (CLIPS, *VIDEO_TABLES, *SCORE_TABLES)}
MISSING = "a number is missing for: "
COMMANDS = {
    "videos": "probe",
    "sources": "ingest",
    "scans": "scan",
    "clips": "split",
    "partitions": "partition",
    "captions": "caption",
    "verdicts": "judge",
    "refined": "refine",
}


def check_rule(rule: str) -> str:
    """Check that a rule can be read and names columns that exist.

    Raises ValueError with all that is wrong with it.
    """
    check_rule_over(rule, RULED)
    return rule


def check_rule_over(rule: str, known: Mapping[str, Table[Any]]) -> None:
    """Check a rule over the `known` tables; raises ValueError with all that is wrong with it."""
    schemas = {name: table.schema for name, table in known.items()}
    try:
        check([parse(rule)], schemas, {name: COMMANDS.get(name, name) for name in known})
    except RuleError as error:
        raise ValueError(str(error)) from error


class FilterConfig(StageConfig):
    """What a clip must satisfy."""

    rules: tuple[Annotated[str, AfterValidator(check_rule)], ...] = option(
        (),
        "Rules that every clip must satisfy, such as 'quality.sharpness >= 20 and "
        "clips.duration_s < 30' or 'quality.sharpness >= p10 of video'; repeat for more",
        flag="--rule",
    )


def filter_clips(tables: Mapping[str, pa.Table], config: FilterConfig) -> Outcome:
    """Keep the clips that satisfy every rule; record the first rule that a rejected clip breaks."""
    return judged_by_rules(tables[CLIPS.name], config.rules, RULED, tables)


def judged_by_rules(
    clips: pa.Table,
    texts: Sequence[str],
    known: Mapping[str, Table[Any]],
    tables: Mapping[str, pa.Table],
) -> Outcome:
    """Keep the clips that satisfy rules over the `known` tables, of which `tables` has the rows.

    A clip that breaks no rule but lacks a number that a rule needs fails: it is neither kept nor
    called bad. What a person accepted is kept whatever rules say, and what one rejected goes.
    """
    rules = [parse(text) for text in texts]
    wanted = {column for rule in rules for column in rule.columns}
    columns = joined_columns(clips, CLIPS.name, wanted, known, tables.__getitem__)
    outcomes = evaluate_rules(rules, columns)
    broken = pa.array(texts, pa.string()).take(outcomes.first_failed)
    missing = pa.array([MISSING + text for text in texts], pa.string()).take(outcomes.undecided)
    is_accepted, rejected = verdicts_of(clips[CLIPS.key], tables)
    broken = pc.coalesce(rejected, pc.if_else(is_accepted, None, broken))
    missing = pc.if_else(is_accepted, None, missing)
    kept = pc.and_(pc.is_null(broken), pc.is_null(missing))
    status = pc.if_else(pc.is_valid(broken), DROPPED, pc.if_else(kept, OK, FAILED))
    reason = pc.coalesce(broken, missing)
    return Outcome.from_status(clips.filter(kept), clips[CLIPS.key], status, reason)


def verdicts_of(
    clip_ids: pa.ChunkedArray, tables: Mapping[str, pa.Table]
) -> tuple[pa.Array, pa.Array]:
    """Tell which clips a person accepted, and why a person rejected others; null for none."""
    reviews: dict[str, ClipReview] = {}
    if DECISIONS.name in tables:
        reviews = reviews_of(DECISIONS.from_arrow(tables[DECISIONS.name]))
    accepted = [clip_id for clip_id, review in reviews.items() if review.verdict == "accept"]
    why = {clip_id: review.why_rejected for clip_id, review in reviews.items()}
    row = pc.index_in(clip_ids, value_set=pa.array([*why], pa.string())).combine_chunks()
    is_accepted = pc.is_in(clip_ids, value_set=pa.array(accepted, pa.string())).combine_chunks()
    return is_accepted, pa.array(why.values(), pa.string()).take(row)


def certain_rejects(tables: Mapping[str, pa.Table], config: FilterConfig) -> pa.ChunkedArray:
    """Find the clips that break a rule which reads these tables alone, or that a person rejected.

    A rule with a percentile waits, since its limit moves with every clip that is added. A clip that
    a person accepted breaks none.
    """
    clips = tables[CLIPS.name]
    parsed = [parse(text) for text in config.rules]
    rules = [
        rule
        for rule in parsed
        if {name for name, _ in rule.columns} <= set(tables) and not has_percentile(rule.tree)
    ]
    wanted = {column for rule in rules for column in rule.columns}
    columns = joined_columns(clips, CLIPS.name, wanted, RULED, tables.__getitem__)
    is_accepted, rejected = verdicts_of(clips[CLIPS.key], tables)
    breaks = pc.is_valid(evaluate_rules(rules, columns).first_failed)
    goes = pc.or_(pc.is_valid(rejected), pc.and_not(breaks, is_accepted))
    return clips[CLIPS.key].filter(goes)


def has_percentile(node: Node) -> bool:
    """Check whether a limit depends on other clips."""
    return isinstance(node, Percentile) or any(map(has_percentile, children(node)))


def rules_by_reason(rules: Sequence[str]) -> dict[str, int]:
    """For each reason that the filter gives for a clip, the index of its rule."""
    numbered = list(enumerate(rules))
    return {rule: n for n, rule in numbered} | {MISSING + rule: n for n, rule in numbered}


def tables_in_rules(config: FilterConfig) -> tuple[Lookup, ...]:
    """List the tables that the rules name, with the columns that they name, and the decisions."""
    return lookups_of(config.rules, RULED, CLIPS)


def lookups_of(
    texts: Sequence[str], known: Mapping[str, Table[Any]], base: Table[Any]
) -> tuple[Lookup, ...]:
    """List the tables that rules name besides the clips and `base`, and the decisions."""
    columns = sorted({column for text in texts for column in parse(text).columns})
    return (
        *(
            Lookup(known[name], columns=tuple({known[name].key: 0} | {c: 0 for _, c in named}))
            for name, named in groupby(columns, lambda column: column[0])
            if name not in (CLIPS.name, base.name)
        ),
        Lookup(DECISIONS, required=False, decides=False),
    )


FILTER = TableStage(
    name="filter",
    summary="Keep the clips that satisfy every rule over their scores.",
    reads=CLIPS,
    writes=KEPT,
    config=FilterConfig,
    run=filter_clips,
    lookups=tables_in_rules,
    rejects=certain_rejects,
)
