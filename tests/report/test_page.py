import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.report.conftest import page_of
from vidcurate.report.data import ReportOptions
from vidcurate.report.page import script
from vidcurate.report.text import embedded_json, plain_name
from vidcurate.store.dataset import Dataset

VOID = {"meta", "img", "input", "br", "link", "hr", "rect", "path", "circle", "line"}


class Elements(HTMLParser):
    """The elements of a page with their attributes, those left open, its JSON and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.json: dict[str, Any] = {}
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Read the JSON of a data element; note text."""
        inside = self.open[-1] if self.open else ""
        attributes = self.found[-1][1] if self.found else {}
        if inside == "script" and attributes.get("type") == "application/json":
            self.json[str(attributes["id"])] = json.loads(data)
        elif inside not in ("script", "style"):
            self.text += data


def test_the_page_is_whole_and_ids_are_unique(finished: Dataset) -> None:
    """Every element is closed, no id occurs twice, and every link of the contents has its aim."""
    elements = Elements(page_of(finished)[1])
    assert elements.open == []
    ids = [a["id"] for _, a in elements.found if "id" in a]
    assert len(ids) == len(set(ids))
    aims = [str(a["href"]) for tag, a in elements.found if tag == "a"]
    assert {aim.removeprefix("#") for aim in aims} <= set(ids)


def test_a_page_needs_no_other_file(finished: Dataset) -> None:
    """Nothing is loaded from anywhere, and no attribute runs a script or sets a style."""
    elements = Elements(page_of(finished)[1])
    attributes = [(name, value) for _, a in elements.found for name, value in a.items()]
    addresses = [v for name, v in attributes if name in ("src", "href", "action", "data")]
    assert all(str(address).startswith("#") for address in addresses)
    assert not [name for name, _ in attributes if name.startswith("on") or name == "style"]


def test_the_browser_runs_only_what_is_allowed_by_its_hash(finished: Dataset) -> None:
    """The policy has no word that lets other scripts in, and a hash for each script."""
    elements = Elements(page_of(finished)[1])
    (policy,) = (a["content"] for _, a in elements.found if "http-equiv" in a)
    scripts = [a for tag, a in elements.found if tag == "script" and "type" not in a]
    assert policy is not None
    assert "unsafe" not in policy
    allowed = re.search("script-src ([^;]*)", policy)
    assert allowed is not None
    assert len(allowed[1].split()) == len(scripts)


def test_hostile_names_stay_text(finished: Dataset) -> None:
    """A name with elements in it makes no element, and its marks of direction are seen."""
    page = page_of(finished, ReportOptions(title="</title><script>alert(3)</script>"))[1]
    elements = Elements(page)
    assert "<img src=x" not in page
    assert not [tag for tag, a in elements.found if tag == "img" and "data-picture" not in a]
    assert page.count("alert(3)") == 2  # the title, twice, as text
    assert "\u202e" not in page
    assert "\\u202e" in elements.text
    assert "</title><script>alert(3)" in elements.text


@pytest.mark.parametrize("name", ["finished", "ingested", "without_clips"])
def test_every_chart_and_table_has_its_data(name: str, request: pytest.FixtureRequest) -> None:
    """What an element says it shows is in the page, and each chart names data that are there."""
    elements = Elements(page_of(request.getfixturevalue(name))[1])
    shown = [a.get("data-chart") or a.get("data-grid") for _, a in elements.found]
    assert {str(one) for one in shown if one} <= set(elements.json)
    for chart in (value for id_, value in elements.json.items() if id_.startswith("chart-")):
        named = chart.get("data", {}).get("name")
        assert named is None or any(id_.endswith(f"-{named}") for id_ in elements.json)


def test_missing_stages_are_named_with_their_commands(ingested: Dataset) -> None:
    """A data set of files alone has a page that says how to go on."""
    text = Elements(page_of(ingested)[1]).text
    assert f"vidcurate split -d {ingested.root}" in text
    assert f"vidcurate filter -d {ingested.root}" in text


def test_pictures_are_inside_linked_or_left_out(finished: Dataset) -> None:
    """Pictures are embedded once each, or named in a folder, or not there."""
    inside, links, none = (
        Elements(page_of(finished, ReportOptions(media))[1]).json["pictures"]
        for media in ("inside", "links", "none")
    )
    assert all(address.startswith("data:image/jpeg;base64,") for address in inside.values())
    assert list(links) == list(inside)
    assert all(address.startswith("report_media/") for address in links.values())
    assert none == {}


def test_a_sample_is_shown_and_said(finished: Dataset) -> None:
    """With more clips than wanted some are shown, numbers are of all, and the page says so."""
    data, page = page_of(finished, ReportOptions(max_clips=2))
    assert len(data.shown) == 2
    elements = Elements(page)
    assert "show 2 of 3 clips" in elements.text


def test_json_and_scripts_cannot_end_their_element() -> None:
    """What ends an element, opens a comment or ends a line is written otherwise, and read back."""
    value = {"</script><!--": "&\u2028"}
    written = embedded_json(value)
    assert not set(written) & set("<>&\u2028")
    assert json.loads(written) == value
    assert "</script" not in script("a = '</script><!--'").content


def test_names_are_one_visible_line() -> None:
    """Line ends and marks of direction are seen, other letters stay."""
    assert plain_name("a\nb\u202ec é 語") == "a\\nb\\u202ec é 語"
