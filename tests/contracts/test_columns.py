"""Every column of every table says what it is."""

import pytest

from vidcurate.records import TABLES, TableColumn, columns_of_table
from vidcurate.stages.registry import STAGES

COLUMNS = [(name, column) for name, table in TABLES.items() for column in columns_of_table(table)]
each_column = pytest.mark.parametrize(
    ("table", "column"), COLUMNS, ids=[f"{table}.{column.name}" for table, column in COLUMNS]
)
UNITS = {"s": "s", "share": "1", "frames": "frames", "bytes": "bytes", "pts": "ticks", "hz": "Hz"}


def test_every_table_is_described() -> None:
    """The tables are those of stages, files and decisions; each column of a schema is there."""
    assert {*TABLES} == {"files", "decisions", *(stage.writes.name for stage in STAGES)}
    for table in TABLES.values():
        named = [c.name for c in columns_of_table(table) if "[]" not in c.name]
        assert named == table.schema.names


def test_a_stage_that_has_the_name_of_a_table_writes_it() -> None:
    """So a stage's name can stand for its table."""
    for stage in STAGES:
        assert stage.name not in TABLES or stage.writes.name == stage.name


@each_column
def test_a_column_says_what_it_is(table: str, column: TableColumn) -> None:
    """A description without a final stop; a unit for numbers, and for nothing else."""
    info = column.info
    assert info.description, table
    assert info.description[0].isupper() or info.description.startswith(
        ("null", "ok", "cut", "progressive")
    )
    assert not info.description.endswith(".")
    assert bool(info.unit) == column.is_numeric
    if info.time_base:
        assert info.unit in {"s", "ticks", "us"}


@each_column
def test_a_unit_in_a_name_is_the_unit(table: str, column: TableColumn) -> None:
    """A number whose name ends in a unit has that unit."""
    last = column.name.rsplit("_", 1)[-1]
    if column.is_numeric and last in UNITS and column.name != "n_frames":
        unit = UNITS[last]
        assert column.info.unit.endswith(f"/{unit}" if "_per_" in column.name else unit), table
