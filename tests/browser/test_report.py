import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.browser import (
    DARK,
    LAPTOP,
    LIGHT,
    PHONE,
    WIDE,
    OpenPage,
    axe_faults,
    keep_picture,
    scrolls_sideways,
)
from tests.support.command import vidcurate
from tests.support.keyboard import focus_stops, unreached
from tests.support.review_data import HOSTILE_CAPTION


def opened(page: Page) -> Page:
    """The page with all its details open, and drawn."""
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    return drawn(page)


def drawn(page: Page) -> Page:
    """The page with every section drawn: charts are drawn when they come into view."""
    for section in page.locator("main > section").all():
        section.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
    page.evaluate("scrollTo(0, 0)")
    return page


def test_the_funnel_says_what_the_tables_say(
    dataset: Path, report: str, open_page: OpenPage
) -> None:
    """Inputs, outcomes and rows of each stage, and what each rule takes, are those of `status`."""
    page = open_page(report)
    [status] = vidcurate("status", "-d", dataset, "--json").lines
    page.locator("#funnel-stages").evaluate("(details) => (details.open = true)")
    for stage in status["stages"]:
        cells = page.locator(f'#funnel-stages tr[data-stage="{stage["stage"]}"] td')
        numbers = [int(text) for text in cells.all_inner_texts()[:7]]
        dropped = sum(stage["dropped"].values())
        named = [stage[k] for k in ("inputs", "ok", "failed", "pending", "pruned", "rows")]
        assert [*numbers[:2], *numbers[3:]] == named
        assert numbers[2] == dropped
    steps = page.locator("#funnel-steps tr[data-step]")
    losses = {
        row.get_attribute("data-step"): row.get_attribute("data-clips")
        for row in steps.all()
        if "lost" in str(row.get_attribute("class"))
    }
    [rules] = [s["dropped"] for s in status["stages"] if s["stage"] == "filter"]
    assert {rule: int(str(losses[rule])) for rule in rules} == rules


def test_hostile_names_and_captions_stay_text(report: str, open_page: OpenPage) -> None:
    """A file name and captions full of markup make no element, run nothing, and can be read."""
    page = opened(open_page(report))
    assert page.locator("img[src='x'], [onmouseover]").count() == 0
    assert "<script>alert(2)<script>" in page.content().replace("&lt;", "<").replace("&gt;", ">")
    assert page.get_by_text(HOSTILE_CAPTION[:40]).count() > 0
    assert "49" not in page.locator("#captions").inner_text()


@pytest.mark.parametrize(("size", "scheme"), [(LAPTOP, LIGHT), (PHONE, DARK)])
def test_nothing_hinders_people(
    size: tuple[int, int], scheme: str, report: str, open_page: OpenPage
) -> None:
    """axe-core finds no serious fault in light and dark."""
    page = opened(open_page(report, size, scheme))
    keep_picture(page, f"report-{size[0]}-{scheme}")
    assert axe_faults(page, without=("svg.marks", "#columns tbody")) == []


def test_no_window_is_too_narrow(report: str, open_page: OpenPage) -> None:
    """Nothing is wider than the window, on a phone and on a wide screen."""
    page = opened(open_page(report, PHONE))
    assert not scrolls_sideways(page)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    assert not scrolls_sideways(page)


def test_the_keyboard_reaches_everything(report: str, open_page: OpenPage) -> None:
    """Tab reaches every control, and each shows that it has the focus."""
    page = drawn(open_page(report))
    stops = focus_stops(page)
    assert [stop.name for stop in stops if not stop.is_visible] == []
    assert unreached(page) == []


def test_the_report_needs_no_other_file(report: str, open_page: OpenPage, tmp_path: Path) -> None:
    """A copy of the file alone, elsewhere, shows all pictures."""
    copy = tmp_path / "copy.html"
    copy.write_bytes(Path(report.removeprefix("file://").replace("%20", " ")).read_bytes())
    page = opened(open_page(copy.as_uri()))
    broken = "[...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src)"
    assert json.dumps(page.evaluate(broken)) == "[]"
    assert page.evaluate("document.images.length") > 0
