from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from tests.support.headers import FILM, HARD_CAPTIONS, NTSC, header
from vidcurate.exporting.targets.diffusion_pipe import (
    DATASET,
    TARGET,
    caption_fault,
    default_ratios,
    directories,
    fate,
    frames_at,
    nearest_ratio,
    picture_size,
    read,
    rounded_ratios,
    toml_file,
    write,
)
from vidcurate.exporting.training import Bucket, FileFacts, Size, Training
from vidcurate.exporting.video_models import VIDEO_MODELS, ModelName

WAN = VIDEO_MODELS["wan"]
Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("n_frames", "fps", "expected"),
    [(121, 24, 80), (150, 30, 80), (100, 25, 64), (120, NTSC, 64), (49, FILM, 32), (81, 16, 81)],
)
def test_frames_of_another_rate_are_cut_off(
    n_frames: int, fps: Fraction | int, expected: int
) -> None:
    """The trainer loses the last frame of a clip of another rate, and counts on from there."""
    assert frames_at(header(832, 480, n_frames, fps), 16) == expected


@pytest.mark.parametrize(
    ("width", "height", "n_frames", "expected"),
    [
        (1920, 1080, 80, Bucket(608, 384, 49)),
        (832, 480, 81, Bucket(608, 384, 81)),
        (640, 480, 33, Bucket(544, 432, 33)),
        (640, 360, 32, None),
        (2560, 1080, 49, Bucket(672, 336, 49)),
    ],
)
def test_ratios_that_are_not_ours_give_the_trainers_own_buckets(
    width: int, height: int, n_frames: int, expected: Bucket | None
) -> None:
    """Seven ratios from 1:2 to 2:1 at 480 pixels, three lengths: the nearest, the longest."""
    ratio = nearest_ratio(header(width, height, n_frames), rounded_ratios(default_ratios()))
    size = picture_size(ratio, Size(480, 480), WAN)
    told = fate(header(width, height, n_frames), Training(WAN, (), (33, 49, 81)))
    length = told.bucket.n_frames if told.bucket else None
    assert (Bucket(*size, length) if length else None) == expected


@pytest.mark.parametrize(
    ("clip_facts", "action", "bucket", "reason"),
    [
        (header(832, 480, 81), "whole", Bucket(832, 480, 81), ""),
        (header(832, 480, 90), "cut", Bucket(832, 480, 81), "the first 81 of 90 frames"),
        (
            header(480, 832, 32),
            "dropped",
            None,
            "32 frames are fewer than the 33 of the shortest bucket",
        ),
        (
            header(832, 480, 121, 24),
            "cut",
            Bucket(832, 480, 33),
            "121 frames at 24 fps are 80 at 16; the first 33 of 80 frames",
        ),
        (header(832, 480, 1), "whole", Bucket(832, 480, 1), ""),
        (
            header(1920, 1080, 81),
            "whole",
            Bucket(832, 480, 81),
            "1920x1080 becomes 832x480",
        ),
    ],
)
def test_what_becomes_of_a_clip(
    clip_facts: FileFacts, action: str, bucket: Bucket | None, reason: str
) -> None:
    """A clip is trained from its start, in the longest bucket that it fills, or left out."""
    told = fate(clip_facts, training("wan", [Size(832, 480), Size(480, 832)], [33, 81]))
    assert (told.action, told.bucket, told.reason) == (action, bucket, reason)


@pytest.mark.parametrize("model", TARGET.models)
def test_sizes_of_files_are_kept(model: ModelName) -> None:
    """Whatever sizes files are made in, each is trained at its own, and at each length."""
    step = VIDEO_MODELS[model].side_multiple
    sizes = [Size(w * step, h * step) for w in range(8, 41, 3) for h in range(8, 41, 5)]
    trained = Training(VIDEO_MODELS[model], tuple(sizes), (33, 49))
    for size in sizes:
        one = Training(VIDEO_MODELS[model], (size, Size(size.height, size.width)), (33, 49))
        for n_frames in (33, 49):
            for asked in (one, trained) if size in sizes[::9] else (one,):
                told = fate(header(*size, n_frames, VIDEO_MODELS[model].fps), asked)
                assert told.bucket == Bucket(*size, n_frames)


def test_turned_sizes_share_a_folder_and_others_do_not() -> None:
    """One area trains pictures of both orientations; another area needs a folder of its own."""
    turned = training("wan", [Size(832, 480), Size(480, 832)], [81])
    other = training("wan", [Size(832, 480), Size(1280, 720)], [81])
    assert [d.name for d in directories(turned)] == ["all"]
    assert [d.name for d in directories(other)] == ["832x480", "1280x720"]


@pytest.mark.parametrize(
    ("caption", "fault"),
    [
        ("A red car, turning.", ""),
        ('Tabs\tand "quotes", 🦊, <video> and [trigger].', ""),
        ("x" * 10_000, ""),
        ("two\nlines", ""),
        (" ", "empty"),
        (" blank ", "blanks"),
        ("a\rb", "carriage return"),
    ],
)
def test_captions(caption: str, fault: str) -> None:
    """The trainer takes a text as it is, but for white space around it."""
    assert fault in caption_fault(caption)
    assert bool(caption_fault(caption)) == bool(fault)


def test_an_export_is_read_back(tmp_path: Path) -> None:
    """Clips of two areas lie in a folder each, with their texts, and come back with these."""
    captions = HARD_CAPTIONS
    clips = tmp_path / "clips"
    sizes = {"a": (64, 48), "b": (48, 64), "c": (128, 96)}
    samples = [sample_of(clip(clips, s, sizes[s], 9), captions[s]) for s in captions]
    trained = training("wan", [Size(64, 48), Size(48, 64), Size(128, 96)], [5, 9])
    bundle = bundle_of(tmp_path / "out [1]", samples, clips, trained)
    write(bundle)
    assert sorted(read(bundle)) == sorted(captions.items())
    assert sorted(f.name for f in (bundle.root / "clips").iterdir()) == [
        "128x96",
        "48x64",
        "64x48",
    ]
    assert {f.name for f in bundle.root.iterdir()} == {
        "clips",
        "dataset.toml",
        "train.toml",
        "HOWTO.md",
    }


def test_clips_of_one_area_lie_in_one_folder(tmp_path: Path) -> None:
    """The folder of clips holds clips and texts and nothing else."""
    clips = tmp_path / "clips"
    samples = [sample_of(clip(clips, s, size, 9)) for s, size in (("a", (64, 48)), ("b", (48, 64)))]
    trained = training("wan", [Size(64, 48), Size(48, 64)], [9])
    bundle = bundle_of(tmp_path / "out", samples, clips, trained)
    write(bundle)
    assert sorted(f.name for f in (bundle.root / "clips").iterdir()) == [
        "a.mp4",
        "a.txt",
        "b.mp4",
        "b.txt",
    ]
    config = toml_file(bundle.root / DATASET)
    assert config["ar_buckets"] == [[64, 48], [48, 64]]
    assert "size_buckets" not in config


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "clips/a.txt").unlink(), "a.txt"),
        (lambda root: (root / "clips/notes.txt").write_text("x"), "notes.txt"),
        (lambda root: (root / "clips/a.webm").write_bytes(b""), "a.webm"),
        (lambda root: (root / "clips/a.mp4").unlink(), "a.txt"),
        (lambda root: (root / "clips/a.mp4").write_bytes(b"x" * 999), "a.mp4"),
        (
            lambda root: (root / DATASET).write_text(
                (root / DATASET).read_text().replace("frame_buckets = [9]", "frame_buckets = [17]")
            ),
            "skipped",
        ),
    ],
)
def test_what_the_trainer_would_not_take_is_refused(
    tmp_path: Path, spoil: Spoil, message: str
) -> None:
    """A text or clip that is missing, too many, broken or too short is named."""
    clips = tmp_path / "clips"
    samples = [sample_of(clip(clips, "a", (64, 48), 9))]
    bundle = bundle_of(tmp_path / "out", samples, clips, training("wan", [Size(64, 48)], [9]))
    write(bundle)
    spoil(bundle.root)
    with pytest.raises(ValueError, match=message):
        read(bundle)
