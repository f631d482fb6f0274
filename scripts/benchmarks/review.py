"""A review in a browser: start, first paint, and what each step of a person waits for."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Browser, Page

from scripts.benchmarks.pages import FIRST_PAINT, measure_pages

DECIDE = """async (clip_id) => {
    const began = performance.now();
    const answer = await fetch('/api/decide', {method: 'POST',
        headers: {'Content-Type': 'application/json'},
        body: JSON.stringify({reviewer: 'bench', action: 'accept', clip_id})});
    if (!answer.ok) throw new Error(await answer.text());
    await answer.json();
    return performance.now() - began;
}"""
TRY = """async (rules) => {
    const began = performance.now();
    const answer = await fetch('/api/rules/try', {method: 'POST',
        headers: {'Content-Type': 'application/json'}, body: JSON.stringify({rules})});
    if (!answer.ok) throw new Error(await answer.text());
    await answer.json();
    return performance.now() - began;
}"""
ROUNDS, STEPS = 20, 50
SIZES = (10_000,)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of one thing done several times."""

    what: str
    all_ms: Sequence[float]

    def __str__(self) -> str:
        slow = quantiles(self.all_ms, n=20)[-1]
        return f"{self.what:<28}{median(self.all_ms):8.0f} ms median {slow:8.0f} ms p95"


def main() -> None:
    """Measure the sizes that the command line names."""
    measure_pages(__doc__, SIZES, measure)


def measure(browser: Browser, dataset: Path, n_clips: int) -> None:
    """Print how long a review takes to start, to paint, to go on, to decide and to try rules."""
    began = time.perf_counter()
    with serving(dataset) as address:
        started_s = time.perf_counter() - began
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.fill("#reviewer-name", "bench")
        page.press("#reviewer-name", "Enter")
        page.wait_for_selector("body[data-ready=yes]")
        painted = page.evaluate(FIRST_PAINT)
        reload_ms = until_ready(page)
        print(
            f"review, {n_clips:,} clips: starts in {started_s:.1f} s, first paint {painted:.0f} ms"
        )
        print(f"{'first clip shown (reload)':<28}{reload_ms:8.0f} ms")
        print(Times("next clip, by key", [next_clip(page) for _ in range(STEPS)]))
        ids = page.evaluate("fetch('/api/clips?limit=100').then((r) => r.json())")["clips"]
        clips = [row["clip_id"] for row in ids[:ROUNDS]]
        print(Times("decide", [page.evaluate(DECIDE, clip_id) for clip_id in clips]))
        rules = page.evaluate("fetch('/api/session').then((r) => r.json())")["rules"]
        tries = [[*rules, f"quality.sharpness >= {10 + n}"] for n in range(ROUNDS)]
        print(Times("try rules", [page.evaluate(TRY, rules) for rules in tries]))
        page.close()


def until_ready(page: Page) -> float:
    """Milliseconds from the start of a load to the first clip on screen."""
    page.reload()
    page.wait_for_selector("body[data-ready=yes]")
    return float(page.evaluate("performance.now()"))


def next_clip(page: Page) -> float:
    """Milliseconds from the key to the next clip's own facts on screen, as the page measures it."""
    before = page.evaluate("document.body.dataset.clip")
    page.keyboard.press("j")
    page.wait_for_function("(before) => document.body.dataset.clip !== before", arg=before)
    return float(page.evaluate("document.body.dataset.shownMs"))


@contextmanager
def serving(dataset: Path) -> Iterator[str]:
    """A review as a user starts it; gives the address that it prints."""
    command = [sys.executable, "-m", "vidcurate", "review", "-d", str(dataset), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        said = (re.search(r"http://127\S+", line) for line in running.stdout)
        try:
            yield next(found[0] for found in said if found)
        finally:
            running.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
