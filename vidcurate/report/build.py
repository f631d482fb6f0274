"""Writes the report: one HTML file about a data set, and a folder of pictures if asked for."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from vidcurate.analysis.view import read_consistently
from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.report.data import ReportOptions, read_report_data
from vidcurate.report.sections import SECTIONS
from vidcurate.store.atomic import write_text
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import Location

DEFAULT_NAME = "report.html"
# A page that we wrote begins with this; nothing else is written over.
GENERATOR = '<meta name="generator" content="vidcurate report">'
# What the page uses of the libraries that draw charts.
USED_OF_CHARTS = "window.vegaEmbed = vegaEmbed;"
# Where a page's mark lies at the latest.
HEAD_BYTES = 4096


@dataclass(frozen=True)
class WrittenReport:
    """A report that was written: how large it is, and what it shows of the data set.

    `clips_shown` of `clips` are in its tables and sheets; its numbers are of all.
    """

    file: Location
    size_bytes: int
    clips: int
    clips_shown: int
    pictures: int
    pictures_missing: int


def write_report(dataset: Dataset, out: Location, options: ReportOptions) -> WrittenReport:
    """Write the report of a data set to a file.

    Raises UsageError where `out` is a file that is no report, MissingExtraError where a package
    that draws it is not installed.
    """
    require_packages()
    from vidcurate.report.page import render_page  # noqa: PLC0415 - needs what was checked for

    refuse_other_file(out)
    folder = out.parent / f"{out.name.removesuffix('.html')}_media"
    with chart_script() as script:

        def made() -> tuple[str, WrittenReport]:
            data = read_report_data(dataset, options)
            sections = [make(data) for make in SECTIONS]
            page = render_page(data, sections, script, GENERATOR, folder.name)
            if data.options.media == "links":
                data.pictures.write(folder)
            written = WrittenReport(
                file=out,
                size_bytes=len(page.encode("utf-8")),
                clips=data.clips.num_rows,
                clips_shown=len(data.shown),
                pictures=len(data.pictures.jpegs),
                pictures_missing=len(data.pictures.missing),
            )
            return page, written

        page, written = read_consistently(dataset, made)
    write_text(out, page)
    return written


@contextmanager
def chart_script() -> Iterator[Future[str]]:
    """The script that draws the charts; making it takes seconds, while tables are read."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(bundled_charts)


@cache
def bundled_charts() -> str:
    """Vega-Embed, Vega-Lite and Vega as one script that sets `vegaEmbed`."""
    from vl_convert import javascript_bundle  # noqa: PLC0415 - checked for above, loads slowly

    return javascript_bundle(USED_OF_CHARTS)


def require_packages() -> None:
    """Check that the extra `report` is installed; raises MissingExtraError."""
    for module, package in (("jinja2", "jinja2"), ("vl_convert", "vl-convert-python")):
        if find_spec(module) is None:
            raise MissingExtraError(package, "report")


def refuse_other_file(out: Location) -> None:
    """Raise UsageError where a file or a folder is in the way that is no report of ours."""
    if out.is_dir():
        raise UsageError(f"{out} is a folder: name a file, as -o {out}/{DEFAULT_NAME}")
    if not out.is_file():
        return
    with out.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head and GENERATOR.encode() not in head:
        raise UsageError(
            f"{out} is no report of vidcurate, so it is not replaced: name another file with -o"
        )
