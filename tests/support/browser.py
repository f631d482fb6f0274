"""The system's Chromium, and pages that fail a test by what they should never do."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    sync_playwright,
)

from tests.support.command import ENVIRONMENT, start, wait_until

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # a container's root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE, LAPTOP, WIDE = (390, 844), (1280, 800), (1920, 1080)
LIGHT, DARK = "light", "dark"
OpenPage = Callable[..., Page]


def find_chromium() -> str | None:
    """The path of the system's Chromium, or of the one that VIDCURATE_CHROMIUM names."""
    named = os.environ.get("VIDCURATE_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    found = find_chromium()
    if found is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is installed (or VIDCURATE_CHROMIUM)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Opens pages of a size and colour scheme, each with cookies of its own.

    When the test ends it fails for an error on a page's console, for a dialog, and for a request
    that leaves this machine.
    """
    faults: list[str] = []
    contexts = []

    def open_one(
        address: str, size: tuple[int, int] = LAPTOP, scheme: Any = LIGHT, *, still: bool = True
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce" if still else "no-preference",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        watch(page, faults)
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


def watch(page: Page, faults: list[str]) -> None:
    """Note what a page should never do."""

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"console: {message.text} ({message.location.get('url')})")

    def raised(error: Error) -> None:
        faults.append(f"error: {error}")

    def asked(dialog: Dialog) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def requested(request: Request) -> None:
        address = urlsplit(request.url)
        is_local = address.scheme in ("file", "data", "blob") or address.hostname == "127.0.0.1"
        if not is_local:
            faults.append(f"request: {request.url}")

    page.on("console", said)
    page.on("pageerror", raised)
    page.on("dialog", asked)
    page.on("request", requested)


def axe_faults(page: Page, without: Sequence[str] = ()) -> list[str]:
    """What axe-core finds on a page that hinders people seriously: rule and element.

    Elements `without` which a page is checked, by selectors, are many and all alike.
    """
    options = {"resultTypes": ["violations"]}
    context = {"exclude": [[selector] for selector in without]} if without else None
    violations = Axe().run(page, context=context, options=options).response["violations"]
    serious = [v for v in violations if v["impact"] in ("serious", "critical")]
    return [f"{v['id']}: {node['html'][:160]}" for v in serious for node in v["nodes"]]


def scrolls_sideways(page: Page) -> bool:
    """Whether a page is wider than its window."""
    wider = "document.documentElement.scrollWidth > window.innerWidth"
    return bool(page.evaluate(wider))


def keep_picture(page: Page, name: str) -> None:
    """Write a picture of a page into the folder that VIDCURATE_SCREENSHOTS names, if any."""
    if folder := os.environ.get("VIDCURATE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@contextmanager
def reviewing(dataset: Path, *arguments: str | Path) -> Iterator[str]:
    """A review server as a user starts it; gives the address to open."""
    log = dataset.parent / f"{dataset.name} review"
    log.mkdir()
    running = start(["review", "-d", dataset, "--no-open", *arguments], log, ENVIRONMENT)
    try:
        assert wait_until(lambda: address_in(log) is not None, running), (log / "log").read_text()
        yield str(address_in(log))
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(timeout=20)
        shutil.rmtree(log)


def address_in(log: Path) -> str | None:
    """The address that a server's log names."""
    found = re.search(r"http://127\.0\.0\.1:\d+/\S+", (log / "log").read_text("utf-8"))
    return found[0] if found else None
