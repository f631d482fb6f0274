from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.targets.diffsynth import (
    TARGET,
    available_frames,
    fate,
    shown_duration,
    trained_frames,
    trained_size,
)
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training
from vidcurate.exporting.video_models import VIDEO_MODELS


def facts(n_frames: int, fps: Fraction | int, size: tuple[int, int] = (832, 480)) -> FileFacts:
    """A file of a length and rate."""
    return FileFacts(*size, n_frames, Fraction(fps))


@pytest.mark.parametrize(
    ("n_frames", "fps", "asked", "step", "rate", "expected"),
    [
        (121, 24, 81, 4, None, 81),
        (121, 24, 81, 4, 16, 77),
        (49, 16, 81, 4, None, 49),
        (150, 30, 121, 8, 24, 113),
        (100, 25, 121, 8, 24, 89),
        (3, 16, 81, 4, None, 1),
        (0, 16, 81, 4, None, 0),
    ],
)
def test_frames_are_picked_at_a_rate_or_taken_as_they_are(
    n_frames: int, fps: int, asked: int, step: int, rate: int | None, expected: int
) -> None:
    """What is not there is not asked for: the length shrinks to one that the model holds."""
    assert trained_frames(available_frames(facts(n_frames, fps), rate), asked, step) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (832, 464)), ((854, 480), (832, 464)), ((640, 360), (640, 352))],
)
def test_sizes_are_shrunk_to_pixels_and_floored(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Where no size is given, the number of pixels bounds it."""
    assert trained_size(facts(81, 16, size), 832 * 480, 16) == expected


@pytest.mark.parametrize(
    ("n_frames", "shown"), [(121, "5.04"), (113, "4.71"), (129, "5.38"), (122, "5.08")]
)
def test_a_duration_is_read_in_hundredths(n_frames: int, shown: str) -> None:
    """The log of ffmpeg rounds to hundredths of a second."""
    assert shown_duration(Fraction(n_frames, 24)) == Fraction(shown)


@pytest.mark.parametrize(
    ("n_frames", "action", "length"),
    [(121, "shortened", 113), (122, "cut", 121), (129, "cut", 121), (113, "whole", 113)],
)
def test_a_clip_of_just_the_length_can_lose_eight_frames(
    n_frames: int, action: str, length: int
) -> None:
    """121 frames at 24 a second are 5.04 s by the log, which hold 120."""
    found = fate(facts(n_frames, 24, (960, 544)), training("ltx2"))
    assert (found.action, found.bucket) == (action, Bucket(960, 544, length))


@pytest.mark.parametrize(
    ("n_frames", "action", "length"),
    [(81, "whole", 81), (100, "cut", 81), (80, "shortened", 77), (49, "whole", 49)],
)
def test_wan_takes_the_first_frames(n_frames: int, action: str, length: int) -> None:
    """The rate of a file does not matter."""
    for fps in (16, 24):
        found = fate(facts(n_frames, fps), training())
        assert (found.action, found.bucket) == (action, Bucket(832, 480, length))


def test_a_rate_that_is_nearly_its_own_loses_nothing() -> None:
    """33 frames at 23.976 a second are 33.03 at 24."""
    found = fate(facts(33, Fraction(24000, 1001), (960, 544)), training("ltx2"))
    assert found == Fate("whole", Bucket(960, 544, 33))


def test_several_sizes_stay_as_they_are(tmp_path: Path) -> None:
    """Where files have several sizes, only the number of pixels is bounded."""
    trained = training("wan", [Size(96, 64), Size(64, 96)], [9])
    clip(tmp_path / "from", "aa-1", (96, 64), 9)
    clip(tmp_path / "from", "bb-1", (64, 96), 9)
    samples = [sample_of(file) for file in sorted((tmp_path / "from").glob("*.mp4"))]
    bundle = bundle_of(tmp_path / "to", samples, tmp_path / "from", trained)
    TARGET.write(bundle)
    script = (bundle.root / "train.sh").read_text("utf-8")
    assert "--max_pixels 6144 " in script
    assert "--height" not in script
    assert [fate(s.facts, trained).bucket for s in samples if s.facts] == [(96, 64, 9), (64, 96, 9)]


def test_files_that_keep_their_size_are_floored() -> None:
    """Where no size is asked for, a file's own is floored to what the model holds."""
    trained = Training(VIDEO_MODELS["wan"], (), (81,))
    assert fate(facts(81, 16, (1926, 1080)), trained).bucket == (1920, 1072, 81)


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    """Training on nothing fails late, so it is refused here."""
    (tmp_path / "metadata.jsonl").write_text("")
    with pytest.raises(ValueError, match="empty"):
        TARGET.read(bundle_of(tmp_path, [], tmp_path))
