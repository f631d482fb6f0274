import runpy
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.targets.open_sora import (
    TARGET,
    base_of,
    caption_fault,
    fate,
    fate_in,
    nearest_size,
    stated_rate,
    stride_of,
)
from vidcurate.exporting.training import Bucket, FileFacts, Size

SMALL = 256 * 256


@pytest.mark.parametrize(
    ("fps", "stride", "stated"),
    [(24, 2, 12), (25, 2, 12), (30000 / 1001, 2, 14), (30, 2, 15), (60, 4, 15), (16, 1, 16)],
)
def test_rates_above_the_limit_lose_frames(fps: float, stride: int, stated: int) -> None:
    """With a limit of 16 every second frame is taken, or fewer; the stated rate is a whole one."""
    assert (stride_of(fps, 16), stated_rate(fps, 16)) == (stride, stated)


@pytest.mark.parametrize(("size", "expected"), [((832, 480), (336, 192)), ((480, 640), (224, 288))])
def test_the_size_is_that_of_the_nearest_aspect(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Buckets of 256px."""
    assert nearest_size(*size, SMALL) == expected


@pytest.mark.parametrize(
    ("size", "base"),
    [
        ((336, 192), 256),
        ((192, 336), 256),
        ((256, 256), 256),
        ((1024, 576), 768),
        ((848, 480), 640),
    ],
)
def test_a_size_finds_the_base_that_has_it(size: tuple[int, int], base: int) -> None:
    """Its own bases first; else that of the size's number of pixels."""
    assert base_of(Size(*size)) == base
    assert nearest_size(*size, base * base) == size


def test_some_sizes_are_no_bucket() -> None:
    """832x480 is none: at its number of pixels, 864x464 stands for 16:9."""
    assert base_of(Size(832, 480)) == 632
    assert nearest_size(832, 480, 632 * 632) == (864, 464)


@pytest.mark.parametrize(
    ("size", "n_frames", "fps", "action", "bucket"),
    [
        ((336, 192), 129, 24, "whole", Bucket(336, 192, 129)),
        ((336, 192), 200, 24, "cut", Bucket(336, 192, 129)),
        ((336, 192), 128, 24, "cut", Bucket(336, 192, 33)),
        ((336, 192), 200, 30, "cut", Bucket(336, 192, 33)),
        ((336, 192), 32, 24, "dropped", None),
        ((240, 192), 129, 24, "dropped", None),
        ((256, 208), 129, 24, "whole", Bucket(288, 224, 129)),
    ],
)
def test_a_clip_that_fits_into_no_bucket_is_never_drawn(
    size: tuple[int, int], n_frames: int, fps: int, action: str, bucket: Bucket | None
) -> None:
    """Four fifths of the pixels are enough; frames are counted after those that the rate costs."""
    facts = FileFacts(*size, n_frames, Fraction(fps))
    found = fate(facts, training("open-sora2", lengths=(33, 129)))
    assert (found.action, found.bucket) == (action, bucket)


def test_one_frame_is_an_image() -> None:
    """A clip of one frame goes into buckets of images alone, and a longer one never does."""
    one, three = (FileFacts(336, 192, n, Fraction(24)) for n in (1, 3))
    assert fate_in(one, {256: (1, 33)}, 24).bucket == (336, 192, 1)
    assert fate_in(three, {256: (1, 33)}, 24).action == "dropped"
    assert fate_in(one, {256: (33,)}, 24).action == "dropped"


def test_larger_buckets_are_tried_first() -> None:
    """A clip that is long enough for a small bucket only goes there."""
    facts = FileFacts(1024, 576, 40, Fraction(24))
    assert fate_in(facts, {256: (33,), 768: (65,)}, 24).bucket == (336, 192, 33)
    assert fate_in(facts, {256: (33,), 768: (33,)}, 24).bucket == (1024, 576, 33)


@pytest.mark.parametrize(
    ("caption", "fault"),
    [
        ("A cat walks.", ""),
        ("A cat walks", "full stop"),
        ("Shot at 30 fps.", "frame rate"),
        ("Shot at 23.976 FPS!", "frame rate"),
        ("It runs at 60 frames per second.", "frame rate"),
        ("It takes 60 frames.", ""),
        ('He says "go."', ""),
        ("猫が歩く。", ""),
    ],
)
def test_captions_do_not_name_a_rate_and_end(caption: str, fault: str) -> None:
    """`24 FPS.` is put after every caption."""
    assert fault in caption_fault(caption)
    assert bool(caption_fault(caption)) == bool(fault)


def test_the_config_holds_buckets_and_the_table(tmp_path: Path) -> None:
    """The config runs as Python and names its base to fill in."""
    sample = sample_of(clip(tmp_path / "from", "aa-1", (336, 192), 9, 24))
    trained = training("open-sora2", [Size(336, 192), Size(192, 336)], [5, 9])
    bundle = bundle_of(tmp_path / "to", [sample], tmp_path / "from", trained)
    TARGET.write(bundle)
    config = runpy.run_path(str(bundle.root / "open_sora.py"))
    assert config["bucket_config"] == {
        "_delete_": True,
        "256px": {5: (1.0, 1), 9: (1.0, 1)},
    }
    assert config["dataset"]["data_path"] == str(bundle.out / "clips.parquet")
    assert config["dataset"]["fps_max"] == 24


def test_a_wrong_number_of_frames_is_refused(tmp_path: Path) -> None:
    """It would fail in the midst of training."""
    sample = sample_of(clip(tmp_path / "from", "aa-1", (336, 192), 9, 24))
    trained = training("open-sora2", [Size(336, 192)], [9])
    bundle = bundle_of(tmp_path / "to", [sample], tmp_path / "from", trained)
    TARGET.write(bundle)
    file = bundle.root / "clips.parquet"
    rows = pq.read_table(file)
    column = rows.schema.get_field_index("num_frames")
    pq.write_table(rows.set_column(column, "num_frames", pa.array([20])), file)
    with pytest.raises(ValueError, match="has 9 frames, and 20 are stated"):
        TARGET.read(bundle)
