"""What every column that the report shows is: its unit, formula and source."""

from vidcurate.analysis.columns import column_dict
from vidcurate.records import CLIPS, SCORE_TABLES, columns_of_table
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section


def columns_section(data: ReportData) -> Section:
    """Make the section that explains columns."""
    tables = [table for table in (CLIPS, *SCORE_TABLES) if data.has(table)]
    columns = [
        {"table": table.name, **column_dict(column)}
        for table in tables
        for column in columns_of_table(table)
    ]
    return Section("columns", "Columns", "sections/columns.html.j2", {"columns": columns})
