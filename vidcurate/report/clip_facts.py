"""Facts of clips as scripts read them: columns of numbers, and addresses of sources."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vidcurate.analysis.tune import score_columns
from vidcurate.records import CLIPS, TABLES, column_info
from vidcurate.report.data import ReportData
from vidcurate.rules.join import joined_columns
from vidcurate.stages.selection.filter import RULED

# What is shown of clips besides the scores that the rules read.
MAIN_SCORES = (
    ("suitability", "score"),
    ("aesthetic", "score_mean"),
    ("quality", "sharpness"),
    ("quality", "luma_mean"),
    ("motion", "flow_mean"),
    ("consistency", "neighbour_min"),
)
DIGITS = 4
# A strip of this size stands for a clip wherever several clips lie side by side.
STRIP_PICTURES, STRIP_HEIGHT = 3, 54


def main_scores(data: ReportData, at_most: int) -> list[tuple[str, str]]:
    """The scores that say most of a clip: those of the rules first, then the usual ones."""
    present = {*score_columns(data.plan)} - {(CLIPS.name, "duration_s")}
    ruled = [column for rule in data.rules for column in rule.columns]
    chosen = (column for column in (*ruled, *MAIN_SCORES) if column in present)
    return list(dict.fromkeys(chosen))[:at_most]


def score_values(
    data: ReportData, rows: pa.Array, columns: Sequence[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """Each score of the clips at some positions: its name, unit and values."""
    clips = data.clips.select(CLIPS.schema.names).take(rows)
    joined = joined_columns(clips, CLIPS.name, columns, RULED, data.read)
    for table, column in columns:
        info = column_info(TABLES[table], column)
        yield {
            "name": f"{table}.{column}",
            "unit": info.unit if info and info.unit != "1" else "",
            "values": rounded(joined[f"{table}.{column}"].to_pylist()),
        }


def rounded(values: Iterable[float | None]) -> list[float | None]:
    """Numbers with four digits; None where there is none."""
    return [
        None if value is None or not np.isfinite(value) else float(f"{value:.{DIGITS}g}")
        for value in values
    ]


def strips(data: ReportData, rows: Sequence[int]) -> None:
    """Take in the strips of the clips at some positions, in the size that scripts look for."""
    for row in rows:
        data.pictures.strip(data.clip(row), STRIP_PICTURES, STRIP_HEIGHT)


def file_address(path: str) -> str | None:
    """The address by which a browser opens a file; None for one that is not on this machine."""
    file = Path(path)
    return file.as_uri() if file.is_absolute() and file.is_file() else None
