from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.targets.cosmos_predict2 import TARGET, fate
from vidcurate.exporting.training import FileFacts, Size


@pytest.mark.parametrize(
    ("n_frames", "action", "length"),
    [(92, "dropped", 0), (93, "dropped", 0), (94, "cut", 93), (300, "cut", 93)],
)
def test_one_frame_more_is_needed(n_frames: int, action: str, length: int) -> None:
    """The start of a window is drawn from a range that is empty for a clip of just its length."""
    found = fate(FileFacts(1280, 704, n_frames, Fraction(16)), training("cosmos-predict2"))
    assert found.action == action
    assert (found.bucket.n_frames if found.bucket else 0) == length
    assert TARGET.spare_frames == 1


def test_the_crash_is_named() -> None:
    """A clip of just the length crashes a worker."""
    found = fate(FileFacts(1280, 704, 93, Fraction(16)), training("cosmos-predict2"))
    assert found.reason == "93 frames, and 94 are needed: training crashes"


def test_one_size_and_length_is_one_data_set(tmp_path: Path) -> None:
    """Videos and captions lie where its script and loader look; no pickle is written."""
    sample = sample_of(clip(tmp_path / "from", "aa-1", (96, 64), 10))
    trained = training("cosmos-predict2", [Size(96, 64), Size(64, 96)], [9])
    bundle = bundle_of(tmp_path / "to", [sample], tmp_path / "from", trained)
    TARGET.write(bundle)
    names = sorted(p.relative_to(bundle.root).as_posix() for p in bundle.root.rglob("*.*"))
    assert names == ["HOWTO.md", "metas/aa-1.txt", "train.sh", "videos/aa-1.mp4"]
    assert "num_frames=9" in (bundle.root / "train.sh").read_text("utf-8")


def test_each_size_and_length_is_a_data_set_of_its_own(tmp_path: Path) -> None:
    """Its one size distorts what has another, so clips are kept apart."""
    for stem, size, n in (("aa-1", (96, 64), 10), ("bb-1", (64, 96), 10), ("cc-1", (96, 64), 18)):
        clip(tmp_path / "from", stem, size, n)
    samples = [sample_of(file) for file in sorted((tmp_path / "from").glob("*.mp4"))]
    trained = training("cosmos-predict2", [Size(96, 64), Size(64, 96)], [9, 17])
    bundle = bundle_of(tmp_path / "to", samples, tmp_path / "from", trained)
    TARGET.write(bundle)
    folders = sorted(p.parent.name for p in bundle.root.rglob("videos"))
    assert folders == ["64x96x9", "96x64x17", "96x64x9"]
    assert (bundle.root / "train.sh").read_text("utf-8").count("scripts.train") == 3
    assert len(TARGET.read(bundle)) == 3


def test_a_video_without_caption_is_refused(tmp_path: Path) -> None:
    """It would have no embedding, and be left out."""
    sample = sample_of(clip(tmp_path / "from", "aa-1", (96, 64), 10))
    trained = training("cosmos-predict2", [Size(96, 64)], [9])
    bundle = bundle_of(tmp_path / "to", [sample], tmp_path / "from", trained)
    TARGET.write(bundle)
    (bundle.root / "metas/aa-1.txt").unlink()
    with pytest.raises(ValueError, match="left out of training"):
        TARGET.read(bundle)
