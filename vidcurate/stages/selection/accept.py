"""accept: rules over captions and what was found in them; a second filter, before the export."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import pyarrow as pa
from pydantic import AfterValidator

from vidcurate.errors import RuleError, UsageError
from vidcurate.options import StageConfig, option
from vidcurate.records import ACCEPTED, CAPTIONS, PARTITIONS, TEXT_TABLES, version_tables
from vidcurate.rules import Rule, parse
from vidcurate.stage import Lookup, Outcome, TableStage
from vidcurate.stages.selection.filter import (
    RULED,
    check_rule_over,
    judged_by_rules,
    lookups_of,
)
from vidcurate.store.table import Table

JUDGED = {**RULED, **{table.name: table for table in (PARTITIONS, *TEXT_TABLES)}}
"""Every table that rules over texts may name, besides those of caption versions."""


def tables_known(rules: Iterable[Rule]) -> dict[str, Table[Any]]:
    """The tables that rules may name, with those of the caption versions that they do name."""
    named = dict.fromkeys(table for rule in rules for table, _ in sorted(rule.columns))
    return {**JUDGED, **{table.name: table for table in version_tables(named).values()}}


def check_text_rule(rule: str) -> str:
    """Check that a rule can be read and names columns that exist.

    Raises ValueError with all that is wrong with it.
    """
    try:
        known = tables_known([parse(rule)])
    except RuleError as error:
        raise ValueError(str(error)) from error
    check_rule_over(rule, known)
    return rule


class AcceptConfig(StageConfig):
    """What a clip and its text must satisfy."""

    rules: tuple[Annotated[str, AfterValidator(check_text_rule)], ...] = option(
        (),
        "Rules that every clip of the export must satisfy, over its texts too, such as "
        "'alignment.clip_cosine >= 0.2' or 'words(captions.text) >= 10'; repeat for more",
        flag="--rule",
    )


def accept(tables: Mapping[str, pa.Table], config: AcceptConfig) -> Outcome:
    """Accept the clips that satisfy every rule; the first rule that another breaks is its reason.

    What a clip lacks, and what people decided, counts as `filter` counts it. Raises UsageError for
    a caption version that is not there.
    """
    known = tables_known(map(parse, config.rules))
    lacking = [name for name in known if name not in JUDGED and name not in tables]
    if lacking:
        version = lacking[0].removeprefix(f"{CAPTIONS.name}_")
        raise UsageError(
            f"accept.rules name {lacking[0]}, and there is no such version of the captions: "
            f"`vidcurate caption --version {version}` makes it"
        )
    return judged_by_rules(tables[PARTITIONS.name], config.rules, known, tables)


def tables_in_rules(config: AcceptConfig) -> tuple[Lookup, ...]:
    """List the tables that the rules name, with the columns that they name, and the decisions."""
    return lookups_of(config.rules, tables_known(map(parse, config.rules)), PARTITIONS)


ACCEPT = TableStage(
    name="accept",
    summary="Accept the clips for the export whose texts satisfy every rule.",
    reads=PARTITIONS,
    writes=ACCEPTED,
    config=AcceptConfig,
    run=accept,
    lookups=tables_in_rules,
)
