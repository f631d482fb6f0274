"""What verify finds decides what is in the finished data set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.decoders import put_decord
from tests.support.pipeline import done, names_below, process, rows, stored
from vidcurate.errors import EmptyResultError, MediaError
from vidcurate.media.output import decoder_process
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.records import EXPORTS, VERIFIED, Cut, VideoCuts
from vidcurate.stages.output.verify import check_shots
from vidcurate.store.dataset import Dataset
from vidcurate.store.markers import QUARANTINE

WITHOUT: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "export": {"preset": "ultrafast", "verify": False},
}
WITH = {**WITHOUT, "export": {"preset": "ultrafast"}}
CHANGED = "the file is gone or has changed since it was written"


def damage(file: Path) -> None:
    """Turn a byte in the middle of a file, not of its second name."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.unlink()
    file.write_bytes(data)


def test_export_verifies_every_clip(tmp_path: Path, video: Path) -> None:
    """Three right clips have a row each, and their edges at cuts are told from what is beyond."""
    counts = process(tmp_path, WITH, video)
    assert (counts["verify"].ok, counts["verify"].failed) == (3, 0)
    found = sorted(rows(tmp_path, VERIFIED), key=lambda row: row.n_frames)
    assert [row.n_frames for row in found] == [48, 48, 48]
    assert [row.audio_s for row in found] == pytest.approx([2.0] * 3, abs=0.05)
    margins = [m for row in found for m in (row.first_margin, row.last_margin) if m is not None]
    assert len(margins) == 4
    assert min(margins) > 0.8
    process(tmp_path, WITH)
    assert pq.read_table(tmp_path / "export" / "data").num_rows == 3


def test_a_bad_file_is_quarantined(tmp_path: Path, video: Path) -> None:
    """It is neither in the shards nor in clips/; status, card and rows say why; the file stays."""
    process(tmp_path, WITHOUT, video)
    assert not (tmp_path / "verified").exists()
    bad = sorted(stored(tmp_path, EXPORTS).files.iterdir())[1]
    damage(bad)
    counts = process(tmp_path, WITH, run_options=RunOptions(allow_loss=True))
    assert (counts["verify"].ok, counts["verify"].reasons) == (2, {CHANGED: 1})
    assert done(tmp_path, VERIFIED)[bad.stem] == ("failed", CHANGED)
    table = pq.read_table(tmp_path / "export" / "data")
    assert bad.stem not in table["clip_id"].to_pylist()
    assert len(names_below(tmp_path / "export" / "clips")) == table.num_rows == 2
    card = (tmp_path / "export" / "README.md").read_text("utf-8")
    assert f"| verify | 3 | 2 | 0 | 1 | 1 × {CHANGED} |" in card
    assert bad.exists()
    assert {*names_below(tmp_path / QUARANTINE)} == {bad.name, "reasons.jsonl"}
    process(tmp_path, WITHOUT)
    assert pq.read_table(tmp_path / "export" / "data").num_rows == 3


def test_a_decoder_that_hangs_costs_one_clip(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clip is put aside with the reason while others go on; verified again it comes back."""
    root = tmp_path / "dataset"
    process(root, WITHOUT, video)
    bad = sorted(stored(root, EXPORTS).files.iterdir())[1]
    monkeypatch.setattr(decoder_process, "SLOWEST", 0)
    with monkeypatch.context() as hanging:
        hanging.syspath_prepend(put_decord(tmp_path / "fake", bad.stem, "time.sleep(3600)"))
        options = {**WITH, "verify": {"decoding_limit_s": 1.0}}
        counts = process(root, options, run_options=RunOptions(allow_loss=True))
    reason = "decord did not reach the file's end within 1 s"
    assert (counts["verify"].ok, counts["verify"].reasons) == (2, {reason: 1})
    assert {row.decoders for row in rows(root, VERIFIED)} == {("pyav", "opencv", "decord")}
    folder = root / QUARANTINE
    assert (folder / bad.name).samefile(bad)
    [line] = (folder / "reasons.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["reason"] == reason
    assert len(names_below(root / "export" / "clips")) == 2
    again = RunOptions(retry_failed=True)
    assert process(root, {**options, "verify": {}}, run_options=again)["verify"].ok == 3
    assert not folder.exists()
    assert len(names_below(root / "export" / "clips")) == 3


def test_nothing_is_left(tmp_path: Path, video: Path) -> None:
    """An export of which no file is as it should be ends as any other stage that left nothing."""
    process(tmp_path, WITHOUT, video)
    for file in stored(tmp_path, EXPORTS).files.iterdir():
        damage(file)
    with pytest.raises(EmptyResultError, match="verify left none of 3"):
        process(tmp_path, WITH)
    assert len(names_below(tmp_path / QUARANTINE)) == 3 + 1


def test_without_files_there_is_nothing_to_verify(tmp_path: Path, video: Path) -> None:
    """Without media an export has nothing to verify; verify by itself then passes every clip."""
    options = {"split": {"min_clip_s": 1.0}, "export": {"media": "none"}}
    assert "verify" not in process(tmp_path, options, video)
    assert VERIFIED.name not in Dataset(tmp_path).manifest()
    assert process(tmp_path, {**options, "verify": {}})["verify"].ok == 3
    assert {row.n_frames for row in rows(tmp_path, VERIFIED)} == {0}


def video_with(*cuts: tuple[int, int]) -> VideoCuts:
    """A video with transitions from the last frame of a shot to the first of the next."""
    made = (Cut(a, b, float(a), float(b), "cut", 1.0, "test") for a, b in cuts)
    return VideoCuts("video", tuple(made))


CLIP = np.arange(10, 40)


@pytest.mark.parametrize("cut", [(9, 10), (39, 40), (4, 10), (39, 45)])
def test_transitions_at_the_edges_are_outside(cut: tuple[int, int]) -> None:
    """A clip may begin with the first frame after a transition and end with the last before one."""
    check_shots(CLIP, video_with(cut), one_shot=True)


@pytest.mark.parametrize(
    "cut", [(10, 11), (38, 39), (24, 30), (5, 11), (38, 50), (16, 17), (5, 39)]
)
def test_transitions_inside_are_found(cut: tuple[int, int]) -> None:
    """A cut near an edge leaves foreign frames there; of a gradual transition no part may be."""
    with pytest.raises(MediaError, match="a transition between shots"):
        check_shots(CLIP, video_with(cut), one_shot=False)


@pytest.mark.parametrize("cut", [(17, 18), (31, 32), (9, 40)])
def test_joined_shots_and_kept_transitions_are_no_faults(cut: tuple[int, int]) -> None:
    """A hard cut between 8 frames and more, and a transition around the clip, pass unless asked."""
    check_shots(CLIP, video_with(cut), one_shot=False)
    with pytest.raises(MediaError, match="a transition between shots"):
        check_shots(CLIP, video_with(cut), one_shot=True)
