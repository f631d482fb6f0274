"""What every column that the report shows is: its unit, formula and source."""

from collections.abc import Mapping

from vidcurate.analysis.columns import tables_described
from vidcurate.records import TableColumn, columns_of_table
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section
from vidcurate.stages.selection.filter import RULED

CLOCKS = {
    "video": "on the video's clock",
    "clip": "from the clip's start",
    "file": "from the file's start",
}


def columns_section(data: ReportData) -> Section:
    """Make the section that explains columns, of the tables that are there."""
    tables = [table for table in tables_described() if table.name not in data.missing]
    context = {"tables": [(table, list(map(column_facts, table.columns))) for table in tables]}
    return Section(
        "columns",
        "Columns",
        "sections/columns.html.j2",
        context,
        data={"info": explanations(data)},
    )


def explanations(data: ReportData) -> dict[str, dict[str, str]]:
    """What a page says of each column that a rule can read, while it is pointed at."""
    tables = [table for table in RULED.values() if data.has(table)]
    return {
        f"{table.name}.{column.name}": said_of(column)
        for table in tables
        for column in columns_of_table(table)
        if "[]" not in column.name
    }


def said_of(column: TableColumn) -> dict[str, str]:
    """A column's facts that are there, by what they are called."""
    facts = column_facts(column)
    named = {
        "What": facts["about"],
        "Unit": facts["unit"],
        "Formula": facts["formula"],
        "Source": facts["source"],
    }
    return {name: value for name, value in named.items() if value}


def column_facts(column: TableColumn) -> Mapping[str, str]:
    """A column as a reader is told it; a unit of 1 is that of a share or ratio."""
    info = column.info
    clock = f", {CLOCKS[info.time_base]}" if info.time_base else ""
    return {
        "name": column.name,
        "about": f"{info.description}{clock}",
        "unit": "share or ratio" if info.unit == "1" else info.unit,
        "type": column.type,
        "formula": info.formula,
        "source": info.source,
    }
