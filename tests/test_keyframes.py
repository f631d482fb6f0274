from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import ffmpeg
from hypothesis import given
from hypothesis import strategies as st
from pipeline import process, rows, shelf

from vidcurate.media.scan import read_frames, read_samples
from vidcurate.records import KEPT, KEYFRAMES, SCANS, Clip, ClipKeyframes
from vidcurate.stages.keyframes import middles, sharpest
from vidcurate.window import window

SPLIT = {"split": {"min_clip_s": 1.0}}


def clip_of(start_pts: int, end_pts: int) -> Clip:
    """A clip with this span."""
    return Clip("c", "v", start_pts, end_pts, Fraction(1, 24), 0.0, 0.0, 0.0, 1)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 9))
def test_middles_are_frames_on_screen(gaps: list[int], count: int) -> None:
    """Each is the frame shown at the middle of its part, and none comes twice."""
    edges = np.cumsum([7, *gaps])
    frames, clip = edges[:-1], clip_of(7, int(edges[-1]))
    chosen = middles(frames, clip, count)
    assert 1 <= len(chosen) <= count
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(frames.tolist())
    if len(gaps) % count == 0 and len(set(gaps)) == 1:
        assert len(chosen) == count


def test_sharpest_of_each_part() -> None:
    """Each part gives its sharpest sample; a part without a sample gives its middle frame."""
    samples, clip = np.array([0, 10, 20, 40, 50]), clip_of(0, 100)
    sharpness = np.array([1, 3, 2, 5, 4], np.float32)
    assert sharpest(samples, sharpness, [25, 75], clip) == [40, 50]
    assert sharpest(samples, sharpness, [10, 30, 50, 70, 90], clip) == [10, 20, 40, 70, 90]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, film: Path) -> Path:
    """The clips of the film of three shots."""
    root = tmp_path_factory.mktemp("keyframes") / "out"
    process(root, {**SPLIT, "filter": {}}, film)
    return root


def stills(out: Path, **options: object) -> list[tuple[Clip, ClipKeyframes]]:
    """Each clip with its stills as these options take them."""
    process(out, {**SPLIT, "keyframes": options})
    pairs = list(zip(rows(out, KEPT), rows(out, KEYFRAMES), strict=True))
    assert all(clip.clip_id == row.clip_id for clip, row in pairs)
    return pairs


def frame_times(out: Path, clip: Clip) -> list[int]:
    """The times of a clip's frames."""
    [scan] = rows(out, SCANS)
    frames = read_frames(shelf(out, SCANS).files / scan.frames_file, ("pts",))
    return list(window(frames, clip)["pts"].to_pylist())


@pytest.mark.parametrize("method", ["uniform", "middle", "sharpest"])
def test_stills_are_frames_of_their_clip(out: Path, method: str) -> None:
    """Every still has the time of a frame inside its clip, in order, and a file of full size."""
    for clip, row in stills(out, method=method, count=2):
        times = [k.pts for k in row.keyframes]
        assert len(times) == (1 if method == "middle" else 2)
        assert times == sorted(times)
        assert set(times) <= set(frame_times(out, clip))
        for still in row.keyframes:
            image = cv2.imread(str(shelf(out, KEYFRAMES).files / still.file))
            assert image is not None
            assert image.shape == (180, 320, 3)
            assert (still.width, still.height) == (320, 180)
            assert still.time_s == float(still.pts * clip.time_base)


def test_middle_is_the_middle(out: Path) -> None:
    """The one still of `middle` is the frame on screen half-way through the clip."""
    for clip, row in stills(out, method="middle"):
        times = frame_times(out, clip)
        assert row.keyframes[0].pts == times[len(times) // 2]


def test_sharpest_takes_the_sharpest_sample(tmp_path: Path) -> None:
    """In a film that is sharp only around 2 s, that is where the one still is."""
    film, out = tmp_path / "focus.mp4", tmp_path / "out"
    picture = "mandelbrot=size=320x180:rate=24:start_scale=0.5,trim=end_frame=1,loop=-1:1"
    picture += ",setpts=N/24/TB,gblur=sigma=4:enable='not(between(t,1.9,2.6))'"
    ffmpeg("-f", "lavfi", "-t", "4", "-i", picture, str(film))
    options = {
        "scan": {"sample_interval_s": 0.5},
        "cuts": {"detector": "fixed", "fixed_interval_s": 10.0},
        "keyframes": {"method": "sharpest", "count": 1},
    }
    process(out, options, film)
    [row], [scan] = rows(out, KEYFRAMES), rows(out, SCANS)
    assert 1.9 <= row.keyframes[0].time_s <= 2.6
    samples = read_samples(shelf(out, SCANS).files / scan.samples_file, ("pts", "sharpness"))
    best = int(np.argmax(samples["sharpness"].to_numpy()))
    assert row.keyframes[0].pts == samples["pts"][best].as_py()


@pytest.mark.parametrize(
    ("kind", "ending", "head"),
    [("jpeg", "jpg", b"\xff\xd8\xff"), ("png", "png", b"\x89PNG"), ("webp", "webp", b"RIFF")],
)
def test_formats(out: Path, kind: str, ending: str, head: bytes) -> None:
    """A still's bytes and ending are those of the format asked for; its side is held."""
    for _, row in stills(out, method="middle", format=kind, max_side=160):
        [still] = row.keyframes
        file = shelf(out, KEYFRAMES).files / still.file
        assert file.suffix == f".{ending}"
        assert file.read_bytes().startswith(head)
        assert (still.width, still.height) == (160, 90)


def test_more_stills_than_frames(tmp_path: Path) -> None:
    """A clip of five frames asked for nine stills gives its five frames, each once."""
    film, out = tmp_path / "short.mp4", tmp_path / "out"
    ffmpeg("-f", "lavfi", "-t", "0.2", "-i", "testsrc2=size=320x180:rate=25", str(film))
    process(out, {"split": {"min_clip_s": 0.1}, "keyframes": {"count": 9}}, film)
    [row] = rows(out, KEYFRAMES)
    [clip] = rows(out, KEPT)
    assert [k.pts for k in row.keyframes] == frame_times(out, clip)
    assert len(row.keyframes) == 5


def test_a_film_that_is_gone_fails_its_clips_only(tmp_path: Path, film: Path) -> None:
    """Clips of a film that was moved away fail with the reason; those of another film pass."""
    out, gone = tmp_path / "out", tmp_path / "gone.mp4"
    gone.write_bytes(film.read_bytes() + b"\0" * 16)
    process(out, {**SPLIT, "filter": {}}, film, gone)
    gone.unlink()
    count = process(out, {**SPLIT, "keyframes": {}})["keyframes"]
    assert (count.ok, count.failed) == (3, 3)
    assert list(count.reasons) == [f"the film is gone or has changed since it was ingested: {gone}"]
