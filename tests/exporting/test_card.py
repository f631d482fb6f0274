import re

import pyarrow as pa
import yaml

from vidcurate.exporting.card import Contents, data_card, in_cell

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
