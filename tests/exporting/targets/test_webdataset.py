import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import webdataset
from datasets import Video, load_dataset

from tests.support.layouts import files_below, pairs, written
from vidcurate.exporting.target import Sample, TargetOptions
from vidcurate.exporting.targets.webdataset import TARGET, with_tar

FEW = TargetOptions(rows_per_shard=3)


def members(tar: Path) -> list[str]:
    """The names of a tar file's members."""
    with tarfile.open(tar) as found:
        return found.getnames()


def test_tars_are_bounded_and_numbered(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """Tar files have at most so many clips and bytes; members of a clip lie side by side."""
    bundle = written(TARGET, tmp_path / "rows", hard, clips, FEW)
    names = [f"train-{n:06d}.tar" for n in range(3)]
    assert sorted(f.name for f in bundle.root.glob("*.tar")) == names
    first = members(bundle.root / names[0])
    assert first == [f"{s.stem}.{ending}" for s in hard[:3] for ending in ("mp4", "txt", "json")]
    limit = (clips / f"{hard[0].stem}.mp4").stat().st_size * 2
    small = written(TARGET, tmp_path / "b", hard, clips, TargetOptions(bytes_per_shard=limit))
    assert len(list(small.root.glob("*.tar"))) == 4
    assert list(TARGET.read(small)) == pairs(hard)


def test_the_library_reads_clips_texts_and_columns(
    tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """The library gives each clip's bytes, caption and columns; nulls are left out."""
    rows = [replace(s, row={**s.row, "score": None if n else 0.5}) for n, s in enumerate(hard)]
    bundle = written(TARGET, tmp_path / "out", rows, clips, FEW)
    found = []
    for tar in sorted(bundle.root.glob("*.tar")):
        with tar.open("rb") as stream:
            expanded = webdataset.tariterators.tar_file_expander([{"url": "x", "stream": stream}])
            found += list(webdataset.tariterators.group_by_keys(expanded))
    assert [s["mp4"] for s in found] == [(clips / f"{s.stem}.mp4").read_bytes() for s in hard]
    columns = [json.loads(s["json"]) for s in found]
    assert [c["caption"] for c in columns] == [s.caption for s in hard]
    assert [c.get("score") for c in columns] == [0.5, *[None] * (len(hard) - 1)]
    assert "score" not in columns[1]


def test_sound_comes_first(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """Clips with a WAV file lie in tar files of their own before those without."""
    sound = tmp_path / "sound.wav"
    sound.write_bytes(b"RIFF")
    loud = {hard[1].stem, hard[4].stem}
    bundle = written(
        *(TARGET, tmp_path / "out", hard, clips),
        sound_file=lambda sample: sound if sample.stem in loud else None,
    )
    tars = sorted(bundle.root.glob("*.tar"))
    assert [name.endswith(".wav") for name in members(tars[0])] == [False, False, False, True] * 2
    assert not any(name.endswith(".wav") for name in members(tars[1]))
    assert {stem for stem, _caption in TARGET.read(bundle)[:2]} == loud


def test_later_tars_do_not_touch_earlier_ones(
    tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """With more clips, full tar files have the same bytes as before."""
    few = files_below(written(TARGET, tmp_path / "a", hard[:6], clips, FEW).root)
    more = files_below(written(TARGET, tmp_path / "b", hard, clips, FEW).root)
    assert few["train-000001.tar"] == more["train-000001.tar"]
    assert set(more) - set(few) == {"train-000002.tar"}


def test_datasets_loads_every_split(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """The datasets library reads the splits; a column that is null at first is named."""
    rows = [replace(s, row={**s.row, "late": 0.5 if n == 5 else None}) for n, s in enumerate(hard)]
    written(TARGET, tmp_path / "out", rows, clips)
    written(TARGET, tmp_path / "out", rows[:2], clips, split="validation")
    files = {split: str(tmp_path / f"out/{split}-*.tar") for split in ("train", "validation")}
    found = load_dataset("webdataset", data_files=files, cache_dir=str(tmp_path / "cache"))
    train = found["train"].cast_column("mp4", Video(decode=False))
    assert list(zip(train["__key__"], train["txt"], strict=True)) == pairs(hard)
    assert [row["caption"] for row in train["json"]] == [s.caption for s in hard]
    assert len(found["validation"]) == 2
    assert "leaves out late" in (tmp_path / "out/HOWTO.md").read_text("utf-8")


def test_damaged_tars_are_refused(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """A gap between numbers, a clip's other bytes and a field that is there twice are found."""
    bundle = written(TARGET, tmp_path / "out", hard, clips, FEW)
    with tarfile.open(bundle.root / "train-000002.tar", "a") as tar:
        tar.addfile(tarfile.TarInfo(f"{hard[6].stem}.TXT"), io.BytesIO())
    with pytest.raises(ValueError, match="TXT is there twice"):
        list(with_tar([bundle.root / "train-000002.tar"]))
    with pytest.raises(ValueError, match=hard[6].stem):
        TARGET.read(bundle)
    (bundle.root / "train-000002.tar").unlink()
    with pytest.raises(ValueError, match="is in no tar file"):
        TARGET.read(bundle)
    (bundle.root / "train-000000.tar").unlink()
    with pytest.raises(ValueError, match="without gaps"):
        TARGET.read(bundle)


def test_both_readers_agree(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """Where webdataset is not installed, our own reader finds the same."""
    bundle = written(TARGET, tmp_path / "out", hard, clips)
    found = with_tar(sorted(bundle.root.glob("*.tar")))
    assert [(key, fields["txt"].decode()) for key, fields in found] == list(TARGET.read(bundle))
