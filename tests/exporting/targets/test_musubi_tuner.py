import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from tests.support.headers import FILM, HARD_CAPTIONS, NTSC, header
from vidcurate.exporting.targets.musubi_tuner import (
    DATASET,
    bucket_size,
    bucket_sizes,
    caption_fault,
    fate,
    floor_frames,
    kept_frames,
    read,
    write,
)
from vidcurate.exporting.training import Bucket, FileFacts, Size, Training
from vidcurate.exporting.video_models import VIDEO_MODELS

Spoil = Callable[[Path], object]
WAN = VIDEO_MODELS["wan"]
AREA = Size(832, 480)


@pytest.mark.parametrize(
    ("n_frames", "fps", "expected"),
    [(121, 24, 81), (150, 30, 80), (100, 25, 64), (120, NTSC, 64), (81, 8, 81), (49, FILM, 33)],
)
def test_frames_are_left_out_and_never_repeated(
    n_frames: int, fps: Fraction | int, expected: int
) -> None:
    """At 16 frames a second, frames of quicker clips are left out; slower ones keep all."""
    assert kept_frames(header(832, 480, n_frames, fps), 16, None) == expected


@pytest.mark.parametrize(("n_frames", "expected"), [(33, 33), (34, 33), (36, 33), (37, 37), (1, 1)])
def test_lengths_are_rounded_down(n_frames: int, expected: int) -> None:
    """The trainer's lengths are 4k+1."""
    assert floor_frames(n_frames) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (832, 480)),
        ((640, 480), (720, 544)),
        ((1080, 1920), (480, 832)),
        ((512, 512), (624, 640)),
        ((2560, 1080), (960, 416)),
    ],
)
def test_buckets_of_one_area(size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Of 42 sizes of the area of 832x480, that whose width over height is nearest."""
    assert len(bucket_sizes(AREA)) == 42
    assert bucket_size(Size(*size), AREA) == expected


def test_sizes_of_files_are_kept() -> None:
    """Whatever sizes files are made in, up to 1:4, each is trained at its own."""
    for width in range(128, 1300, 16):
        for height in range(max(128, width // 3 // 16 * 16), min(1300, width * 3), 48):
            assert bucket_size(Size(width, height), Size(width, height)) == (width, height)


@pytest.mark.parametrize(
    ("clip_facts", "action", "bucket", "reason"),
    [
        (header(832, 480, 81), "whole", Bucket(832, 480, 81), ""),
        (header(480, 832, 90), "cut", Bucket(480, 832, 81), "the first 81 of 90 frames"),
        (
            header(832, 480, 121, 24),
            "whole",
            Bucket(832, 480, 81),
            "121 frames at 24 fps are 81 at 16",
        ),
        (
            header(832, 480, 32),
            "dropped",
            None,
            "32 frames are fewer than target_frames 33",
        ),
        (
            header(832, 480, 81, 8),
            "dropped",
            None,
            "81 frames at 8 fps are 81 at 16; 17 frames are fewer than target_frames 33",
        ),
    ],
)
def test_what_becomes_of_a_clip(
    clip_facts: FileFacts, action: str, bucket: Bucket | None, reason: str
) -> None:
    """A clip is trained from its start at the longest length that it fills, or not at all."""
    told = fate(clip_facts, training("wan", [AREA, Size(480, 832)], [33, 81]))
    assert (told.action, told.bucket, told.reason) == (action, bucket, reason)


def test_framepack_trains_whole_sections() -> None:
    """FramePack leaves out what fills no section of 36 frames, so the list asks for less."""
    told = fate(header(832, 480, 129, 30), training("framepack", [AREA], [129]))
    assert (told.action, told.bucket) == ("cut", Bucket(832, 480, 109))
    assert fate(header(832, 480, 36, 30), training("framepack", [AREA], [33])).bucket is None


def test_files_keep_their_sizes_where_none_are_given() -> None:
    """Without sizes the trainer's buckets of the model's area are used."""
    told = fate(header(640, 480, 81), Training(WAN, (), (81,)))
    assert (told.bucket, told.reason) == (Bucket(720, 544, 81), "640x480 becomes 720x544")


def test_captions() -> None:
    """A row of JSON holds any caption; only an empty one is named."""
    assert [caption_fault(c) for c in (*HARD_CAPTIONS.values(), "two\nlines")] == [""] * 4
    assert "empty" in caption_fault(" ")


def test_an_export_is_read_back(tmp_path: Path) -> None:
    """Each size, length and rate is a list of its own, so that no clip is trained twice."""
    clips = tmp_path / "clips"
    shapes = {"a": ((64, 48), 9, 16), "b": ((48, 64), 5, 16), "c": ((64, 48), 9, 24)}
    samples = [sample_of(clip(clips, s, *shapes[s]), HARD_CAPTIONS[s]) for s in shapes]
    trained = training("wan", [Size(64, 48), Size(48, 64)], [5, 9])
    bundle = bundle_of(tmp_path / "out", samples, clips, trained)
    write(bundle)
    assert sorted(read(bundle)) == sorted(HARD_CAPTIONS.items())
    assert {f.name for f in bundle.root.iterdir()} == {
        "clips",
        "clips-64x48-9-16fps.jsonl",
        "clips-48x64-5-16fps.jsonl",
        "clips-64x48-5-24fps.jsonl",
        "dataset.toml",
        "HOWTO.md",
    }
    assert {f.name for f in (bundle.root / "clips").iterdir()} == {"a.mp4", "b.mp4", "c.mp4"}
    config = (bundle.root / DATASET).read_text()
    assert "source_fps = 16.0" in config
    assert "enable_bucket = true" in config


def change(name: str, old: str, new: str) -> Spoil:
    """Replace some text in a file of the folder."""
    return lambda root: (root / name).write_text((root / name).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change(DATASET, "source_fps = 16.0", "source_fps = 16"), "source_fps = 16"),
        (change(DATASET, "batch_size = 1", "batch = 1"), "batch"),
        (change(DATASET, "batch_size = 1", "batch_size = true"), "batch_size"),
        (change(DATASET, "enable_bucket = true", "enable_bucket = false"), "enable_bucket"),
        (change(DATASET, "[9]", "[17]"), "no item"),
        (change(DATASET, "source_fps = 16.0", "source_fps = 24.0"), "16 fps"),
        (change("clips-64x48-9-16fps.jsonl", "a.mp4", "b.mp4"), "b.mp4"),
        (
            lambda root: (root / "clips-64x48-9-16fps.jsonl").write_text(
                (root / "clips-64x48-9-16fps.jsonl").read_text() * 2
            ),
            "two clips",
        ),
    ],
)
def test_what_the_trainer_would_not_take_is_refused(
    tmp_path: Path, spoil: Spoil, message: str
) -> None:
    """A wrong key, type, rate, length or path is named."""
    clips = tmp_path / "clips"
    samples = [sample_of(clip(clips, "a", (64, 48), 9))]
    bundle = bundle_of(tmp_path / "out", samples, clips, training("wan", [Size(64, 48)], [9]))
    write(bundle)
    spoil(bundle.root)
    with pytest.raises(ValueError, match=message):
        read(bundle)


def test_rows_name_files_where_the_export_will_lie(tmp_path: Path) -> None:
    """The folder is built in one place and moved to another: its paths are of the latter."""
    clips = tmp_path / "clips"
    samples = [sample_of(clip(clips, "a", (64, 48), 9))]
    built = bundle_of(tmp_path / "built", samples, clips, training("wan", [Size(64, 48)], [9]))
    bundle = type(built)(**{**vars(built), "out": tmp_path / "final"})
    write(bundle)
    row = json.loads((bundle.root / "clips-64x48-9-16fps.jsonl").read_text())
    assert row["video_path"] == str(tmp_path / "final/clips/a.mp4")
    assert read(bundle) == [("a", "A test picture moves.")]
