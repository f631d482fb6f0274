"""What people decided, as a file for spreadsheets or programs."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from vidcurate.clips.reviews import standing
from vidcurate.errors import UsageError
from vidcurate.records import Decision
from vidcurate.store.atomic import atomic_write

SUFFIXES = (".csv", ".jsonl")
COLUMNS = (*(field.name for field in fields(Decision)), "stands")
# Spreadsheets take a cell that begins so for a formula, which may run a program.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def export_decisions(decisions: Sequence[Decision], file: Path) -> None:
    """Write decisions to a CSV or JSON lines file, by its name, completely or not at all.

    `stands` tells those that are not undone. A cell of a CSV file that a spreadsheet would take for
    a formula begins with an apostrophe. Raises UsageError for another name.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--export {file}: name a file that ends in .csv or .jsonl")
    with atomic_write(file) as partial, partial.open("w", encoding="utf-8", newline="") as out:
        if file.suffix.lower() == ".jsonl":
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows_of(decisions))
        else:
            writer = csv.DictWriter(out, COLUMNS)
            writer.writeheader()
            writer.writerows({k: cell(v) for k, v in row.items()} for row in rows_of(decisions))


def rows_of(decisions: Sequence[Decision]) -> Iterator[dict[str, Any]]:
    """Each decision as plain values, and whether it stands."""
    stand = {decision.decision_id for decision in standing(decisions)}
    for decision in decisions:
        yield {**asdict(decision), "stands": decision.decision_id in stand}


def cell(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula; lists are JSON."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | dict):
        value = json.dumps(value, ensure_ascii=False) if value else ""
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
