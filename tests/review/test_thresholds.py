from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.support.pipeline import process, rows
from tests.support.reviews import Page, reviewing
from vidcurate.records import KEPT
from vidcurate.review.answers import ConflictError
from vidcurate.review.rules_file import with_rules

CONFIG = """\
# Ours.
ingest: {}   # all of it
split: {min_clip_s: 0.5}

filter:
  rules:
    # sharp enough
    - quality.sharpness >= 0   # a guess
    - "clips.duration_s >= 1.5" # long enough
export:
  media: none
"""


def test_rules_are_tried_as_the_filter_would_apply_them(page: Page, made: Path) -> None:
    """What a try says is kept is what `filter` keeps by the same rules."""
    rules = ["quality.luma_mean >= p50", "clips.duration_s >= 1.5"]
    found = page.post("/api/rules/try", rules=rules)
    root = Path(str(page.served.review.dataset.root))
    process(root, {"split": {"min_clip_s": 0.5}, "filter": {"rules": rules}}, made / "films")
    assert found["kept"] == len(rows(root, KEPT))
    assert found["kept"] + found["rejected"] + found["unmeasured"] == 5
    assert found["n_removed"] == len(found["removed"]) == 3 - found["kept"]
    assert [row["rule"] for row in found["by_rule"]] == rules


def test_rules_do_not_move_what_people_decided(page: Page) -> None:
    """An accepted clip stays, and a rejected one does not come in, whatever the rules say."""
    good, _, short = page.ids()[:3]
    page.decide("accept", short)
    page.decide("reject", good)
    everything = page.post("/api/rules/try", rules=["clips.duration_s > 0"])
    assert (everything["kept"], everything["added"]) == (4, page.ids()[4:])
    nothing = page.post("/api/rules/try", rules=["clips.duration_s > 1000"])
    assert (nothing["kept"], short in nothing["removed"]) == (1, False)


def test_a_rule_that_makes_no_sense_is_told(reader: Page) -> None:
    """The rule's own error is shown, and so is another kind of request."""
    for rules, word in (
        (["quality.sharpnes > 1"], "did you mean 'quality.sharpness'"),
        (["quality.sharpness >"], "quality.sharpness"),
        (["clips.clip_id > 3"], "clips.clip_id"),
        ("quality.sharpness > 1", "list of texts"),
    ):
        assert word in reader.post("/api/rules/try", 400, rules=rules)["error"]


def test_histograms_tell_kept_clips_from_others(reader: Page) -> None:
    """Every clip with a value is in a bin, kept or not, and the limit of a rule stands with it."""
    found = reader.get("/api/histogram?score=clips.duration_s&bins=10")
    assert (sum(found["kept"]), sum(found["rejected"]), found["missing"]) == (3, 2, 0)
    assert len(found["edges"]) == 11
    assert found["limits"] == [
        {"rule": "clips.duration_s >= 1.5", "condition": "clips.duration_s >= 1.5", "value": 1.5}
    ]
    assert reader.get("/api/histogram?score=motion.still_share")["edges"] == []
    reader.refused("/api/histogram?score=nothing", 400)


def test_without_rules_every_clip_is_kept(root: Path, tmp_path: Path) -> None:
    """An emptied list of rules is no reason to tell the fates of the list before."""
    config = tmp_path / "none.yaml"
    config.write_text("filter:\n  rules: []\n", "utf-8")
    with reviewing(root, config) as page:
        session = page.get("/api/session")
        assert session["rules"] == []
        assert session["counts"]["fates"].get("rejected", 0) == 0
        assert page.post("/api/rules/try", rules=[])["kept"] == session["counts"]["clips"]


def test_a_limit_out_of_reach_does_no_harm(root: Path, tmp_path: Path) -> None:
    """An infinite limit is none that JSON has, and a far one does not stretch the histogram."""
    config = tmp_path / "far.yaml"
    rules = ["clips.duration_s < 1e308 * 10", "clips.duration_s < 1e9"]
    config.write_text(yaml.safe_dump({"filter": {"rules": rules}}), "utf-8")
    with reviewing(root, config) as page:
        clip = page.get(f"/api/clips/{page.ids()[0]}")
        assert [row["holds"] for row in clip["rules"]] == [True, True]
        found = page.get("/api/histogram?score=clips.duration_s&bins=10")
        assert found["edges"][-1] < 10
        assert [limit["value"] for limit in found["limits"]] == [None, 1e9]


def test_rules_are_written_back(root: Path, tmp_path: Path) -> None:
    """The file keeps its comments and order, and its rules tell the fates from then on."""
    config = tmp_path / "my.yaml"
    config.write_text(CONFIG, "utf-8")
    with reviewing(root, config) as page:
        found = page.post(
            "/api/rules/save", rules=["quality.sharpness >= 0", "clips.duration_s >= 9"]
        )
        assert page.get("/api/session")["counts"]["fates"] == {"rejected": 5}
    assert found["command"] == f"vidcurate filter -d {root} -c {config}"
    assert config.read_text("utf-8") == CONFIG.replace(
        '"clips.duration_s >= 1.5"', "clips.duration_s >= 9"
    )


@pytest.mark.parametrize(
    "rules",
    [
        (),
        ("quality.sharpness >= 0",),
        ("clips.duration_s >= 1.5",),
        ("clips.duration_s >= 1.5", "quality.sharpness >= 0"),
        ("videos.container in ['a: b', '#c']", "quality.sharpness >= 0", "clips.duration_s < 3"),
    ],
)
def test_other_rules_leave_the_rest_of_a_file(rules: Sequence[str]) -> None:
    """Rules are added, taken out and put in another order; other sections keep every letter."""
    written = with_rules(CONFIG, rules)
    assert yaml.safe_load(written)["filter"]["rules"] == list(rules)
    head, tail = CONFIG.split("filter:", maxsplit=1)[0], CONFIG.split("export:")[1]
    assert written.startswith(head)
    assert written.endswith(tail)
    assert "# sharp enough" in written


def test_a_file_without_rules_gets_some() -> None:
    """The section is added where a file has none, and flat lists stay flat."""
    assert yaml.safe_load(with_rules("# mine\nscan: {}\n", ["a.b > 1"]))["filter"] == {
        "rules": ["a.b > 1"]
    }
    for text in ("filter:\n", "filter: {}\n", "filter:\n  rules: [x.y > 1, x.z > 2]\n"):
        assert yaml.safe_load(with_rules(text, ["a.b > 1"]))["filter"]["rules"] == ["a.b > 1"]
    flat = with_rules("filter:\n  rules:\n  - x.y > 1\nscan: {}\n", ["x.y > 2"])
    assert flat == "filter:\n  rules:\n  - x.y > 2\nscan: {}\n"
    dos = with_rules("filter:\r\n  rules:\r\n  - x.y > 1", ["x.y > 1", "x.z > 2"])
    assert dos == "filter:\r\n  rules:\r\n  - x.y > 1\r\n  - x.z > 2\r\n"


def test_a_rule_that_stays_keeps_its_comment() -> None:
    """A rule that is taken out takes its line alone; one that changes keeps its comment."""
    text = "filter:\n  rules:\n    - a.b > 1 # one\n    # about two\n    - a.c > 2 # two\n"
    assert with_rules(text, ["a.c > 2"]) == text.replace("    - a.b > 1 # one\n", "")
    assert with_rules(text, ["a.b > 1", "a.c > 3"]) == text.replace("a.c > 2", "a.c > 3")
    assert with_rules(text, ["a.d > 0", "a.b > 1", "a.c > 2"]) == text.replace(
        "    - a.b", "    - a.d > 0\n    - a.b"
    )


def test_rules_written_elsewhere_are_left_alone() -> None:
    """Rules that an anchor shares with another section are not changed there."""
    text = "x: &r [a.b > 1]\nfilter:\n  rules: *r\n"
    with pytest.raises(ConflictError, match="by hand"):
        with_rules(text, ["a.b > 2"])


def test_without_a_file_rules_are_not_written(reader: Page) -> None:
    """The error says how to start the review so that they are."""
    assert "-c FILE" in reader.post("/api/rules/save", 409, rules=[])["error"]


def test_a_file_that_was_spoilt_meanwhile_is_left_alone(root: Path, tmp_path: Path) -> None:
    """Rules are not put into a file that no run could read."""
    config = tmp_path / "my.yaml"
    config.write_text(CONFIG, "utf-8")
    with reviewing(root, config) as page:
        config.write_text("filtr: {}\n", "utf-8")
        assert "filtr" in page.post("/api/rules/save", 409, rules=["clips.duration_s > 1"])["error"]
    assert config.read_text("utf-8") == "filtr: {}\n"
