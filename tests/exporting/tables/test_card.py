import re

import pyarrow as pa
import pytest
import yaml

from vidcurate.exporting.tables.card import Contents, card_head, data_card, in_cell

HOSTILE = "a|b <img src=x> ![x](http://127.0.0.1/x.png) `c` **d** &lt;\x1b[2J\n# e"


def card(**changes: object) -> str:
    """The card of one clip, whose video's list has hostile columns."""
    row = {"video_id": "v", "duration_s": 1.0, "caption": None, "file_name": None}
    clips = pa.Table.from_pylist([{**row, "licence": HOSTILE, f"col {HOSTILE}": "x"}])
    lost = {HOSTILE: {"count": 1, "seconds": 2.0}}
    counts = {"inputs": 1, "ok": 0, "failed": 1, "dropped": {}, "reasons": {HOSTILE: 1}}
    counts |= {"losses": lost}
    entry = {"stage": "caption", "options": {"prompt": "```\n# x", **changes}, "versions": {}}
    totals = Contents()
    totals.add(clips)
    return data_card(totals, [{"stage": "scan", **counts}], {"captions": entry})


def test_text_in_a_cell_is_no_markup() -> None:
    """Bars, tags, links, pictures, code and controls of a name or reason stand as plain text."""
    text = in_cell(HOSTILE)
    assert text.isprintable()
    assert text.startswith(
        "a\\|b &lt;img src=x> !\\[x\\](http://127.0.0.1/x.png) \\`c\\` \\*\\*d\\*\\*"
    )
    assert "&amp;lt;" in text
    assert in_cell("the index (moov) is cut short: min_clip_s = 2") == (
        "the index (moov) is cut short: min_clip_s = 2"
    )


def test_a_card_keeps_its_form() -> None:
    """Hostile reasons, licences and column names add no line, table cell, picture or tag."""
    text = card()
    without_code = re.sub("`[^`\n]*`", "", text)
    assert "<img" not in without_code
    assert "![" not in without_code
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Video clips with text",
        *(
            f"## {name}"
            for name in ("What became of videos and clips", "Time lost inside videos", "Licences")
        ),
        *(f"## {name}" for name in ("Columns", "Settings", "Made with")),
    ]
    row, _lost = [line for line in text.splitlines() if line.startswith("| scan")]
    assert row.replace("\\|", "").count("|") == 7


def test_settings_stay_in_their_fence() -> None:
    """An option that holds a fence of its own ends nothing; the YAML reads back as it was."""
    for prompt in ("x\n```\n<script>", "`````", "plain"):
        block = card(prompt=prompt).partition("## Settings\n\n")[2].partition("\n\n## Made")[0]
        fence = block.partition("yaml")[0]
        assert set(fence) == {"`"}
        assert block.count(fence) == 2
        assert yaml.safe_load(block.strip("`").removeprefix("yaml")) == {
            "caption": {"prompt": prompt}
        }


@pytest.mark.parametrize(
    ("licences", "head"),
    [
        (["CC-BY 4.0", "CC-BY 4.0"], {"license": "cc-by-4.0"}),
        (
            ["Pexels License", "Pexels License"],
            {"license": "other", "license_name": "pexels-license"},
        ),
        (["CC-BY 4.0", "MIT"], {}),
        (["MIT", ""], {}),
        ([None, None], {}),
    ],
)
def test_a_licence_that_all_share_is_in_the_head(
    licences: list[str | None], head: dict[str, str]
) -> None:
    """A hub sorts by its own name of a licence; another is named as it is; several are not."""
    row = {"video_id": "v", "duration_s": 1.0, "caption": None, "file_name": None}
    totals = Contents()
    rows = [{**row, "license": licence} for licence in licences]
    schema = pa.Table.from_pylist([{**row, "license": "x"}]).schema
    totals.add(pa.Table.from_pylist(rows, schema=schema))
    assert {n: v for n, v in card_head(totals).items() if n.startswith("license")} == head


def test_no_folder_of_the_machine_is_told() -> None:
    """A card that is uploaded does not say where its export lay."""
    assert "/home/me" not in card(out="/home/me/secret")


def test_credits_are_listed() -> None:
    """Whoever a list credits stands in the card, the one with the most clips first."""
    row = {"video_id": "v", "duration_s": 1.0, "caption": None, "file_name": None}
    totals = Contents()
    totals.add(pa.Table.from_pylist([{**row, "author": name} for name in ("A", "B|", "B|", "")]))
    text = data_card(totals, [], {})
    assert "## Credits\n\n- B\\|: 2 clips\n- A: 1 clip\n\n" in text
