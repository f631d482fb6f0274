"""The report of data sets of several sizes: time to build, size, and time to load in a browser."""

import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser

from scripts.benchmarks.pages import FIRST_PAINT, measure_pages

LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
SIZES = (1000, 10_000, 100_000)


def main() -> None:
    """Measure the sizes that the command line names."""
    measure_pages(__doc__, SIZES, measure)


def measure(browser: Browser, dataset: Path, n_clips: int) -> None:
    """Print how long a report takes to build and to load, and its size."""
    file = dataset.with_name(f"report {n_clips}.html")
    began = time.perf_counter()
    command = [sys.executable, "-m", "vidcurate", "report", "-d", str(dataset), "-o", str(file)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    built_s = time.perf_counter() - began
    page = browser.new_page()
    page.goto(file.as_uri())
    painted, loaded = page.evaluate(FIRST_PAINT), page.evaluate(LOADED)
    page.close()
    print(
        f"report, {n_clips:,} clips: built in {built_s:.1f} s, {file.stat().st_size / 1e6:.1f} MB, "
        f"first paint {painted:.0f} ms, loaded {loaded:.0f} ms"
    )


if __name__ == "__main__":
    main()
