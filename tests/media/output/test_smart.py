"""Smart cuts hold exactly a clip's frames, of which all between its ends are the video's own."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.counted import N_FRAMES, RECIPES, X264, Counted, Recipe, counted
from tests.support.videos import counted_frames, ffmpeg, render, render_counted
from vidcurate.errors import MediaError
from vidcurate.media.output.cut_file import CutFile, CutOptions
from vidcurate.media.output.cutting import cut_clip
from vidcurate.media.output.smart import StoredPicture, plan_smart, smart_clip

SMART = CutOptions(mode="smart", preset="ultrafast", crf=12)
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
PARAMETERS = "log-level=none:keyint=24:min-keyint=24:bframes=3:open-gop={}"
KINDS = {
    name: RECIPES[name]
    for name in (
        "mp4 with B-frames",
        "fragmented mp4",
        "mp4 that starts at 5 s",
        "mp4 at a variable rate",
        "mkv at a variable rate",
        "mkv at 23.976",
        "mpeg-ts",
        "flv",
    )
} | {
    "mp4 at 29.97": Recipe("mp4", X264, rate="30000/1001"),
    "baseline, 12 from key to key": Recipe(
        "mp4", ("-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", "12")
    ),
    "mkv of HEVC at 29.97": Recipe(
        "mkv", (*X265, "-x265-params", PARAMETERS.format(0)), rate="30000/1001"
    ),
    "mp4 of HEVC, open GOP": Recipe("mp4", (*X265, "-x265-params", PARAMETERS.format(1))),
}
Videos = Callable[[str], Counted]
Frames = list[tuple[Fraction, NDArray[np.uint8]]]


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """Counted videos by the name of their kind, each rendered once."""
    folder = tmp_path_factory.mktemp("smart")
    done: dict[str, Counted] = {}

    def get(name: str) -> Counted:
        if name not in done:
            r = {**RECIPES, **KINDS}[name]
            path = folder / f"{len(done)}.{r.suffix}"
            video = render_counted(
                path, N_FRAMES, rate=r.rate, video_filter=r.video_filter, encode=r.encode
            )
            done[name] = counted(video)
        return done[name]

    return get


def decoded(path: Path, *, strict: bool = True) -> Frames:
    """Time in seconds and stored pixels of each frame; damage is an error if `strict`."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"} if strict else {}
        base = stream.time_base or Fraction(0)
        return [
            ((frame.pts or 0) * base, np.asarray(frame.to_ndarray(), np.uint8))
            for frame in container.decode(stream)
        ]


def smart(video: Counted, first: int, stop: int, out: Path) -> CutFile:
    """One clip of a counted video, cut smartly."""
    return smart_clip(video.path, video.video, video.clip(first, stop), SMART, out)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("first", "stop"), [(0, 8), (20, 90), (37, 61)])
def test_only_the_ends_are_encoded(
    name: str, first: int, stop: int, videos: Videos, tmp_path: Path
) -> None:
    """Every frame is there at its time; whole groups are bit by bit the video's, the rest near."""
    video, out = videos(name), tmp_path / "clip.mp4"
    done = smart(video, first, stop, out)
    written, source = decoded(out), decoded(video.path, strict=False)[first:stop]
    clip = video.clip(first, stop)
    times = [(p - clip.start_pts) * video.video.time_base for p, _ in video.frames[first:stop]]
    assert [number for _, number in counted_frames(out)] == list(range(first, stop))
    assert [time for time, _ in written] == times
    differs = [
        int(np.abs(w[1].astype(int) - s[1]).max()) for w, s in zip(written, source, strict=True)
    ]
    same = [n for n, difference in enumerate(differs, first) if difference == 0]
    group = 12 if "baseline" in name else 24
    key = -(-first // group) * group
    assert set(range(key, stop - 4)) <= set(same)
    assert max(differs) < 40
    with av.open(str(out)) as container:
        assert container.streams.video[0].frames == done.n_frames == stop - first
    assert done.media in ("smart", "copy")


@pytest.mark.parametrize("name", KINDS)
def test_opencv_reads_it_to_the_end_and_seeks_in_it(
    name: str, videos: Videos, tmp_path: Path
) -> None:
    """OpenCV shows as many frames, and after a seek over a joint the same as read in order."""
    out = tmp_path / "clip.mp4"
    smart(videos(name), 5, 86, out)
    reader = cv2.VideoCapture(str(out))
    shown = []
    while True:
        is_read, image = reader.read()
        if not is_read:
            break
        shown.append(image)
    assert len(shown) == 81
    for place in (60, 2, 45, 80, 0):
        reader.set(cv2.CAP_PROP_POS_FRAMES, place)
        assert np.array_equal(reader.read()[1], shown[place])
    reader.release()


def test_a_clip_between_keyframes_is_a_copy(videos: Videos, tmp_path: Path) -> None:
    """From one closed group's start to another's nothing is encoded, and the row says copy."""
    video, out = videos("mp4 with B-frames"), tmp_path / "clip.mp4"
    assert smart(video, 24, 48, out).media == "copy"
    source = decoded(video.path)[24:48]
    assert all(np.array_equal(w[1], s[1]) for w, s in zip(decoded(out), source, strict=True))


@pytest.mark.parametrize(
    ("name", "span", "reason"),
    [
        ("mp4 with B-frames", (30, 40), "no group of pictures begins"),
        ("mp4 at 29.97, open GOP", (37, 61), "no group of pictures begins"),
        ("mkv of 10-bit HEVC", (20, 60), "pixels are yuv420p10le"),
        ("webm", (20, 60), "vp9 cannot be joined"),
        ("avi with B-frames", (20, 60), "mpeg4 cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_encoded(
    name: str, span: tuple[int, int], reason: str, videos: Videos, tmp_path: Path
) -> None:
    """A clip in one group, an open group of H.264 and other codecs are encoded: the row says so."""
    video, out = videos(name), tmp_path / "clip.mp4"
    with pytest.raises(MediaError, match=reason):
        smart(video, *span, out)
    done = cut_clip(video.path, video.video, video.clip(*span), SMART, out)
    assert done.media == "encode"
    assert [number for _, number in counted_frames(out)] == list(range(*span))


def test_turned_and_stretched_videos_are_encoded(videos: Videos, tmp_path: Path) -> None:
    """What an encoded clip would bring in order is not joined."""
    source = videos("mp4 with B-frames")
    for number, (option, reason) in enumerate(
        (("-display_rotation 90", "turned"), ("-aspect 16:9", "not square"))
    ):
        path = tmp_path / f"{number}.mp4"
        before, after = (option.split(), []) if number == 0 else ([], option.split())
        ffmpeg(*before, "-i", str(source.path), "-c", "copy", *after, str(path))
        with pytest.raises(MediaError, match=reason):
            smart(counted(path), 20, 90, tmp_path / "clip.mp4")


def test_sound_is_exactly_as_long_as_the_clip(tmp_path: Path) -> None:
    """The sound of a smart cut is that of an encoded one: of the same span, and as long."""
    video = counted(render(tmp_path / "video.mp4", [("testsrc2", 4.0)]))
    clip = video.clip(30, 80)
    lengths = []
    for mode in ("smart", "encode"):
        out = tmp_path / f"{mode}.mp4"
        options = CutOptions(mode="smart" if mode == "smart" else "encode", preset="ultrafast")
        assert cut_clip(video.path, video.video, clip, options, out).media == mode
        with av.open(str(out)) as container:
            sounds = [
                np.asarray(frame.to_ndarray(), np.float32) for frame in container.decode(audio=0)
            ]
        lengths.append(np.concatenate(sounds, axis=1))
    assert lengths[0].shape == lengths[1].shape
    assert np.abs(lengths[0] - lengths[1]).max() < 0.05


def pictures(*times: int, clean: tuple[int, ...] = (0,)) -> list[StoredPicture]:
    """Packets with frames at these times, in the order of decoding."""
    return [StoredPicture(pts, pts in clean) for pts in times]


def test_a_plan_copies_what_needs_nothing_from_outside(videos: Videos) -> None:
    """Frames before the first clean picture and those that one after the clip's end is needed for.

    A group of B-frames is broken where the clip ends in it.
    """
    clip = videos("mp4 with B-frames").clip(0, 9)
    ticks = (clip.end_pts - clip.start_pts) // 9
    stored = pictures(*(ticks * n for n in (0, 2, 1, 4, 3, 8, 6, 5, 7, 10, 9)))
    plan = plan_smart(stored, clip)
    assert (plan.head, len(plan.copied), plan.tail) == ((), 9, ())
    shorter = pictures(*(ticks * n for n in (0, 2, 1, 9, 6, 5, 4, 3, 8, 7)), clean=(2 * ticks,))
    plan = plan_smart(shorter, clip)
    assert plan.head == (0, ticks)
    assert list(plan.copied.values()) == [2 * ticks]
    assert plan.tail == tuple(ticks * n for n in range(3, 9))
