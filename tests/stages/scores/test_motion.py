from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.pipeline import process, rows
from tests.support.videos import ffmpeg
from vidcurate.errors import MediaError
from vidcurate.media.scan.samples import SAMPLES_SCHEMA
from vidcurate.media.visual.measures import COLOUR_NAMES
from vidcurate.records import MOTION, SOURCES, Clip, MotionScore
from vidcurate.stages.scores.motion import MotionConfig, nearest, score

STILL = "mandelbrot=size=900x400:rate=24:start_scale=0.5,trim=end_frame=1,loop=-1:1,setpts=N/24/TB"
VIDEOS = {
    "static": f"{STILL},crop=320:180:290:110",
    "pan_right": f"{STILL},crop=320:180:x='290+2*n':y=110",
    "tilt_up": f"{STILL},crop=320:180:x=290:y='150-2*n'",
    "roll": f"{STILL},rotate='n/100',crop=320:180:290:110",
    "shake": f"{STILL},crop=320:180:x='290+8*sin(n*1.3)':y='110+8*sin(n*1.7)'",
    "unknown": "color=black:size=320x180:rate=24",
}
CLIP = Clip("c", "v", 0, 1000, Fraction(1, 1000), 0.0, 1.0, 1.0, 24)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MotionScore]:
    """The motion of a clip of 2.5 s of each kind, by its name."""
    root = tmp_path_factory.mktemp("motion")
    for name, source in VIDEOS.items():
        lossless = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "10")
        ffmpeg("-f", "lavfi", "-t", "2.5", "-i", source, *lossless, f"{root}/{name}.mkv")
    process(root / "out", {"cuts": {"detector": "fixed"}, "motion": {}}, root)
    names = {source.video_id: Path(source.path).stem for source in rows(root / "out", SOURCES)}
    return {names[row.video_id]: row for row in rows(root / "out", MOTION)}


def sample(**changes: object) -> dict[str, object]:
    """A sample of a still camera, with some columns changed."""
    speeds = ("motion_mean", "motion_spread", "pan", "tilt", "zoom", "roll", "shake")
    values: dict[str, object] = dict.fromkeys((*speeds, "object_motion"), 0.0)
    values |= {"pts": 0, "agreement": 1.0, "object_cells": [0.0] * 18, "jpeg": b""}
    values["colours"] = [1.0] + [0.0] * (len(COLOUR_NAMES) - 1)
    return values | changes


def judge(*samples: dict[str, object]) -> MotionScore:
    """The motion of a clip with these samples."""
    table = pa.Table.from_pylist(list(samples), schema=SAMPLES_SCHEMA)
    return score(CLIP, len(samples), table, MotionConfig())


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_has_its_movement(judged: dict[str, MotionScore], name: str) -> None:
    """A real video of each kind is named right; a black one has no camera that can be seen."""
    assert judged[name].camera == name


def test_speed_is_in_diagonals_a_second(judged: dict[str, MotionScore]) -> None:
    """2 pixels a frame at 24 frames a second is that share of the diagonal; all samples move."""
    row = judged["pan_right"]
    assert row.camera_speed == pytest.approx(2 * 24 / float(np.hypot(320, 180)), rel=0.1)
    assert (row.pan_right_share, row.static_share, row.still_share) == (1, 0, 0)
    assert judged["static"].still_share == 1
    assert judged["unknown"].static_share == 0


def test_a_diagonal_is_pan_and_tilt() -> None:
    """A sample may show two movements, but a slight drift beside a fast pan is none."""
    row = judge(sample(pan=0.1, tilt=0.08), sample(pan=0.1, tilt=0.02))
    assert (row.pan_right_share, row.tilt_up_share, row.camera) == (1, 0.5, "pan_right")


def test_going_to_and_fro_is_shake() -> None:
    """Pans that reverse at every sample are irregular; one turn back is not."""
    swing = [sample(pan=0.1 * (-1) ** n) for n in range(5)]
    assert judge(*swing).shake_share == 1
    there_and_back = judge(*(sample(pan=pan) for pan in (0.1, 0.1, -0.1, -0.1)))
    assert (there_and_back.pan_left_share, there_and_back.shake_share) == (0.5, 0)


def test_what_moves_against_a_shake_is_part_of_it() -> None:
    """A hand that shakes moves steadily between; what goes on the same way does not."""
    shaken = sample(pan=-0.04, shake=0.1)
    assert judge(sample(pan=0.02), shaken, sample(pan=0.03)).shake_share == 1
    going_on = judge(sample(pan=-0.04), shaken, sample(pan=-0.04))
    assert going_on.camera == "pan_left"
    assert going_on.shake_share == pytest.approx(1 / 3)


def test_a_fast_pan_may_change_its_speed() -> None:
    """The same change of velocity is shake of a slow camera and none of a fast one."""
    assert judge(sample(pan=0.02, shake=0.05)).camera == "shake"
    assert judge(sample(pan=0.5, shake=0.05)).camera == "pan_right"


def test_what_fits_no_camera_is_not_counted() -> None:
    """Of two samples one fits: shares are of that one; of none, the camera is unknown."""
    crowd = sample(pan=0.5, agreement=0.1)
    assert judge(crowd, sample()).static_share == 1
    assert judge(crowd).camera == "unknown"


def test_the_largest_object_motion_is_placed() -> None:
    """Place is the cell that moves most over all samples, direction the way it goes there."""
    cells = [0.0] * 18
    cells[2 * 5 : 2 * 5 + 2] = [-0.1, -0.1]
    row = judge(sample(object_cells=cells, object_motion=0.02), sample(object_motion=0.0))
    assert (row.object_region, row.object_direction) == ("right", "up left")
    assert row.object_motion == pytest.approx(0.01)
    assert judge(sample()).object_region is None


def test_colours_are_named_and_their_diversity_measured() -> None:
    """One colour has diversity 0, twelve equal ones 1; a colour is named from 15 %."""
    assert (judge(sample()).dominant_colours, judge(sample()).colour_diversity) == (("black",), 0)
    even = judge(sample(colours=[1 / 12] * 12))
    assert even.colour_diversity == pytest.approx(1)
    assert len(even.dominant_colours) == 1
    mixed = judge(sample(colours=[0.2, 0.7, 0.1, *[0.0] * 9]))
    assert mixed.dominant_colours == ("grey", "black")


def test_a_flow_that_is_no_number_is_a_failure() -> None:
    """NaN is never kept as a score."""
    with pytest.raises(MediaError, match="not a number"):
        judge(sample(motion_mean=float("nan")))


def test_a_clip_between_two_samples_is_judged_by_the_nearest(tmp_path: Path) -> None:
    """Every clip has a row, and `n_samples` 0 says that its sample lies outside."""
    source = VIDEOS["pan_right"]
    ffmpeg("-f", "lavfi", "-t", "4", "-i", source, "-qp", "10", str(tmp_path / "pan.mp4"))
    options = {
        "scan": {"sample_interval_s": 2.0},
        "cuts": {"detector": "fixed", "fixed_interval_s": 1.0, "min_scene_s": 0.0},
        "split": {"min_clip_s": 0.5},
        "motion": {},
    }
    count = process(tmp_path / "out", options, tmp_path / "pan.mp4")["motion"]
    assert (count.inputs, count.ok) == (4, 4)
    found = rows(tmp_path / "out", MOTION)
    assert sorted(row.n_samples for row in found) == [0, 0, 1, 1]
    assert {row.camera for row in found} == {"pan_right"}


def test_vectors_are_read_when_asked_for(tmp_path: Path) -> None:
    """The option adds what the encoder wrote; without it nothing is claimed."""
    source = VIDEOS["pan_right"]
    own = ("-qp", "10", "-bf", "0", "-refs", "1")  # each frame refers to the one before
    ffmpeg("-f", "lavfi", "-t", "2", "-i", source, *own, str(tmp_path / "pan.mp4"))
    for name, vectors in (("with", True), ("without", False)):
        options = {"cuts": {"detector": "fixed"}, "motion": {"vectors": vectors}}
        process(tmp_path / name, options, tmp_path / "pan.mp4")
    (found,), (plain,) = (rows(tmp_path / name, MOTION) for name in ("with", "without"))
    assert found.vector_mean == pytest.approx(2 / (320 + 180), rel=0.3)
    assert found.vector_patch_min is not None
    assert (plain.vector_mean, plain.vector_patch_min) == (None, None)


def test_a_video_without_flow_fails_with_the_reason() -> None:
    """Where no pair of frames was near enough or large enough, there is nothing to judge by."""
    with pytest.raises(MediaError, match="no flow was measured"):
        nearest(SAMPLES_SCHEMA.empty_table(), CLIP)
