from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from tests.support.videos import ffmpeg
from vidcurate.media.visual.motion_vectors import VectorMotion, vector_motion

STILL = "mandelbrot=size=900x400:rate=24:start_scale=0.5,trim=end_frame=1,loop=-1:1,setpts=N/24/TB"
PAN = f"{STILL},crop=320:192:x='100+4*n':y=100"
# The left half stands still.
HALF = f"{STILL},crop=160:192:200:100[l];{PAN},crop=160:192:160:0[r];[l][r]hstack"
X264 = ("-c:v", "libx264", "-preset", "fast", "-bf", "0", "-refs", "1", "-g", "100", "-qp", "16")


def measured(path: Path, source: str, encode: Sequence[str] = X264) -> VectorMotion | None:
    """The vectors of every other frame of a video of 1.5 s."""
    ffmpeg("-f", "lavfi", "-t", "1.5", "-i", source, *encode, str(path))
    with av.open(str(path)) as container:
        pts = [frame.pts for frame in container.decode(video=0)]
        time_base = container.streams.video[0].time_base
    assert time_base is not None
    return vector_motion(path, time_base, [p for p in pts[::2] if p is not None])


@pytest.mark.parametrize("codec", [X264, ("-c:v", "mpeg4", "-bf", "0", "-g", "100", "-q", "2")])
def test_vectors_are_the_motion(tmp_path: Path, codec: Sequence[str]) -> None:
    """4 pixels a frame are 4 over width plus height, of most blocks."""
    found = measured(tmp_path / "pan.mkv", PAN, codec)
    assert found is not None
    assert found.mean == pytest.approx(4 / (320 + 192), rel=0.2)


def test_a_still_video_is_static(tmp_path: Path) -> None:
    """What never changes is below both thresholds of the source."""
    found = measured(tmp_path / "still.mkv", f"{STILL},crop=320:192:200:100")
    assert found is not None
    assert found.mean < 0.00098
    assert found.least_patch < 0.000001


def test_a_patch_that_stands_still_is_found(tmp_path: Path) -> None:
    """Where half of the picture moves the mean is half, and the least patch is static."""
    whole, half = (measured(tmp_path / f"{n}.mkv", s) for n, s in (("whole", PAN), ("half", HALF)))
    assert whole is not None
    assert half is not None
    assert half.mean == pytest.approx(whole.mean / 2, rel=0.35)
    assert half.least_patch < 0.000001 < whole.least_patch


@pytest.mark.parametrize("codec", ["ffv1", "libvpx-vp9"])
def test_a_codec_that_tells_no_vectors_gives_none(tmp_path: Path, codec: str) -> None:
    """Where there are none it is not said that nothing moves."""
    assert measured(tmp_path / "pan.mkv", PAN, ("-c:v", codec)) is None
