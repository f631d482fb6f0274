"""The funnel: what came in, what each step and rule lost, and what came out."""

from vidcurate.report.data import ReportData
from vidcurate.report.section import Section


def funnel_section(data: ReportData) -> Section:
    """Make the section of the funnel."""
    return Section("funnel", "Funnel", "sections/funnel.html.j2", {"counts": data.counts})
