"""Pages over data sets of several sizes, in the system's Chromium, for benchmarks."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from scripts.benchmarks.make_synthetic import make, prepare

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
# Gets the browser, a data set of its own, and how many clips that has.
Measure = Callable[[Browser, Path, int], None]


def measure_pages(description: str | None, sizes: Sequence[int], measure: Measure) -> None:
    """Measure what a page does over data sets of the sizes that the command line names."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("films", type=Path, nargs="*", help="films of which data sets are made")
    parser.add_argument("--clips", type=int, nargs="+", default=sizes, help="sizes of data sets")
    parser.add_argument("--folder", type=Path, help="where data sets are, or stay for the next run")
    given = parser.parse_args()
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        sys.exit(f"no Chromium: install one of {', '.join(CHROMIUM)}")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = (given.folder or Path(temporary)).absolute()
        prepare(folder, given.films)
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        for n_clips in given.clips:
            own = Path(temporary) / "own" / str(n_clips)
            shutil.copytree(make(folder, n_clips), own)
            measure(browser, own, n_clips)
        browser.close()
