import json
import tarfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.target import Bundle, TargetOptions
from vidcurate.exporting.targets.cosmos_curate import TARGET, bin_of, fate
from vidcurate.exporting.training import FileFacts

BIN = "v0/resolution_lt_720/aspect_ratio_4_3/duration_5_10"


@pytest.mark.parametrize(
    ("size", "seconds", "expected"),
    [
        ((1920, 1080), 5, "resolution_1080/aspect_ratio_16_9/duration_5_10"),
        ((1280, 720), 10, "resolution_720/aspect_ratio_16_9/duration_5_10"),
        ((720, 1280), 11, "resolution_720/aspect_ratio_9_16/duration_10_30"),
        ((1440, 1080), 30, "resolution_1080/aspect_ratio_4_3/duration_10_30"),
        ((1080, 1080), 31, "resolution_1080/aspect_ratio_1_1/duration_30_inf"),
        ((880, 1000), 6, "resolution_720/aspect_ratio_3_4/duration_5_10"),
        ((640, 360), 6, "resolution_lt_720/aspect_ratio_16_9/duration_5_10"),
        ((640, 360), 4, None),
        ((2200, 200), 6, None),
    ],
)
def test_bins_go_by_short_side_shape_and_length(
    size: tuple[int, int], seconds: int, expected: str | None
) -> None:
    """Bounds of shape and length belong to the lower bin; short clips have none."""
    facts = FileFacts(*size, seconds * 24, Fraction(24))
    found = bin_of(facts)
    assert (str(found) if found else None) == expected
    assert (fate(facts, training()).action == "dropped") is (expected is None)


def written(tmp_path: Path, n_clips: int, rows_per_shard: int) -> Bundle:
    """Shards of one bin."""
    file = clip(tmp_path / "from", "aa-1", (96, 64), 40, 8)
    samples = [
        replace(sample_of(file, f"Of {number}."), stem=f"aa-{number}") for number in range(n_clips)
    ]
    options = TargetOptions(rows_per_shard=rows_per_shard)
    bundle = bundle_of(tmp_path / "to", samples, file.parent, options=options)
    bundle = replace(bundle, clip_file=lambda _: file)
    TARGET.write(bundle)
    return bundle


def test_tars_of_a_bin_come_in_pairs_of_the_same_keys(tmp_path: Path) -> None:
    """`video` and `metas` have the same names, and wdinfo.json lists them."""
    bundle = written(tmp_path, 3, rows_per_shard=2)
    info = json.loads((bundle.root / BIN / "wdinfo.json").read_text("utf-8"))
    assert info["data_list"] == ["part_000000/000000.tar", "part_000000/000001.tar"]
    assert info["total_key_count"] == 3
    assert info["root"] == str(bundle.out / BIN)
    with tarfile.open(bundle.root / BIN / "video/part_000000/000000.tar") as tar:
        assert tar.getnames() == ["aa-0.mp4", "aa-1.mp4"]
    with tarfile.open(bundle.root / BIN / "metas/part_000000/000001.tar") as tar:
        content = tar.extractfile("aa-2.json")
        assert content is not None
        meta = json.load(content)
    assert meta["windows"] == [{"start_frame": 0, "end_frame": 40, "qwen_caption": "Of 2."}]
    assert (meta["num_frames"], meta["framerate"], meta["width"]) == (40, 8.0, 96)
    assert TARGET.read(bundle) == [(f"aa-{n}", f"Of {n}.") for n in range(3)]


def test_tars_are_the_same_whenever_they_are_written(tmp_path: Path) -> None:
    """No time of writing is in them."""
    first, second = (
        (written(tmp_path / name, 2, 10).root / BIN / "metas/part_000000/000000.tar").read_bytes()
        for name in ("one", "two")
    )
    assert first == second


@pytest.mark.parametrize("damage", ["swap", "cut", "count"])
def test_tars_that_do_not_belong_together_are_refused(damage: str, tmp_path: Path) -> None:
    """Keys must be the same in both kinds, files whole, and as many as stated."""
    bundle = written(tmp_path, 2, rows_per_shard=1)
    folder = bundle.root / BIN
    first, second = sorted(folder.glob("metas/*/*.tar"))
    if damage == "swap":
        first.rename(folder / "x")
        second.rename(first)
        (folder / "x").rename(second)
    elif damage == "cut":
        first.write_bytes(first.read_bytes()[:600])
    else:
        info = json.loads((folder / "wdinfo.json").read_text("utf-8"))
        (folder / "wdinfo.json").write_text(json.dumps({**info, "total_key_count": 3}), "utf-8")
    with pytest.raises(ValueError, match=r"other keys|cannot be read|as it states"):
        TARGET.read(bundle)
