import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.bundles import training
from tests.support.layouts import files_below, pairs, written
from vidcurate.errors import UsageError
from vidcurate.exporting.target import Sample, TargetOptions
from vidcurate.exporting.targets.fixed import TARGET, fate
from vidcurate.exporting.training import FileFacts, Size, Training

FORM = training("wan", [Size(64, 48)], [4])
ARRAYS = TargetOptions(arrays=True)


def test_clips_stay_videos(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """Without arrays the folder holds the videos and a list of their captions."""
    bundle = written(TARGET, tmp_path / "out", hard, clips, trained_for=FORM)
    assert list(TARGET.read(bundle)) == pairs(hard)
    rows = (bundle.root / "captions.jsonl").read_text("utf-8").splitlines()
    assert json.loads(rows[0])["file"] == f"clips/{hard[0].stem}.mp4"
    assert "64 × 48 pixels and 4 frames\n(8 a second)" in (bundle.root / "HOWTO.md").read_text(
        "utf-8"
    )


def test_arrays_hold_what_the_videos_show(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """Arrays of bytes have the pictures of the videos, and are the same when written again."""
    bundle = written(TARGET, tmp_path / "out", hard[:2], clips, ARRAYS, trained_for=FORM)
    assert list(TARGET.read(bundle)) == pairs(hard[:2])
    with np.load(bundle.root / f"clips/{hard[0].stem}.npz") as found:
        array = found["video"]
    assert (array.shape, array.dtype) == ((4, 48, 64, 3), np.uint8)
    with av.open(str(clips / f"{hard[0].stem}.mp4")) as video:
        shown = np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])
    assert np.abs(array.astype(int) - shown).mean() < 2
    again = written(TARGET, tmp_path / "again", hard[:2], clips, ARRAYS, trained_for=FORM)
    assert files_below(bundle.root) == files_below(again.root)


def test_the_form_is_one(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """Two sizes, no length, and clips of another size or rate are refused."""
    for trained in (
        training("wan", [Size(64, 48), Size(48, 64)], [4]),
        Training(FORM.model, (), ()),
    ):
        with pytest.raises(UsageError, match="one size and one length"):
            written(TARGET, tmp_path / "out", hard, clips, trained_for=trained)
    facts = hard[1].facts
    assert facts is not None
    for n, other in enumerate((replace(facts, width=62), replace(facts, fps=Fraction(16)))):
        mixed = [hard[0], replace(hard[1], facts=other)]
        with pytest.raises(UsageError, match=hard[1].clip_id):
            written(TARGET, tmp_path / str(n), mixed, clips, trained_for=FORM)


def test_what_becomes_of_clips_of_another_form() -> None:
    """Short clips and those of another size are left out; long ones lose their end."""
    facts = FileFacts(64, 48, 4, Fraction(8))
    assert fate(facts, FORM).action == "whole"
    assert fate(replace(facts, n_frames=3), FORM).reason == "3 frames, and 4 are needed"
    assert fate(replace(facts, n_frames=9), FORM).action == "cut"
    assert fate(replace(facts, width=48, height=64), FORM).reason == "48x64 is not 64x48"


def test_broken_arrays_are_refused(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """An array that is cut short or has another shape is found."""
    bundle = written(TARGET, tmp_path / "out", hard[:1], clips, ARRAYS, trained_for=FORM)
    file = bundle.root / f"clips/{hard[0].stem}.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=file.name):
        TARGET.read(bundle)
    np.savez(file, video=np.zeros((3, 48, 64, 3), np.uint8))
    with pytest.raises(ValueError, match=r"not \(4, 48, 64, 3\)"):
        TARGET.read(bundle)
