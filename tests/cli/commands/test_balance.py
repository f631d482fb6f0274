import json
from dataclasses import asdict
from pathlib import Path

import pytest

import vidcurate
from tests.support.command import vidcurate as command
from tests.support.pipeline import process

QUOTA = {"by": "clips.video_id", "at_most": 2, "at_least": 4}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """A data set of one video, of whose three clips two stay."""
    out = tmp_path_factory.mktemp("balance") / "out"
    options = {"test": 0.5, "keep_together": "videos", "balance": (QUOTA,)}
    process(out, {"split": {"min_clip_s": 1.0}, "partition": options}, video)
    return out


def test_splits_and_gaps_are_shown(out: Path) -> None:
    """A line a split and a class: what was wanted, what there is, and what is missing."""
    shown = command("balance", "-d", str(out), at=out.parent)
    assert shown.code == 0, shown.err
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[0][:2] == ["split", "wanted"]
    assert [line[:2] for line in lines[1:4]] == [
        ["train", "50.0%"],
        ["validation", "0.0%"],
        ["test", "50.0%"],
    ]
    assert ["clips.video_id"] in lines
    assert lines[-1][1:] == ["3", "2", "2", "·", "4", "2"]


def test_json_has_all(out: Path) -> None:
    """What is shown, as one object; Python has the same."""
    shown = command("balance", "-d", str(out), "--json", at=out.parent)
    found = json.loads(shown.out)
    assert [split["clips"] for split in found["splits"]] in ([2, 0, 0], [0, 0, 2])
    assert [(c["came"], c["stays"], c["missing"]) for c in found["classes"]] == [(3, 2, 2)]
    report = asdict(vidcurate.open(out).balance())
    assert json.loads(json.dumps(report)) == {
        name: found[name] for name in ("splits", "classes", "across")
    }


def test_a_data_set_without_splits_says_how_to_make_them(tmp_path: Path, video: Path) -> None:
    """The command that makes them is named."""
    process(tmp_path / "out", {"probe": {}}, video)
    shown = command("balance", "-d", str(tmp_path / "out"), at=tmp_path)
    assert shown.code == 2
    assert "`vidcurate partition -d" in shown.err
