"""Names of options and columns in the words that users read, against those that there are."""

import re

import pytest

from vidcurate.options import options_of
from vidcurate.records import TABLES, columns_of_table
from vidcurate.stages.registry import STAGES

NAMED = re.compile(r"(?<![\w./])([a-z_]+)\.([a-z]\w+)")


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_column_names_options_and_columns_that_exist(table: object) -> None:
    """A formula that says stage.option or table.column says one that there is."""
    known = {stage.name: set(options_of(stage.config)) for stage in STAGES}
    for other in TABLES.values():
        known.setdefault(other.name, set()).update(other.schema.names)
    for column in columns_of_table(table):  # type: ignore[arg-type]
        info = column.info
        said = f"{info.description} {info.formula or ''}"
        unknown = [m[0] for m in NAMED.finditer(said) if m[1] in known and m[2] not in known[m[1]]]
        assert unknown == [], column.name
