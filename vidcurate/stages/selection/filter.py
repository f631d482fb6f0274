"""filter: rules over scores; every rejected clip keeps the first rule that it broke."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator

from vidcurate.errors import RuleError
from vidcurate.records import CLIPS, KEPT, SCORE_TABLES, VIDEO_TABLES
from vidcurate.rules import check, evaluate_rules, parse
from vidcurate.rules.join import joined_columns
from vidcurate.rules.tree import Node, Percentile, children
from vidcurate.stage import Lookup, Outcome, StageConfig, TableStage, option
from vidcurate.store.dataset import DROPPED, FAILED, OK

RULED = {table.name: table for table in (CLIPS, *VIDEO_TABLES, *SCORE_TABLES)}
MISSING = "a number is missing for: "
COMMANDS = {"videos": "probe", "sources": "ingest", "scans": "scan", "clips": "split"}


def makes_sense(rule: str) -> str:
    """A rule that can be read, and names columns that exist.

    Raises ValueError with all that is wrong with it.
    """
    schemas = {name: table.schema for name, table in RULED.items()}
    try:
        check([parse(rule)], schemas, {name: COMMANDS.get(name, name) for name in RULED})
    except RuleError as error:
        raise ValueError(str(error)) from error
    return rule


class FilterConfig(StageConfig):
    """What a clip must satisfy."""

    rules: tuple[Annotated[str, AfterValidator(makes_sense)], ...] = option(
        (),
        "Rules that every clip must satisfy, such as 'quality.sharpness >= 20 and "
        "clips.duration_s < 30' or 'quality.sharpness >= p10 of video'; repeat for more",
        flag="--rule",
    )


def filter_clips(tables: Mapping[str, pa.Table], config: FilterConfig) -> Outcome:
    """The clips that satisfy every rule; of a rejected one, the first rule that it broke.

    A clip that breaks no rule but lacks a number that a rule needs fails: it is neither kept nor
    called bad.
    """
    clips = tables[CLIPS.name]
    rules = [parse(text) for text in config.rules]
    wanted = {column for rule in rules for column in rule.columns}
    columns = joined_columns(clips, CLIPS.name, wanted, RULED, tables.__getitem__)
    outcomes = evaluate_rules(rules, columns)
    broken = pa.array(config.rules, pa.string()).take(outcomes.first_failed)
    lacking = [MISSING + rule for rule in config.rules]
    missing = pa.array(lacking, pa.string()).take(outcomes.undecided)
    kept = pc.and_(pc.is_null(broken), pc.is_null(missing))
    status = pc.if_else(pc.is_valid(broken), DROPPED, pc.if_else(kept, OK, FAILED))
    reason = pc.coalesce(broken, missing)
    return Outcome.from_status(clips.filter(kept), clips[CLIPS.key], status, reason)


def surely_rejected(tables: Mapping[str, pa.Table], config: FilterConfig) -> pa.ChunkedArray:
    """The clips that break a rule which reads these tables alone.

    A rule with a percentile waits, since its limit moves with every clip that is added.
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
    return clips[CLIPS.key].filter(pc.is_valid(evaluate_rules(rules, columns).first_failed))


def has_percentile(node: Node) -> bool:
    """Whether a limit depends on other clips."""
    return isinstance(node, Percentile) or any(map(has_percentile, children(node)))


def rules_by_reason(rules: Sequence[str]) -> dict[str, int]:
    """For each reason that the filter gives for a clip, the index of its rule."""
    numbered = list(enumerate(rules))
    return {rule: n for n, rule in numbered} | {MISSING + rule: n for n, rule in numbered}


def tables_ruled(config: FilterConfig) -> tuple[Lookup, ...]:
    """The tables that the rules name, with the columns that they name."""
    columns = sorted({column for text in config.rules for column in parse(text).columns})
    return tuple(
        Lookup(RULED[name], columns=tuple({RULED[name].key: 0} | {c: 0 for _, c in named}))
        for name, named in groupby(columns, lambda column: column[0])
        if name != CLIPS.name
    )


FILTER = TableStage(
    name="filter",
    summary="Keep the clips that satisfy every rule over their scores.",
    reads=CLIPS,
    writes=KEPT,
    config=FilterConfig,
    run=filter_clips,
    lookups=tables_ruled,
    rejects=surely_rejected,
)
