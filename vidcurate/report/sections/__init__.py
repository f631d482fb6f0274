"""The sections of the report, in their order on the page; a module each."""

from collections.abc import Callable

from vidcurate.report.data import ReportData
from vidcurate.report.section import Section
from vidcurate.report.sections.border import border_section
from vidcurate.report.sections.captions import captions_section
from vidcurate.report.sections.columns import columns_section
from vidcurate.report.sections.correlations import correlations_section
from vidcurate.report.sections.duplicates import duplicates_section
from vidcurate.report.sections.failures import failures_section
from vidcurate.report.sections.films import films_section
from vidcurate.report.sections.funnel import funnel_section
from vidcurate.report.sections.scatter import scatter_section
from vidcurate.report.sections.scores import scores_section
from vidcurate.report.sections.settings import settings_section
from vidcurate.report.sections.vector_map import map_section

SECTIONS: tuple[Callable[[ReportData], Section], ...] = (
    funnel_section,
    scores_section,
    correlations_section,
    scatter_section,
    border_section,
    films_section,
    duplicates_section,
    map_section,
    captions_section,
    failures_section,
    settings_section,
    columns_section,
)
