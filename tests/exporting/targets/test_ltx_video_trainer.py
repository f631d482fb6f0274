import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.target import Bundle
from vidcurate.exporting.targets.ltx_video_trainer import TARGET, fate, nearest_bucket
from vidcurate.exporting.training import Bucket, FileFacts, Size

BUCKETS = (Bucket(768, 448, 49), Bucket(512, 512, 49), Bucket(448, 768, 49))


def facts(width: int, height: int, n_frames: int = 49) -> FileFacts:
    """A file at 25 frames a second."""
    return FileFacts(width, height, n_frames, Fraction(25))


@pytest.mark.parametrize(
    ("file", "bucket"),
    [
        (facts(480, 640), BUCKETS[1]),
        (facts(320, 576), BUCKETS[1]),
        (facts(832, 480), BUCKETS[0]),
        (facts(640, 360), BUCKETS[0]),
        (facts(720, 480), BUCKETS[0]),
    ],
)
def test_the_size_is_that_of_the_nearest_sides(file: FileFacts, bucket: Bucket) -> None:
    """The sum of the differences of sides decides, not the aspect."""
    assert nearest_bucket(file, BUCKETS) == bucket


@pytest.mark.parametrize(
    ("n_frames", "action", "length"),
    [(97, "whole", 97), (98, "cut", 97), (96, "cut", 49), (49, "whole", 49), (48, "dropped", 0)],
)
def test_the_first_frames_are_trained(n_frames: int, action: str, length: int) -> None:
    """The longest length that a clip fills is trained; a shorter clip is skipped."""
    found = fate(facts(768, 512, n_frames), training("ltx", lengths=(49, 97)))
    assert found.action == action
    assert (found.bucket.n_frames if found.bucket else 0) == length


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of two lengths."""
    folder = tmp_path_factory.mktemp("clips")
    for stem, n_frames in (("aa-1", 17), ("bb-1", 9), ("cc-1", 20), ("dd-1", 17)):
        clip(folder, stem, (96, 64), n_frames, 25)
    return folder


def written(root: Path, clips: Path, lengths: Sequence[int] = (9, 17)) -> Bundle:
    """A folder of all clips."""
    samples = [sample_of(file, f"Of {file.stem}.") for file in sorted(clips.glob("*.mp4"))]
    bundle = bundle_of(root, samples, clips, training("ltx", [Size(96, 64)], lengths))
    TARGET.write(bundle)
    return bundle


def test_each_bucket_has_a_list_and_a_call(tmp_path: Path, clips: Path) -> None:
    """The script takes one bucket a call, so clips are listed by bucket."""
    bundle = written(tmp_path, clips)
    lists = {p.name: len(p.read_text("utf-8").splitlines()) for p in tmp_path.glob("*.jsonl")}
    assert lists == {"clips-96x64x9.jsonl": 1, "clips-96x64x17.jsonl": 3}
    script = (tmp_path / "preprocess.sh").read_text("utf-8")
    assert script.count("preprocess_dataset.py") == 2
    assert "--resolution-buckets 96x64x17 " in script
    assert TARGET.read(bundle)[0] == ("aa-1", "Of aa-1.")


@pytest.mark.parametrize("name", ["aa-1", "dd-1"])
def test_a_short_clip_in_a_list_is_refused(name: str, tmp_path: Path, clips: Path) -> None:
    """After a skipped clip later ones are saved under other names; the last has none after it."""
    bundle = written(tmp_path, clips)
    (tmp_path / f"clips/{name}.mp4").unlink()
    bundle.place(sample_of(clips / "bb-1.mp4"), f"clips/{name}.mp4")
    with pytest.raises(ValueError, match=r"would be saved as aa-1|fewer than 17 frames"):
        TARGET.read(bundle)


def test_an_unreadable_clip_is_refused(tmp_path: Path, clips: Path) -> None:
    """A clip that cannot be opened is skipped like a short one."""
    bundle = written(tmp_path, clips)
    broken = tmp_path / "clips/aa-1.mp4"
    content = broken.read_bytes()
    broken.unlink()
    broken.write_bytes(content[: len(content) // 20])
    with pytest.raises(ValueError, match=r"cc-1.mp4 would be saved as aa-1.mp4"):
        TARGET.read(bundle)


def test_a_clip_that_is_listed_twice_is_refused(tmp_path: Path, clips: Path) -> None:
    """Its two captions would become one."""
    bundle = written(tmp_path, clips)
    file = tmp_path / "clips-96x64x9.jsonl"
    row = json.loads(file.read_text("utf-8"))
    file.write_text(f"{json.dumps(row)}\n{json.dumps({**row, 'caption': 'Another.'})}\n")
    with pytest.raises(ValueError, match="twice"):
        TARGET.read(bundle)
