"""A small data set of real film, made once, and copies of it to decide about."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pipeline import process
from tests.support.reviews import Page, reviewing
from tests.support.videos import render

RULES = ("quality.sharpness >= 0", "clips.duration_s >= 1.5")
OPTIONS = {
    "embed": {},
    "split": {"min_clip_s": 0.5},
    "quality": {},
    "filter": {"rules": RULES},
    "keyframes": {"count": 2},
    "caption": {"backend": {"name": "facts"}},
    "judge": {},
}
SHOTS = (("testsrc2", 2.0), ("mandelbrot=start_scale=0.5", 2.0), ("smptehdbars", 1.0))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two videos of `films` in `data`: five clips, of which two break a rule."""
    folder = tmp_path_factory.mktemp("reviewed")
    render(folder / "films" / "a.mp4", SHOTS)
    render(folder / "films" / "b <i>.mp4", SHOTS[1:])
    process(folder / "data", OPTIONS, folder / "films")
    return folder


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy of the data set."""
    return Path(shutil.copytree(made / "data", tmp_path / "data"))


@pytest.fixture
def page(root: Path) -> Iterator[Page]:
    """A review of a copy of the data set."""
    with reviewing(root) as page:
        yield page


@pytest.fixture(scope="module")
def reader(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A review in which nobody decides, for all tests of a module."""
    copy = shutil.copytree(made / "data", tmp_path_factory.mktemp("read") / "data")
    with reviewing(Path(copy)) as page:
        yield page
