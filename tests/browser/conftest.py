"""One browser and one small data set for all tests in a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import chromium, open_page, reviewing
from tests.support.command import vidcurate
from tests.support.review_data import make_review_data

__all__ = ["chromium", "open_page"]


@pytest.fixture(scope="session")
def dataset(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips of two films, exported; nobody writes to it."""
    assert chromium
    return make_review_data(tmp_path_factory.mktemp("looked at"))


@pytest.fixture(scope="session")
def report(dataset: Path) -> str:
    """The address of the data set's report."""
    page = dataset.with_name("report.html")
    ended = vidcurate("report", "-d", dataset, "-o", page)
    assert ended.code == 0, ended.err
    return page.as_uri()


@pytest.fixture(scope="session")
def review(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a review of the data set, for tests that decide nothing."""
    own = tmp_path_factory.mktemp("review") / "dataset"
    shutil.copytree(dataset, own)
    with reviewing(own) as address:
        yield address
