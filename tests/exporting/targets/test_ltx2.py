from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.targets.ltx2 import TARGET, fate, nearest_bucket
from vidcurate.exporting.training import Bucket, FileFacts, Size

BUCKETS = (Bucket(768, 448, 49), Bucket(512, 512, 49), Bucket(448, 768, 49))


def facts(width: int, height: int, n_frames: int = 49) -> FileFacts:
    """A file at 24 frames a second."""
    return FileFacts(width, height, n_frames, Fraction(24))


@pytest.mark.parametrize(
    ("file", "bucket"),
    [
        (facts(480, 640), BUCKETS[2]),
        (facts(320, 576), BUCKETS[2]),
        (facts(832, 480), BUCKETS[0]),
        (facts(640, 360), BUCKETS[0]),
        (facts(720, 480), BUCKETS[0]),
    ],
)
def test_the_size_is_that_of_the_nearest_aspect(file: FileFacts, bucket: Bucket) -> None:
    """Aspects are compared as ratios of ratios."""
    assert nearest_bucket(file, BUCKETS) == bucket


@pytest.mark.parametrize(
    ("n_frames", "action", "length"),
    [(121, "whole", 121), (130, "cut", 121), (120, "cut", 49), (48, "dropped", 0)],
)
def test_the_first_frames_are_trained(n_frames: int, action: str, length: int) -> None:
    """The longest length that a clip fills is trained; a shorter clip is skipped."""
    found = fate(facts(960, 544, n_frames), training("ltx2", lengths=(49, 121)))
    assert found.action == action
    assert (found.bucket.n_frames if found.bucket else 0) == length


@pytest.mark.parametrize(("sounds", "trained"), [((True, True), True), ((True, False), False)])
def test_sound_is_trained_where_all_clips_have_it(
    sounds: tuple[bool, bool], trained: bool, tmp_path: Path
) -> None:
    """A clip without sound would be left out of training with sound."""
    file = clip(tmp_path / "from", "aa-1", (96, 64), 9, 24)
    samples = [
        replace(sample_of(file), stem=f"aa-{number}", has_audio=has)
        for number, has in enumerate(sounds)
    ]
    bundle = bundle_of(tmp_path / "to", samples, file.parent, training("ltx2", [Size(96, 64)], [9]))
    TARGET.write(replace(bundle, clip_file=lambda _: file))
    script = (bundle.root / "preprocess.sh").read_text("utf-8")
    config = (bundle.root / "ltx2.yaml").read_text("utf-8")
    assert ("--skip-audio" not in script) is trained
    assert ("audio_latents" in config) is trained
