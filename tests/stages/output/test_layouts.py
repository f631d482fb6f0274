"""Layouts made by the stage: what it reads of the data set arrives in their folders."""

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.pipeline import process, rows
from tests.support.videos import THREE_SHOTS, render
from vidcurate.errors import UsageError
from vidcurate.records import EXPORTS, VECTORS

QUICK = {"preset": "ultrafast", "verify": False}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of a video with sound and one without, of which no clip has a caption."""
    folder = tmp_path_factory.mktemp("layouts")
    loud = render(folder / "loud.mp4", THREE_SHOTS)
    mute = render(folder / "mute.mp4", THREE_SHOTS[:1], audio=False)
    export = {**QUICK, "wav": True, "target": ("webdataset", "csv")}
    options: dict[str, Any] = {"split": {"min_clip_s": 1.0}, "export": export}
    process(folder / "out", options, loud, mute)
    return folder / "out"


def test_sound_lies_in_the_tar_files(made: Path) -> None:
    """Clips with sound have a WAV file beside them, and their tar file comes first."""
    first, second = sorted((made / "export-webdataset").glob("*.tar"))
    with tarfile.open(first) as tar:
        wavs = [name for name in tar.getnames() if name.endswith(".wav")]
    assert sorted(wavs) == sorted(row.wav for row in rows(made, EXPORTS) if row.wav)
    assert len(wavs) == 3
    with tarfile.open(second) as tar:
        assert [name.partition(".")[2] for name in tar.getnames()] == ["mp4", "txt", "json"]
        columns = json.load(tar.extractfile(tar.getmembers()[2]) or pytest.fail("no file"))
    assert columns["has_audio"] is False


def test_a_list_leads_to_its_clips(made: Path) -> None:
    """The table has a row for each clip, with the facts of its file."""
    folder = made / "export-csv"
    lines = (folder / "clips.csv").read_text("utf-8").splitlines()
    assert lines[0] == "path,caption,duration_s,n_frames,fps,width,height"
    assert len(lines) == 5
    assert all((folder / line.partition(",")[0]).is_file() for line in lines[1:])
    assert {line.split(",", 3)[3] for line in lines[1:]} == {"48,24.0,320,180"}


def test_features_make_the_vectors_that_they_need(made: Path) -> None:
    """The vectors of all videos are made, and those of their clips written, without clip files."""
    options = {"media": "none", "target": ("features",), "components": 4, "quantise": True}
    process(made, {"split": {"min_clip_s": 1.0}, "export": options})
    table = pq.read_table(made / "export-features/train-00000.parquet")
    assert set(table["video_id"].to_pylist()) == {row.video_id for row in rows(made, VECTORS)}
    for row in table.to_pylist():
        assert np.shape(row["vectors"]) == (len(row["times_s"]), 4)
        ends = [(clip["start_s"], clip["end_s"]) for clip in row["clips"]]
        within = zip(row["times_s"], row["clip"], strict=True)
        assert all(ends[clip][0] <= time < ends[clip][1] for time, clip in within)


def test_clips_of_one_form_become_arrays(made: Path) -> None:
    """The shape, length and rate that are asked for are those of the arrays."""
    form = {"shape": ("64x48",), "lengths": (16,), "fps": "8"}
    options = {**QUICK, **form, "target": ("fixed",), "arrays": True}
    process(made, {"split": {"min_clip_s": 1.0}, "export": options})
    found = sorted((made / "export-fixed/clips").iterdir())
    assert len(found) == 4
    for file in found:
        with np.load(file) as array:
            assert array["video"].shape == (16, 48, 64, 3)
            assert array["video"].std() > 20


@pytest.mark.parametrize(
    ("export", "message"),
    [
        ({"target": ("fixed",)}, "one size and one length"),
        ({"target": ("jsonl",), "columns": ("file=path",)}, "must name caption"),
        ({"target": ("fiftyone",), "columns": ("frames=n_frames",)}, "'frames'"),
        ({"target": ("llava",), "questions": ("no.txt",)}, r"no\.txt cannot be read"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(
    export: dict[str, Any], message: str, made: Path
) -> None:
    """Options that a target cannot follow are refused before a clip is encoded anew."""
    options = {**QUICK, "crf": 40, **export}
    with pytest.raises(UsageError, match=message):
        process(made, {"split": {"min_clip_s": 1.0}, "export": options})
