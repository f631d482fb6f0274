"""Data sets that the tests of the report share, and their pages."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.support.pipeline import process
from vidcurate.errors import EmptyResultError
from vidcurate.report.build import GENERATOR
from vidcurate.report.data import ReportData, ReportOptions, read_report_data
from vidcurate.report.page import render_page
from vidcurate.report.sections import SECTIONS
from vidcurate.store.dataset import Dataset

# A name that would run, draw and turn text round, if anything took it for more than a name.
HOSTILE = 'a"><img src=x onerror=alert(1)> & <script>alert(2)\u202e\u2028 films.mp4'
STAGES: dict[str, dict[str, Any]] = {
    "embed": {"backend": "appearance"},
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "filter": {"rules": ("quality.freeze_share < 0.5", "clips.duration_s > 0.5")},
    "caption": {"backend": "facts"},
    "export": {"media": "none"},
}


@pytest.fixture(scope="session")
def hostile_video(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """Three shots in a file with a hostile name."""
    copy = tmp_path_factory.mktemp("hostile") / HOSTILE
    copy.write_bytes(video.read_bytes())
    return copy


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, hostile_video: Path) -> Dataset:
    """Three clips of a video with a hostile name, of which a rule keeps two, exported."""
    root = tmp_path_factory.mktemp("finished") / "data"
    process(root, STAGES, hostile_video)
    return Dataset(root)


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Dataset:
    """A data set of which only the files were found."""
    root = tmp_path_factory.mktemp("ingested") / "data"
    process(root, {"ingest": {}}, video)
    return Dataset(root)


@pytest.fixture(scope="session")
def without_clips(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Dataset:
    """A data set whose every shot is too short to be a clip."""
    root = tmp_path_factory.mktemp("none") / "data"
    with pytest.raises(EmptyResultError):
        process(root, {"split": {"min_clip_s": 60.0}, "quality": {}}, video)
    return Dataset(root)


def page_of(dataset: Dataset, options: ReportOptions | None = None) -> tuple[ReportData, str]:
    """The page of a data set, but for the script that draws charts, and what it was made from."""
    script: Future[str] = Future()
    script.set_result("/* charts */")
    data = read_report_data(dataset, options or ReportOptions())
    sections = [make(data) for make in SECTIONS]
    return data, render_page(data, sections, script, GENERATOR, "report_media")
