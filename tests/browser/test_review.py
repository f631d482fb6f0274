import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import (
    DARK,
    LAPTOP,
    LIGHT,
    PHONE,
    OpenPage,
    axe_faults,
    keep_picture,
    reviewing,
    scrolls_sideways,
)
from tests.support.command import vidcurate
from tests.support.keyboard import focus_stops, unreached
from tests.support.review_data import COMMENT, RULES


@pytest.fixture
def own(dataset: Path, tmp_path: Path) -> Path:
    """A copy of the data set that a test may write to, and its config beside it."""
    shutil.copy(dataset.with_name("stages.yaml"), tmp_path)
    copy = tmp_path / "dataset"
    shutil.copytree(dataset, copy)
    return copy


@pytest.fixture
def own_review(own: Path) -> Iterator[str]:
    """The address of a review of that copy, which may save rules."""
    with reviewing(own, "-c", own.with_name("stages.yaml")) as address:
        yield address


def begin(page: Page, name: str) -> Page:
    """Give a name, and wait until the first clip is shown."""
    page.locator("#reviewer-name").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute("data-ready", "yes")
    return page


def press(page: Page, *keys: str) -> None:
    """Press keys, and wait until what they decided is saved."""
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator("body")).to_have_attribute("data-busy", "0")


def clip_shown(page: Page) -> str:
    """The id of the clip on screen."""
    return str(page.locator("body").get_attribute("data-clip"))


def clips(page: Page) -> list[str]:
    """The ids of the clips listed, in their order."""
    rows = page.locator("#list [role=option]")
    return [str(row.get_attribute("data-clip")) for row in rows.all()]


def go_to(page: Page, clip_id: str) -> None:
    """Show a clip, by its place in the list."""
    page.locator(f'#list [data-clip="{clip_id}"]').click()
    expect(page.locator("body")).to_have_attribute("data-clip", clip_id)


def table(dataset: Path, name: str) -> list[dict[str, object]]:
    """The rows of a table."""
    return vidcurate("rows", name, "-d", dataset).lines


def rejected(dataset: Path) -> dict[str, str]:
    """Clips that filter rejects, each with the reason."""
    lines = vidcurate("rows", "kept", "-d", dataset, "--dropped").lines
    return {row["clip_id"]: row["reason"] for row in lines}


def test_what_is_decided_by_keyboard_is_what_is_exported(
    own: Path, own_review: str, open_page: OpenPage
) -> None:
    """Accept, reject, caption, tag, nudge and undo outlive a reload, and filter and export obey."""
    page = begin(open_page(own_review), "Ada")
    broken = rejected(own)
    kept = [c for c in clips(page) if c not in broken]
    saved_by_review, thrown_out, undone, retold = min(broken), kept[0], kept[1], kept[2]
    go_to(page, saved_by_review)
    press(page, "a")
    go_to(page, thrown_out)
    press(page, "r")
    page.keyboard.type("the picture is torn")
    press(page, "Enter")
    go_to(page, undone)
    press(page, "r", "Enter")
    expect(page.locator('#counts [data-count="rejected"]')).to_have_text("4")
    press(page, "u")
    expect(page.locator('#counts [data-count="rejected"]')).to_have_text("3")
    go_to(page, retold)
    press(page, "c")
    page.keyboard.press("Control+a")
    page.keyboard.type("A <b>bold</b> test card.")
    press(page, "Control+Enter")
    press(page, "t")
    page.keyboard.type("card")
    press(page, "Enter", "Escape")
    expect(page.locator('#tags [data-tag="card"]')).to_be_visible()

    page.reload()
    expect(page.locator("body")).to_have_attribute("data-ready", "yes")
    expect(page.locator(f'#list [data-clip="{thrown_out}"]')).to_have_attribute(
        "data-verdict", "reject"
    )
    expect(page.locator(f'#list [data-clip="{undone}"]')).to_have_attribute("data-verdict", "")
    go_to(page, retold)
    expect(page.locator("#caption")).to_have_value("A <b>bold</b> test card.")

    config = own.with_name("stages.yaml")
    assert vidcurate("export", "-d", own, "-c", config, "--engine", "inline", "--quiet").code == 0
    now = rejected(own)
    assert now[thrown_out] == "review: the picture is torn"
    assert saved_by_review not in now
    assert undone not in now
    exported = {str(row["clip_id"]): row for row in exported_rows(own)}
    assert exported.keys() >= {saved_by_review, undone, retold}
    assert thrown_out not in exported
    assert exported[retold]["caption"] == "A <b>bold</b> test card."
    assert exported[retold]["caption_before"]
    assert exported[retold]["review_tags"] == ["card"]


def exported_rows(dataset: Path) -> list[dict[str, object]]:
    """The rows of the finished data set."""
    from pyarrow import dataset as arrow  # noqa: PLC0415 - beside its one use

    files = [str(file) for file in (dataset / "export" / "data").rglob("*.parquet")]
    return list(arrow.dataset(files, format="parquet").to_table().to_pylist())


def test_spans_are_moved_split_and_merged_by_keyboard(
    own: Path, own_review: str, open_page: OpenPage
) -> None:
    """A nudge, a split and a merge make the clips that split then has."""
    page = begin(open_page(own_review), "Ada")
    first, second = clips(page)[:2]
    go_to(page, first)
    press(page, "]", "]", "Enter")
    expect(page.locator("body")).not_to_have_attribute("data-clip", first)
    nudged = clip_shown(page)
    film, start, _ = first.split("-")
    assert nudged.split("-")[0] == film
    assert int(nudged.split("-")[1]) > int(start)
    go_to(page, second)
    page.locator("#player video.current").evaluate("(v) => v.pause()")
    for _ in range(3):
        page.keyboard.press(".")
    before = len(clips(page))
    press(page, "s")
    expect(page.locator("#list [role=option]")).to_have_count(before + 1)
    press(page, "u")
    expect(page.locator("#list [role=option]")).to_have_count(before)
    go_to(page, nudged)
    press(page, "g")
    expect(page.locator("#list [role=option]")).to_have_count(before - 1)
    merged = clip_shown(page)
    assert vidcurate("split", "-d", own, "--quiet").code == 0
    found = {str(row["clip_id"]) for row in table(own, "clips")}
    assert merged in found
    assert not found & {first, second, nudged}


def test_a_slider_says_what_tune_says(own: Path, own_review: str, open_page: OpenPage) -> None:
    """Moving a limit shows how many clips stay, and the rule is saved beside its comments."""
    page = begin(open_page(own_review), "Ada")
    page.keyboard.press("x")
    slider = page.locator("#panel-thresholds .rule[data-rule='0'] input[type=range]")
    slider.focus()
    page.keyboard.press("End")
    text = page.locator("#panel-thresholds .rule[data-rule='0'] input.rule-text")
    expect(text).not_to_have_value(RULES[0])
    expect(page.locator("#try-removed")).not_to_have_text("0")
    changed = text.input_value()
    rules = [argument for rule in (changed, RULES[1]) for argument in ("--rule", rule)]
    [tuned] = vidcurate("tune", "-d", own, *rules, "--json").lines
    assert page.locator("#try-kept").inner_text() == str(tuned["kept"])
    page.locator("#rules-save").click()
    expect(page.locator("#rules-saved")).to_contain_text("vidcurate filter")
    config = own.with_name("stages.yaml").read_text("utf-8")
    assert COMMENT in config
    assert changed in config


def test_two_people_review_at_once(own_review: str, open_page: OpenPage) -> None:
    """What one person decides is there for another, and each undoes only what is theirs."""
    ada, bob = (begin(open_page(own_review), name) for name in ("Ada", "Bob"))
    first, second = clips(ada)[:2]
    go_to(ada, first)
    press(ada, "a")
    go_to(bob, second)
    press(bob, "a")
    press(ada, "u")
    bob.reload()
    expect(bob.locator("body")).to_have_attribute("data-ready", "yes")
    expect(bob.locator(f'#list [data-clip="{first}"]')).to_have_attribute("data-verdict", "")
    expect(bob.locator(f'#list [data-clip="{second}"]')).to_have_attribute("data-verdict", "accept")


def test_hostile_names_and_captions_stay_text(review: str, open_page: OpenPage) -> None:
    """A file name and captions full of markup make no element and run nothing."""
    page = begin(open_page(review), "<img src=x onerror=alert(6)>")
    for clip_id in clips(page):
        go_to(page, clip_id)
        page.wait_for_timeout(50)
        assert page.locator("img[src='x'], [onmouseover], main script").count() == 0
    assert "<script>alert(2)<script>" in page.locator("#list").inner_text()
    expect(page.locator("#reviewer")).to_contain_text("<img src=x")


@pytest.mark.parametrize(("size", "scheme"), [(LAPTOP, LIGHT), (PHONE, DARK)])
def test_nothing_hinders_people(
    size: tuple[int, int], scheme: str, review: str, open_page: OpenPage
) -> None:
    """axe-core finds no serious fault in light and dark, and no window is too narrow."""
    page = begin(open_page(review, size, scheme), "Ada")
    page.keyboard.press("e")
    keep_picture(page, f"review-{size[0]}-{scheme}")
    assert axe_faults(page) == []
    assert not scrolls_sideways(page)
    page.keyboard.press("x")
    expect(page.locator("#panel-thresholds")).to_be_visible()
    assert axe_faults(page) == []
    assert not scrolls_sideways(page)


def test_the_keyboard_reaches_everything(review: str, open_page: OpenPage) -> None:
    """Tab reaches every control, and each shows that it has the focus."""
    page = begin(open_page(review), "Ada")
    page.evaluate("document.activeElement.blur()")
    stops = focus_stops(page)
    assert [stop.name for stop in stops if not stop.is_visible] == []
    assert unreached(page) == []


def test_the_film_plays_from_its_span(review: str, open_page: OpenPage) -> None:
    """The clip's span of the source plays, and no other part of the film."""
    page = begin(open_page(review), "Ada")
    second = clips(page)[1]
    go_to(page, second)
    page.wait_for_function("document.querySelector('#player video.current').currentTime > 0")
    place = page.locator("#player video.current").evaluate("(v) => v.currentTime")
    ticks = [int(part) for part in second.split("-")[1:]]
    [row] = [r for r in json.loads(page.evaluate(ROWS)) if r["clip_id"] == second]
    assert row["start_s"] - 0.1 <= place <= row["end_s"] + 0.1
    assert ticks[0] < ticks[1]


ROWS = "fetch('/api/clips').then((r) => r.json()).then((j) => JSON.stringify(j.clips))"
