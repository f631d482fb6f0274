"""accept: rules over captions and what was found in them; a second filter, before the export."""

from collections.abc import Mapping
from typing import Annotated

import pyarrow as pa
from pydantic import AfterValidator

from vidcurate.options import StageConfig, option
from vidcurate.records import ACCEPTED, PARTITIONS, TEXT_TABLES
from vidcurate.stage import Lookup, Outcome, TableStage
from vidcurate.stages.selection.filter import (
    RULED,
    check_rule_over,
    judged_by_rules,
    lookups_of,
)

JUDGED = {**RULED, **{table.name: table for table in (PARTITIONS, *TEXT_TABLES)}}
"""Every table that rules over texts may name."""


def check_text_rule(rule: str) -> str:
    """Check that a rule can be read and names columns that exist.

    Raises ValueError with all that is wrong with it.
    """
    check_rule_over(rule, JUDGED)
    return rule


class AcceptConfig(StageConfig):
    """What a clip and its text must satisfy."""

    rules: tuple[Annotated[str, AfterValidator(check_text_rule)], ...] = option(
        (),
        "Rules that every clip of the export must satisfy, over its texts too, such as "
        "'alignment.clip_cosine >= 0.2' or 'words(captions.text) >= 10 and captions.text not "
        "contains [''logo'', ''watermark'']'; repeat for more",
        flag="--rule",
    )


def accept(tables: Mapping[str, pa.Table], config: AcceptConfig) -> Outcome:
    """Accept the clips that satisfy every rule; the first rule that another breaks is its reason.

    What a clip lacks, and what people decided, counts as `filter` counts it.
    """
    return judged_by_rules(tables[PARTITIONS.name], config.rules, JUDGED, tables)


def tables_in_rules(config: AcceptConfig) -> tuple[Lookup, ...]:
    """List the tables that the rules name, with the columns that they name, and the decisions."""
    return lookups_of(config.rules, JUDGED, PARTITIONS)


ACCEPT = TableStage(
    name="accept",
    summary="Accept the clips for the export whose texts satisfy every rule.",
    reads=PARTITIONS,
    writes=ACCEPTED,
    config=AcceptConfig,
    run=accept,
    lookups=tables_in_rules,
)
