import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from datasets import Video, load_dataset

from tests.support.layouts import pairs, written
from vidcurate.errors import UsageError
from vidcurate.exporting.target import Sample, TargetOptions
from vidcurate.exporting.targets.hf_videofolder import TARGET


def test_splits_are_loaded_with_their_captions(
    tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """The datasets library finds the splits of one folder, and each clip's caption and numbers."""
    root = tmp_path / "out"
    written(TARGET, root, hard[:4], clips)
    written(TARGET, root, hard[4:], clips, split="validation")
    found = load_dataset("videofolder", data_dir=str(root), cache_dir=str(tmp_path / "cache"))
    assert set(found) == {"train", "validation"}
    train = found["train"].cast_column("video", Video(decode=False))
    assert [(Path(r["video"]["path"]).stem, r["caption"]) for r in train] == pairs(hard[:4])
    assert train.features["fps"].dtype == "float64"
    assert set(train["width"]) == {64}
    assert len(found["validation"]) == len(hard) - 4


def test_chosen_columns_have_one_type_in_all_splits(
    tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """A column that is null all through one split is of the table's type there too."""
    root = tmp_path / "out"
    options = TargetOptions(columns={"text": "caption", "aesthetic": "score"})
    schema = pa.schema([("score", pa.float64())])
    for split, score in (("train", 0.5), ("test", None)):
        rows = [replace(sample, row={**sample.row, "score": score}) for sample in hard[:2]]
        bundle = written(TARGET, root, rows, clips, options, split=split, schema=schema)
        assert list(TARGET.read(bundle)) == pairs(rows)
    found = load_dataset("videofolder", data_dir=str(root), cache_dir=str(tmp_path / "cache"))
    assert found["test"].features == found["train"].features
    assert found["train"].remove_columns("video")[0] == {"text": hard[0].caption, "aesthetic": 0.5}


def test_names_of_files_are_no_columns(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """A column that the library would take for another file is refused by name."""
    options = TargetOptions(columns={"source_file_name": "source_name"})
    with pytest.raises(UsageError, match="source_file_name"):
        written(TARGET, tmp_path / "out", hard[:1], clips, options)


@pytest.mark.parametrize("folder", ["out", "a [1] b"])
def test_rows_and_files_must_agree(
    folder: str, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """A file without a row, and a clip named twice, are refused, in any folder."""
    bundle = written(TARGET, tmp_path / folder, hard[:2], clips)
    assert list(TARGET.read(bundle)) == pairs(hard[:2])
    extra = bundle.root / "train/clips/other.mp4"
    extra.write_bytes(b"")
    with pytest.raises(ValueError, match=r"other\.mp4"):
        TARGET.read(bundle)
    extra.unlink()
    metadata = bundle.root / "train/metadata.jsonl"
    lines = metadata.read_text("utf-8").splitlines()
    metadata.write_text("\n".join([*lines, lines[0]]) + "\n", "utf-8")
    with pytest.raises(ValueError, match="named twice"):
        TARGET.read(bundle)
    assert json.loads(lines[0])["file_name"] == f"clips/{hard[0].stem}.mp4"
