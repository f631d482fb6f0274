import csv
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.support.layouts import pairs, written
from vidcurate.errors import UsageError
from vidcurate.exporting.target import Sample, TargetOptions
from vidcurate.exporting.targets import csv as csv_target
from vidcurate.exporting.targets import jsonl, target_of
from vidcurate.exporting.targets.fiftyone import TARGET as FIFTYONE

OWN = TargetOptions(columns={"file": "path", "text": "caption", "from": "source_name"})


def test_columns_have_the_names_asked_for(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """Lists hold just the columns that are asked for, under their new names, in that order."""
    bundle = written(csv_target.TARGET, tmp_path / "csv", hard, clips, OWN)
    with (bundle.root / "clips.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))
    assert rows[0] == ["file", "text", "from"]
    assert rows[1] == [f"clips/{hard[0].stem}.mp4", hard[0].caption, "film 0.mp4"]
    bundle = written(jsonl.TARGET, tmp_path / "jsonl", hard, clips, OWN)
    first = json.loads((bundle.root / "clips.jsonl").read_text("utf-8").splitlines()[0])
    assert list(first) == ["file", "text", "from"]
    assert list(jsonl.TARGET.read(bundle)) == pairs(hard)


def test_pandas_reads_the_table(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """As the HOWTO says, pandas gives every caption, also the word None, and numbers as numbers."""
    bundle = written(csv_target.TARGET, tmp_path / "out", hard, clips)
    table = pd.read_csv(bundle.root / "clips.csv", keep_default_na=False)
    assert table["caption"].tolist() == [sample.caption for sample in hard]
    assert table["fps"].tolist() == [8.0] * len(hard)


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_paths_are_absolute_if_asked(
    name: str, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """Absolute paths lead to where the folder will lie, and are read back before it does."""
    target = target_of("csv" if name == "csv" else "jsonl")
    options = TargetOptions(absolute_paths=True)
    bundle = written(target, tmp_path / "building", hard, clips, options, out=tmp_path / "out")
    assert f"{tmp_path}/out/clips/{hard[0].stem}.mp4" in (bundle.root / f"clips.{name}").read_text(
        "utf-8"
    )
    assert list(target.read(bundle)) == pairs(hard)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"file": "path"}, "must name caption"),
        ({"file": "path", "text": "capton", "c": "caption"}, "did you mean 'caption'"),
    ],
)
def test_wrong_columns_are_refused(
    columns: dict[str, str], message: str, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """Unknown columns, and lists that could not be told apart, are refused by name."""
    for target in (csv_target.TARGET, jsonl.TARGET):
        with pytest.raises(UsageError, match=message):
            written(target, tmp_path / target.name, hard, clips, TargetOptions(columns=columns))


def test_values_that_json_lacks_become_null(
    tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """NaN is null in JSON and nothing in CSV; lists are JSON in CSV."""
    options = TargetOptions(columns={n: n for n in ("path", "caption", "score", "names")})
    row = {**hard[0].row, "score": float("nan"), "names": ["a", 'b"']}
    one = [replace(hard[0], row=row)]
    bundle = written(jsonl.TARGET, tmp_path / "jsonl", one, clips, options)
    assert json.loads((bundle.root / "clips.jsonl").read_text("utf-8"))["score"] is None
    bundle = written(csv_target.TARGET, tmp_path / "csv", one, clips, options)
    with (bundle.root / "clips.csv").open(encoding="utf-8", newline="") as lines:
        [found] = list(csv.DictReader(lines))
    assert found["score"] == ""
    assert json.loads(found["names"]) == ["a", 'b"']


def test_fiftyone_s_own_fields_are_refused(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """A column called `frames`, which FiftyOne keeps for itself, is refused by name."""
    options = TargetOptions(columns={"frames": "n_frames"})
    with pytest.raises(UsageError, match="'frames'"):
        written(FIFTYONE, tmp_path / "out", hard, clips, options)
    options = TargetOptions(columns={"length": "n_frames"})
    bundle = written(FIFTYONE, tmp_path / "out", hard, clips, options)
    head = (bundle.root / "labels.csv").read_text("utf-8").splitlines()[0]
    assert head == "filepath,caption,length"
    assert sorted(f.name for f in (bundle.root / "data").iterdir()) == [
        f"{s.stem}.mp4" for s in hard
    ]
