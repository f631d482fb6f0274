from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from tests.support.headers import HARD_CAPTIONS, header
from vidcurate.exporting.targets.ai_toolkit import (
    CONFIG,
    TARGET,
    available_frames,
    bucket_size,
    caption_fault,
    fate,
    heard,
    read,
    resolution,
    trained_frames,
    write,
    written,
)
from vidcurate.exporting.training import Bucket, FileFacts, Size
from vidcurate.exporting.video_models import VIDEO_MODELS, ModelName

Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("n_frames", "fps", "to", "step", "expected"),
    [(121, 24, 16, 4, 77), (150, 30, 16, 4, 77), (100, 25, 24, 8, 89), (81, 16, 16, 4, 81)],
)
def test_frames_that_are_trained(
    n_frames: int, fps: Fraction | int, to: int, step: int, expected: int
) -> None:
    """A clip of another rate loses a step of frames; one of the model's rate loses none."""
    available = available_frames(header(832, 480, n_frames, fps), to)
    assert trained_frames(available, step) == expected


@pytest.mark.parametrize("fps", [16, 24])
def test_no_length_is_lost_at_the_models_own_rate(fps: int) -> None:
    """The trainer counts in floats: of no length does it lose a frame by them."""
    assert all(available_frames(header(64, 64, n, fps), fps) == n for n in range(1, 2_000))


@pytest.mark.parametrize(
    ("size", "side", "multiple", "expected"),
    [
        ((1920, 1080), 480, 16, (640, 352)),
        ((832, 480), 480, 16, (624, 368)),
        ((640, 360), 480, 16, (640, 352)),
        ((1080, 1920), 768, 32, (576, 1024)),
        ((500, 300), 512, 16, (496, 304)),
        ((20, 8), 16, 32, (32, 32)),
    ],
)
def test_sizes_of_buckets(
    size: tuple[int, int], side: int, multiple: int, expected: tuple[int, int]
) -> None:
    """Pictures are never enlarged, and rounded to what is nearest in area and not above it."""
    assert bucket_size(header(*size, 81), side, multiple) == expected


@pytest.mark.parametrize("model", TARGET.models)
def test_sizes_of_files_are_kept(model: ModelName) -> None:
    """Whatever sizes files are made in, each is trained at its own, whatever the others are."""
    step = VIDEO_MODELS[model].side_multiple
    sizes = [Size(w * step, h * step) for w in range(4, 41, 3) for h in range(4, 41, 5)]
    trained = training(model, sizes, [33])
    for size in sizes:
        told = fate(header(*size, 33, VIDEO_MODELS[model].fps), trained)
        assert (told.action, told.bucket) == ("whole", Bucket(*size, 33))


@pytest.mark.parametrize(
    ("clip_facts", "action", "bucket", "reason"),
    [
        (header(832, 480, 81), "whole", Bucket(832, 480, 81), ""),
        (
            header(832, 480, 84),
            "shortened",
            Bucket(832, 480, 81),
            "the model holds 81 of 84 frames",
        ),
        (
            header(832, 480, 121, 24),
            "shortened",
            Bucket(832, 480, 77),
            "121 frames at 24 fps are 80 at 16; the model holds 77 of 80 frames",
        ),
        (
            header(1920, 1080, 81),
            "whole",
            Bucket(832, 480, 81),
            "1920x1080 becomes 832x480",
        ),
    ],
)
def test_what_becomes_of_a_clip(
    clip_facts: FileFacts, action: str, bucket: Bucket, reason: str
) -> None:
    """All frames that the model can hold are trained, at the clip's own speed."""
    told = fate(clip_facts, training("wan", [Size(832, 480)], [81]))
    assert (told.action, told.bucket, told.reason) == (action, bucket, reason)


def test_resolution_is_the_smallest_that_shrinks_nothing() -> None:
    """The square of 632 pixels is the smallest that holds 832x480; of a square it is the side."""
    assert resolution(training("wan", [Size(832, 480)])) == 632
    assert resolution(training("wan", [Size(512, 512), Size(256, 256)])) == 512


@pytest.mark.parametrize("caption", ["A car, red, stops.", "a,  b", *HARD_CAPTIONS.values()])
def test_commas_come_out_as_they_were(caption: str) -> None:
    """The trainer's space after a comma stands in for ours."""
    assert heard(written(caption)) == caption
    assert caption_fault(caption) == ""


@pytest.mark.parametrize(
    ("caption", "fault"),
    [
        ("[trigger] walks.", "trigger"),
        ("Call [name].", "name"),
        ("1,000 people", "comma"),
        ("", "empty"),
        ("a\rb", "carriage return"),
    ],
)
def test_captions_that_come_out_changed_are_named(caption: str, fault: str) -> None:
    """Marks are removed, and a comma without a space gets one."""
    assert fault in caption_fault(caption)


def test_an_export_is_read_back(tmp_path: Path) -> None:
    """Clips of every size and length lie in one folder with their texts."""
    clips = tmp_path / "clips"
    captions = {**HARD_CAPTIONS, "d": "1,000 people, all in red"}
    samples = [sample_of(clip(clips, s, (64, 48), 9), captions[s]) for s in captions]
    bundle = bundle_of(tmp_path / "out", samples, clips, training("wan", [Size(64, 48)], [5, 9]))
    write(bundle)
    assert read(bundle) == sorted(captions.items())
    assert {f.name for f in bundle.root.iterdir()} == {"clips", "train.yaml", "HOWTO.md"}
    assert len([*(bundle.root / "clips").iterdir()]) == 8


def change(name: str, old: str, new: str) -> Spoil:
    """Replace some text in a file of the folder."""
    return lambda root: (root / name).write_text((root / name).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change(CONFIG, "auto_frame_count: true", "auto_frame_count: false"), "stretched"),
        (change(CONFIG, "buckets: true", "buckets: false"), "buckets"),
        (change(CONFIG, "fps: 16", "fps: 4"), "one picture"),
        (lambda root: (root / "clips/a.txt").unlink(), "a.txt"),
        (lambda root: (root / "clips/b.mp4").write_bytes(b""), "b.mp4"),
        (lambda root: (root / "clips/default.txt").write_text("x"), "default.txt"),
    ],
)
def test_what_the_trainer_would_train_otherwise_is_refused(
    tmp_path: Path, spoil: Spoil, message: str
) -> None:
    """A setting that stretches clips, a missing text and a broken file are named."""
    clips = tmp_path / "clips"
    samples = [sample_of(clip(clips, stem, (64, 48), 9)) for stem in "ab"]
    bundle = bundle_of(tmp_path / "out", samples, clips, training("wan", [Size(64, 48)], [9]))
    write(bundle)
    spoil(bundle.root)
    with pytest.raises(ValueError, match=message):
        read(bundle)


def test_a_text_of_another_clip_is_seen(tmp_path: Path) -> None:
    """Texts are compared as the trainer reads them, so that a swapped pair comes back swapped."""
    clips = tmp_path / "clips"
    samples = [sample_of(clip(clips, s, (64, 48), 9), f"{s}, a clip") for s in "ab"]
    bundle = bundle_of(tmp_path / "out", samples, clips, training("wan", [Size(64, 48)], [9]))
    write(bundle)
    (bundle.root / "clips/a.txt").write_text("b,a clip")
    assert read(bundle)[0] == ("a", "b, a clip")
