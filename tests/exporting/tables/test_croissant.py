"""Croissant metadata, read by the reference implementation."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.support.pipeline import process
from vidcurate.exporting.folder.manifest import file_sha256

mlcroissant = pytest.importorskip("mlcroissant", reason="part of the dev extra")
NAME = "croissant.json"
WHOLE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "filter": {},
    "caption": {},
    "export": {"preset": "ultrafast", "verify": False, "rows_per_shard": 2},
}


def test_croissant_describes_files_and_tables(video: Path, tmp_path: Path) -> None:
    """It is valid, its hashes are those of the files, and its records are the rows."""
    (tmp_path / "videos.csv").write_text(f"path,license\n{video},CC-BY 4.0\n", "utf-8")
    process(tmp_path / "out", WHOLE, tmp_path / "videos.csv")
    file = tmp_path / "out" / "export" / NAME
    described = json.loads(file.read_text("utf-8"))
    assert described["license"] == "CC-BY 4.0"
    objects = [d for d in described["distribution"] if d["@type"] == "cr:FileObject"]
    assert [o["contentUrl"] for o in objects] == [
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "videos/train-00000-of-00001.parquet",
    ]
    assert all(o["sha256"] == file_sha256(file.parent / o["contentUrl"]) for o in objects)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that it reads JSON-LD with
        dataset = mlcroissant.Dataset(jsonld=str(file))
        assert not dataset.metadata.issues.errors
        clips = list(dataset.records("default"))
        [video_row] = dataset.records("videos")
    assert [clip["default/n_frames"] for clip in clips] == [48, 48, 48]
    assert video_row["videos/n_clips"] == 3


def test_croissant_describes_lists_and_tar_files(video: Path, tmp_path: Path) -> None:
    """A folder of videos has the records of its list; of tar files the hashes are right."""
    targets = ("hf-videofolder", "webdataset")
    process(tmp_path / "out", {**WHOLE, "export": {**WHOLE["export"], "target": targets}}, video)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = mlcroissant.Dataset(jsonld=str(tmp_path / "out/export-hf-videofolder" / NAME))
        tars = mlcroissant.Dataset(jsonld=str(tmp_path / "out/export-webdataset" / NAME))
        clips = list(folder.records("default"))
    assert not folder.metadata.issues.errors
    assert not tars.metadata.issues.errors
    assert [clip["default/n_frames"] for clip in clips] == [48, 48, 48]
    described = json.loads((tmp_path / "out/export-webdataset" / NAME).read_text("utf-8"))
    objects = [d for d in described["distribution"] if d["@type"] == "cr:FileObject"]
    assert [o["contentUrl"] for o in objects] == ["train-000000.tar", "train-000001.tar"]
    assert all(
        o["sha256"] == file_sha256(tmp_path / "out/export-webdataset" / o["contentUrl"])
        for o in objects
    )
