import json
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.targets.finetrainers import TARGET, fate, nearest_bucket
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size

BUCKETS = (
    *(Bucket(832, 480, 49), Bucket(480, 832, 49), Bucket(512, 512, 25), Bucket(832, 480, 81)),
)


def facts(width: int, height: int, n_frames: int) -> FileFacts:
    """A file at 16 frames a second."""
    return FileFacts(width, height, n_frames, Fraction(16))


@pytest.mark.parametrize(
    ("file", "bucket"),
    [
        (facts(640, 360, 60), BUCKETS[0]),
        (facts(640, 360, 20), BUCKETS[2]),
        (facts(480, 640, 100), BUCKETS[3]),
        (facts(720, 480, 48), BUCKETS[2]),
    ],
)
def test_the_length_is_chosen_before_the_size(file: FileFacts, bucket: Bucket) -> None:
    """A portrait clip goes into a landscape bucket where only that has its length."""
    assert nearest_bucket(file, BUCKETS) == bucket


@pytest.mark.parametrize(
    ("n_frames", "expected"),
    [
        (81, Fate("whole", Bucket(832, 480, 81))),
        (49, Fate("whole", Bucket(832, 480, 49))),
        (
            82,
            Fate("stretched", Bucket(832, 480, 81), "81 of 82 frames, spread over all of the clip"),
        ),
        (
            20,
            Fate("shortened", Bucket(832, 480, 17), "20 frames, 49 needed: passed on as they are"),
        ),
    ],
)
def test_frames_are_spread_and_never_padded(n_frames: int, expected: Fate) -> None:
    """A longer clip is sped up to the length; a shorter one is passed as it is."""
    assert fate(facts(832, 480, n_frames), training(lengths=(49, 81))) == expected


def test_a_clip_that_is_smaller_stops_training() -> None:
    """A clip must have the size of its bucket at least, since the config crops."""
    assert fate(facts(640, 360, 81), training()).action == "dropped"


def test_files_that_keep_their_size_are_their_own_bucket() -> None:
    """Where no sizes are asked for, a file's own is trained."""
    found = fate(facts(640, 360, 81), training().__class__(training().model, (), (81,)))
    assert found == Fate("whole", Bucket(640, 360, 81))


def test_the_config_names_every_bucket(tmp_path: Path) -> None:
    """dataset.json lists frames, height and width of each, and says what to fill in."""
    sample = sample_of(clip(tmp_path / "from", "aa-1", (96, 64), 9))
    trained = training("wan", [Size(96, 64), Size(64, 96)], [9, 17])
    bundle = bundle_of(tmp_path / "to", [sample], tmp_path / "from", trained)
    TARGET.write(bundle)
    config = json.loads((bundle.root / "dataset.json").read_text("utf-8"))
    found = config["datasets"][0]["video_resolution_buckets"]
    assert found == [[9, 64, 96], [17, 64, 96], [9, 96, 64], [17, 96, 64]]
    assert "id_token" in config["comment"]


@pytest.mark.parametrize(
    "stray", ["metadata.json", "metadata.csv", "old/shard.tar", "a.parquet", "aa-1.mov"]
)
def test_a_stray_file_is_refused(stray: str, tmp_path: Path) -> None:
    """A file that makes finetrainers read the folder otherwise is named."""
    sample = sample_of(clip(tmp_path / "from", "aa-1", (96, 64), 9))
    trained = training("wan", [Size(96, 64)], [9])
    bundle = bundle_of(tmp_path / "to", [sample], tmp_path / "from", trained)
    TARGET.write(bundle)
    file = bundle.file(f"clips/{stray}")
    file.write_text("")
    with pytest.raises(ValueError, match=r"has 2 videos|in place of the pairs"):
        TARGET.read(bundle)
