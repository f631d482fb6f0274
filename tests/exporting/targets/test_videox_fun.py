import json
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.targets.videox_fun import TARGET, base_side, fate, shrunk, table_size
from vidcurate.exporting.training import FileFacts, Size


def facts(width: int, height: int, n_frames: int = 81) -> FileFacts:
    """A file at 16 frames a second."""
    return FileFacts(width, height, n_frames, Fraction(16))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((832, 480), (672, 384)),
        ((640, 360), (672, 384)),
        ((480, 640), (448, 576)),
        ((720, 480), (608, 416)),
        ((512, 512), (512, 512)),
    ],
)
def test_the_size_is_that_of_the_nearest_aspect(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Its table of 40 aspects, at its default base side."""
    assert table_size(*size, 512, 16) == expected


def test_the_base_side_finds_the_sizes_in_the_table() -> None:
    """Wan's size turned is in the table for a side of 640, as in its own example."""
    sizes = (Size(832, 480), Size(480, 832))
    assert base_side(sizes, 16) == 640
    trained = training("wan", sizes)
    assert fate(facts(832, 480), trained).bucket == (832, 480, 81)
    assert fate(facts(480, 832), trained).bucket == (480, 832, 81)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (1137, 640)), ((1080, 1920), (640, 1137)), ((832, 480), (832, 480))],
)
def test_pictures_are_shrunk_and_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Before they are batched, larger pictures are brought to the short side."""
    assert shrunk(*size, 640) == expected


@pytest.mark.parametrize(
    ("n_frames", "action", "length"),
    [
        (81, "whole", 81),
        (100, "cut", 81),
        (80, "shortened", 77),
        (49, "whole", 49),
        (3, "shortened", 1),
    ],
)
def test_a_short_clip_is_shortened(n_frames: int, action: str, length: int) -> None:
    """Lengths become 4 k + 1; a longer clip gives a part of it."""
    found = fate(facts(832, 480, n_frames), training())
    assert (found.action, found.bucket) == (action, (832, 480, length))


def test_one_size_is_given_outright(tmp_path: Path) -> None:
    """With one size its table is not asked, which may not hold it."""
    sample = sample_of(clip(tmp_path / "from", "aa-1", (96, 64), 9))
    trained = training("wan", [Size(96, 64)], [9])
    bundle = bundle_of(tmp_path / "to", [sample], tmp_path / "from", trained)
    TARGET.write(bundle)
    script = (bundle.root / "train.sh").read_text("utf-8")
    assert "--fix_sample_size 64 96 --video_sample_size 96 " in script
    arguments = [line for line in script.splitlines() if not line.startswith("#")]
    assert not any("random_hw_adapt" in line or "token_length" in line for line in arguments)
    assert fate(facts(96, 64, 9), trained).bucket == (96, 64, 9)


def test_a_row_without_its_type_is_refused(tmp_path: Path) -> None:
    """It would be read as an image."""
    sample = sample_of(clip(tmp_path / "from", "aa-1", (96, 64), 9))
    bundle = bundle_of(
        tmp_path / "to", [sample], tmp_path / "from", training("wan", [Size(96, 64)], [9])
    )
    TARGET.write(bundle)
    file = bundle.root / "metadata.json"
    rows = json.loads(file.read_text("utf-8"))
    assert rows[0].pop("type") == "video"
    file.write_text(json.dumps(rows), "utf-8")
    with pytest.raises(ValueError, match="taken for an image"):
        TARGET.read(bundle)
