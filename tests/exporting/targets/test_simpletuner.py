import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from tests.support.headers import HARD_CAPTIONS, header
from vidcurate.exporting.targets.simpletuner import (
    BACKENDS,
    CONFIG,
    FAMILIES,
    TARGET,
    Backend,
    adjusted_frames,
    bucket_size,
    caption_fault,
    fate,
    read,
    size_by_area,
    write,
)
from vidcurate.exporting.training import Bucket, FileFacts, Size, Training
from vidcurate.exporting.video_models import VIDEO_MODELS, ModelName

Spoil = Callable[[Path], object]
EDGE_480 = 480**2 / 1e6


@pytest.mark.parametrize(
    ("size", "n_frames", "expected"),
    [
        ((832, 480), 81, (704, 384, 81)),
        ((640, 360), 121, (704, 384, 121)),
        ((480, 640), 150, (448, 576, 145)),
        ((720, 480), 120, (640, 448, 113)),
    ],
)
def test_an_area_gives_these_sizes_and_lengths(
    size: tuple[int, int], n_frames: int, expected: tuple[int, int, int]
) -> None:
    """The area of 480 pixels squared, sides in steps of 64, lengths of 8k+1."""
    pictures = size_by_area(header(*size, n_frames), EDGE_480, 64)
    assert (*pictures, adjusted_frames(n_frames, 8)) == expected


@pytest.mark.parametrize(
    ("size", "backend", "alignment", "expected"),
    [
        ((512, 512), Backend(0.39936, "area", 81), 32, (640, 640)),
        ((512, 512), Backend(0.26, "area", 81), 64, (512, 512)),
        ((640, 640), Backend(0.48, "area", 81), 64, (768, 768)),
        ((513, 512), Backend(500.0, "pixel", 81), 64, (500, 500)),
    ],
)
def test_squares_are_sized_by_themselves(
    size: tuple[int, int], backend: Backend, alignment: int, expected: tuple[int, int]
) -> None:
    """Near round areas the trainer has its own squares; a short side is not rounded for them."""
    assert bucket_size(header(*size, 81), backend, alignment) == expected


@pytest.mark.parametrize("model", TARGET.models)
def test_sizes_of_files_are_kept(model: ModelName) -> None:
    """Sizes in the trainer's steps are trained as they are, whatever the others are."""
    step = FAMILIES[model].alignment
    sizes = [Size(w * step, h * step) for w in range(4, 21) for h in range(4, 21)]
    trained = training(model, sizes, [33])
    for size in sizes:
        told = fate(header(*size, 33, VIDEO_MODELS[model].fps), trained)
        assert (told.action, told.bucket) == ("whole", Bucket(*size, 33))


@pytest.mark.parametrize(
    ("clip_facts", "action", "bucket", "reason"),
    [
        (header(832, 480, 81), "whole", Bucket(832, 480, 81), ""),
        (header(480, 832, 85), "shortened", Bucket(480, 832, 81), "the model holds 81 of 85"),
        (header(832, 480, 121), "cut", Bucket(832, 480, 81), "the first 81 of 121 frames"),
        (
            header(832, 480, 40),
            "dropped",
            None,
            "the model holds 33 of 40; 33 frames are fewer than min_frames 49",
        ),
        (header(832, 480, 81, 24), "whole", Bucket(832, 480, 81), ""),
        (header(854, 480, 49), "whole", Bucket(864, 480, 49), "854x480 becomes 864x480"),
    ],
)
def test_what_becomes_of_a_clip(
    clip_facts: FileFacts, action: str, bucket: Bucket | None, reason: str
) -> None:
    """The first frames are trained, or none; rates are nothing to the trainer."""
    told = fate(clip_facts, training("wan", [Size(832, 480), Size(480, 832)], [49, 85]))
    assert (told.action, told.bucket, told.reason) == (action, bucket, reason)


def test_other_families_hold_any_length() -> None:
    """Only some families are held to 8k+1 frames."""
    told = fate(header(960, 544, 61, 24), training("hunyuan", [Size(960, 544)], [61]))
    assert (told.action, told.bucket) == ("whole", Bucket(960, 544, 61))


def test_files_keep_their_sizes_where_none_are_given() -> None:
    """Without sizes the model's area is given, and the trainer's sizes follow from it."""
    told = fate(header(640, 480, 81), Training(VIDEO_MODELS["wan"], (), (81,)))
    assert told.bucket == Bucket(736, 544, 81)


@pytest.mark.parametrize("caption", HARD_CAPTIONS.values())
def test_captions(caption: str) -> None:
    """Any one line is taken as it is."""
    assert caption_fault(caption) == ""


def test_captions_of_several_lines_are_named() -> None:
    """Each line would be trained as a caption of its own."""
    assert "caption of its own" in caption_fault("two\nlines")
    assert "empty" in caption_fault("")


def test_an_export_is_read_back(tmp_path: Path) -> None:
    """Each short side and length has a folder of its own, since a folder has one length."""
    clips = tmp_path / "clips"
    shapes = {"a": ((128, 96), 17), "b": ((96, 128), 9), "c": ((64, 64), 17)}
    samples = [sample_of(clip(clips, s, *shapes[s]), HARD_CAPTIONS[s]) for s in shapes]
    sizes = [Size(128, 96), Size(96, 128), Size(64, 64)]
    bundle = bundle_of(tmp_path / "out", samples, clips, training("wan", sizes, [9, 17]))
    write(bundle)
    assert sorted(read(bundle)) == sorted(HARD_CAPTIONS.items())
    assert {f.name for f in (bundle.root / "clips").iterdir()} == {"64-17", "96-17", "96-9"}
    *videos, text = json.loads((bundle.root / BACKENDS).read_text())
    assert (text["dataset_type"], text["default"]) == ("text_embeds", True)
    assert all(v["video"]["is_i2v"] is False for v in videos)
    config = tomllib.loads((bundle.root / CONFIG).read_text())
    assert (config["aspect_bucket_alignment"], config["framerate"]) == (32, 16)


def test_clips_of_one_short_side_and_length_lie_in_one_folder(tmp_path: Path) -> None:
    """The folder of clips holds clips and texts and nothing else."""
    clips = tmp_path / "clips"
    samples = [sample_of(clip(clips, s, size, 9)) for s, size in (("a", (64, 96)), ("b", (96, 64)))]
    sizes = [Size(64, 96), Size(96, 64)]
    bundle = bundle_of(tmp_path / "out", samples, clips, training("wan", sizes, [9]))
    write(bundle)
    assert {f.name for f in (bundle.root / "clips").iterdir()} == {
        "a.mp4",
        "a.txt",
        "b.mp4",
        "b.txt",
    }
    assert {f.name for f in bundle.root.iterdir()} == {
        "clips",
        "multidatabackend.json",
        "config.toml",
        "HOWTO.md",
    }


def change(name: str, old: str, new: str) -> Spoil:
    """Replace some text in a file of the folder."""
    return lambda root: (root / name).write_text((root / name).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change(BACKENDS, '"min_frames": 9', '"min_frames": 5'), "min_frames"),
        (change(BACKENDS, '"num_frames": 9', '"num_frames": 17'), "min_frames"),
        (change(BACKENDS, '"max_frames": 9', '"max_frames": 5'), "max_frames"),
        (change(BACKENDS, '"default": true', '"default": false'), "encoded captions"),
        (change(BACKENDS, "is_i2v", "i2v"), "is_i2v"),
        (change(BACKENDS, "clips-text", "clips-64-9"), "one id"),
        (change(CONFIG, BACKENDS, "other.json"), "other data"),
        (lambda root: (root / "clips/a.txt").write_text("one\ntwo"), "2 captions"),
        (lambda root: (root / "clips/a.txt").unlink(), "a.txt"),
    ],
)
def test_what_the_trainer_would_not_take_is_refused(
    tmp_path: Path, spoil: Spoil, message: str
) -> None:
    """A wrong setting, text or path is named."""
    clips = tmp_path / "clips"
    samples = [sample_of(clip(clips, "a", (96, 64), 9))]
    bundle = bundle_of(tmp_path / "out", samples, clips, training("wan", [Size(96, 64)], [9]))
    write(bundle)
    spoil(bundle.root)
    with pytest.raises(ValueError, match=message):
        read(bundle)
