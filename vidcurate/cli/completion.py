"""What a shell completes: recipes, stages, tables and columns. Reads manifests and schemas only."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vidcurate.cli.catalogue import CATALOGUE

Completions = list[tuple[str, str]]


def complete_recipe(incomplete: str) -> Completions:
    """Recipes with their purposes; a shell completes files where none matches."""
    from vidcurate.pipeline.recipes import list_recipes

    found = [(recipe.name, recipe.purpose) for recipe in list_recipes()]
    return matching(found, incomplete)


def complete_stage(incomplete: str) -> Completions:
    """Stages with their summaries."""
    return matching([(e.name, e.summary) for e in CATALOGUE if e.is_stage], incomplete)


def complete_table(ctx: Any, incomplete: str) -> Completions:
    """The tables of the data set that -d names, else all tables; stages stand for theirs."""
    from vidcurate.records import TABLES

    present = tables_of(ctx.params.get("dataset"))
    names = [name for name in TABLES if name in present] if present else list(TABLES)
    names += sorted(present - {*TABLES})  # versions of captions
    stages = [(e.name, e.summary) for e in CATALOGUE if e.is_stage and e.name not in names]
    return matching([*((name, "") for name in names), *stages], incomplete)


def complete_columns(ctx: Any, incomplete: str) -> Completions:
    """The last of some columns with commas: of the table, and table.column of the others."""
    before, comma, last = incomplete.rpartition(",")
    found = matching(list(column_names(ctx)), last)
    return [(f"{before}{comma}{name}", about) for name, about in found]


def column_names(ctx: Any) -> Iterator[tuple[str, str]]:
    """Columns by the names that `rows` takes, with what they are."""
    from vidcurate.records import TABLES, columns_of_table

    # A line that ends in an option without its value leaves arguments unparsed.
    own = ctx.params.get("table") or next(iter(ctx.args), None)
    present = tables_of(ctx.params.get("dataset")) or set(TABLES)
    for table in TABLES.values():
        if table.name in present:
            for column in columns_of_table(table):
                name = column.name if table.name == own else f"{table.name}.{column.name}"
                yield name, column.info.description


def tables_of(folder: Path | None) -> set[str]:
    """The tables that a data set in a local folder has; none where there is no manifest."""
    try:
        manifest = json.loads(Path(folder or "", "manifest.json").read_text("utf-8"))
        return set(manifest["tables"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def matching(found: Completions, incomplete: str) -> Completions:
    """Those whose name begins with what was typed."""
    return [(name, about) for name, about in found if name.startswith(incomplete)]
