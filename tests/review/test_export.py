import csv
import json
from pathlib import Path

import pytest

from tests.support.decisions import decided, spanned, undone
from vidcurate.errors import UsageError
from vidcurate.records import Decision
from vidcurate.review.export_decisions import export_decisions

HOSTILE = ("=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1")


def decisions() -> list[Decision]:
    """A rejection, a caption, tags, a change of spans, and one that undoes the first."""
    first = decided("reject", reason='too "dark", and\nlong')
    spans = spanned("v-0-10", (0, 5), (5, 10))
    more = [decided("caption", text="a fox"), decided("tags", tags=("red", "fox")), spans]
    return [first, *more, undone(first.step)]


def test_every_decision_is_a_row(tmp_path: Path) -> None:
    """A spreadsheet has all columns, lists as JSON, and tells what was undone."""
    file = tmp_path / "d.csv"
    export_decisions(decisions(), file)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["action"] for row in rows] == ["reject", "caption", "tags", "spans", "undo"]
    assert [row["stands"] for row in rows] == ["no", "yes", "yes", "yes", "no"]
    assert rows[0]["reason"] == 'too "dark", and\nlong'
    assert json.loads(rows[2]["tags"]) == ["red", "fox"]
    assert json.loads(rows[3]["spans"])[1] == {"start_pts": 5, "end_pts": 10}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula(tmp_path: Path, text: str) -> None:
    """What a spreadsheet would run as a formula begins with an apostrophe."""
    export_decisions([decided("reject", reviewer=text, reason=text)], tmp_path / "d.csv")
    with (tmp_path / "d.csv").open(encoding="utf-8", newline="") as lines:
        [row] = csv.DictReader(lines)
    assert row["reviewer"] == row["reason"] == f"'{text}"


def test_programs_get_json_lines(tmp_path: Path) -> None:
    """By the file's name each decision is an object, its texts as they are."""
    export_decisions([decided("caption", text="=1 \u202e")], tmp_path / "d.JSONL")
    row = json.loads((tmp_path / "d.JSONL").read_text("utf-8"))
    assert (row["text"], row["stands"], row["tags"]) == ("=1 \u202e", True, [])
    with pytest.raises(UsageError, match=r"\.csv or \.jsonl"):
        export_decisions([], tmp_path / "d.xlsx")
