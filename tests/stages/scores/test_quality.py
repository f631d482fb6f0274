from pathlib import Path

import pytest

from tests.support.pipeline import process, rows
from tests.support.videos import ffmpeg
from vidcurate.records import CLIPS, QUALITY, SOURCES, Quality

SIZE = "320x180:rate=24"
STILL = f"mandelbrot=size={SIZE}:start_scale=0.5,trim=end_frame=1,loop=-1:1,setpts=N/24/TB"
# A picture that slides by two pixels a frame.
PAN = "mandelbrot=size=900x180:rate=24:start_scale=0.5,trim=end_frame=1,loop=-1:1,setpts=N/24/TB"
PAN += ",crop=320:180:x='2*n':y=0"
VIDEOS = {
    "sharp": PAN,
    "blurred": f"{PAN},gblur=sigma=3",
    "noisy": f"{PAN},noise=alls=40:allf=t:all_seed=5",
    "black": f"color=black:size={SIZE}",
    "white": f"color=white:size={SIZE}",
    "frozen": STILL,
    "half frozen": f"{PAN},loop=36:1:12",
    "letterboxed": f"{PAN},drawbox=0:0:320:27:black:fill,drawbox=0:153:320:27:black:fill",
    "pillarboxed": f"{PAN},drawbox=0:0:40:180:black:fill,drawbox=280:0:40:180:black:fill",
    "fast": PAN.replace("2*n", "6*n"),
    "grey": f"{PAN},hue=s=0",
    "blocky": f"{PAN},scale=40:23:flags=area,scale=320:184:flags=neighbor,crop=320:180:0:0",
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Quality]:
    """The measurements of a clip of 2 s of each kind."""
    root = tmp_path_factory.mktemp("quality")
    for name, source in VIDEOS.items():
        lossless = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "6")
        ffmpeg("-f", "lavfi", "-t", "2", "-i", source, *lossless, f"{root}/{name}.mkv")
    options = {"cuts": {"detector": "fixed"}, "split": {"min_clip_s": 1}, "quality": {}}
    process(root / "out", options, root)
    assert len(rows(root / "out", CLIPS)) == len(VIDEOS)
    return by_video(root / "out")


def by_video(out: Path) -> dict[str, Quality]:
    """Each clip's measurements by its video's name."""
    names = {source.video_id: Path(source.path).stem for source in rows(out, SOURCES)}
    return {names[row.video_id]: row for row in rows(out, QUALITY)}


def test_blur_lowers_sharpness(measured: dict[str, Quality]) -> None:
    """The same picture, blurred, is far less sharp; the least sharp sample is no sharper."""
    assert measured["blurred"].sharpness < measured["sharp"].sharpness / 10
    assert 0 < measured["sharp"].sharpness_min <= measured["sharp"].sharpness


def test_noise_is_measured(measured: dict[str, Quality]) -> None:
    """Added grain raises the noise several times over."""
    assert measured["noisy"].noise > 3 * measured["sharp"].noise


def test_blocks_are_measured(measured: dict[str, Quality]) -> None:
    """A picture of 8-pixel blocks stands out; the same without is near 1."""
    assert measured["blocky"].blockiness > 3
    assert measured["sharp"].blockiness == pytest.approx(1, abs=0.3)


def test_black_is_black(measured: dict[str, Quality]) -> None:
    """A black video is black in all frames; bars of it cannot be known; nothing moves."""
    row = measured["black"]
    assert (row.black_share, row.dark_share, row.freeze_share) == (1, 1, 1)
    assert row.luma_mean == pytest.approx(0, abs=1)
    assert (row.letterbox_top, row.letterbox_left) == (0, 0)
    assert row.motion_mean == pytest.approx(0, abs=0.01)
    assert measured["sharp"].black_share == 0


def test_white_is_clipped(measured: dict[str, Quality]) -> None:
    """A white video is at the top of the range in every pixel."""
    row = measured["white"]
    assert (row.bright_share, row.dark_share, row.black_share) == (1, 0, 0)
    assert row.luma_mean == pytest.approx(255, abs=1)
    assert row.luma_spread == pytest.approx(0, abs=0.5)


def test_freezes_are_counted_by_frames(measured: dict[str, Quality]) -> None:
    """A still video repeats every frame; one that stops for 36 of 48 frames, three quarters."""
    assert measured["frozen"].freeze_share == 1
    assert measured["half frozen"].freeze_share == pytest.approx(36 / 47, abs=2 / 47)
    assert measured["sharp"].freeze_share == 0


def test_bars_are_found(measured: dict[str, Quality]) -> None:
    """Bars are shares of height and width; together they are the share of the picture lost."""
    wide, tall = measured["letterboxed"], measured["pillarboxed"]
    assert wide.letterbox_top == pytest.approx(27 / 180, abs=0.015)
    assert wide.letterbox_bottom == pytest.approx(27 / 180, abs=0.015)
    assert (wide.letterbox_left, wide.letterbox_right) == (0, 0)
    assert wide.letterbox_share == pytest.approx(54 / 180, abs=0.03)
    assert tall.letterbox_left == pytest.approx(40 / 320, abs=0.015)
    assert tall.letterbox_right == pytest.approx(40 / 320, abs=0.015)
    assert tall.letterbox_top == 0
    assert measured["sharp"].letterbox_share == 0


def test_motion_is_the_speed_of_the_picture(measured: dict[str, Quality]) -> None:
    """2 and 6 pixels a frame at 24 frames/s are measured in frame diagonals a second."""
    diagonal = (320**2 + 180**2) ** 0.5
    for name, pixels in (("sharp", 2), ("fast", 6)):
        assert measured[name].motion_mean == pytest.approx(pixels * 24 / diagonal, rel=0.2)
    assert measured["frozen"].motion_mean == pytest.approx(0, abs=0.005)


def test_colour_is_measured(measured: dict[str, Quality]) -> None:
    """The same picture without its colour has none."""
    assert measured["grey"].colourfulness < 3
    assert measured["sharp"].colourfulness > 20


def test_a_clip_between_two_samples_says_what_to_do(tmp_path: Path) -> None:
    """A clip too short to hold a sample fails with the remedy; those that hold one do not."""
    ffmpeg("-f", "lavfi", "-t", "4", "-i", PAN, str(tmp_path / "pan.mp4"))
    options = {
        "scan": {"sample_interval_s": 2.0},
        "cuts": {"detector": "fixed", "fixed_interval_s": 1.0},
        "split": {"min_clip_s": 0.5},
        "quality": {},
    }
    count = process(tmp_path / "out", options, tmp_path / "pan.mp4")["quality"]
    assert (count.inputs, count.ok) == (4, 2)
    reason = "no sample is inside the clip: scan with a smaller sample_interval_s, or all frames"
    assert count.reasons == {reason: 2}
