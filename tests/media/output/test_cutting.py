"""Clips hold exactly their frames, whatever video they are cut from."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.counted import COPYABLE, N_FRAMES, QUIET_X265, RECIPES, X264, Counted, counted
from tests.support.videos import counted_frames, ffmpeg, frame_number, number_of, render_counted
from vidcurate.errors import MediaError
from vidcurate.media.io.probe import probe_video
from vidcurate.media.output.cutting import CutFile, CutOptions, cut_clip
from vidcurate.records import Clip

FAST = CutOptions(preset="ultrafast", crf=28)
COPY = CutOptions(mode="copy")
Videos = Callable[[str], Counted]


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """Counted videos by the name of their recipe, each rendered once."""
    folder = tmp_path_factory.mktemp("counted")
    done: dict[str, Counted] = {}

    def get(name: str) -> Counted:
        if name not in done:
            recipe = RECIPES[name]
            done[name] = counted(
                render_counted(
                    folder / f"{name}.{recipe.suffix}",
                    N_FRAMES,
                    rate=recipe.rate,
                    video_filter=recipe.video_filter,
                    encode=recipe.encode,
                )
            )
        return done[name]

    return get


@pytest.fixture(scope="session")
def beeping(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    """Four seconds with a tone from 1.0 to 1.5 s and no sound at all from 2.5 s on."""
    path = tmp_path_factory.mktemp("beeping") / "video.mkv"
    sound = ("-c:a", "flac", "-sample_fmt", "s16")
    return counted(render_counted(path, 96, beep_s=(1.0, 1.5), sound_s=2.5, encode=(*X264, *sound)))


def cut(video: Counted, clip: Clip, out: Path, options: CutOptions = FAST) -> CutFile:
    """One clip of a counted video."""
    return cut_clip(video.path, video.video, clip, options, out)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(("first", "stop"), [(0, 7), (37, 61), (70, N_FRAMES)])
def test_encoded_clip_holds_exactly_its_frames(
    name: str, first: int, stop: int, videos: Videos, tmp_path: Path
) -> None:
    """A clip's frames are those of its span, each at its own time: none foreign, none missing."""
    video = videos(name)
    assert [number for _, number in video.frames] == list(range(N_FRAMES))
    clip = video.clip(first, stop)
    done = cut(video, clip, tmp_path / "clip.mp4")
    times = [(pts - clip.start_pts) * video.video.time_base for pts, _ in video.frames[first:stop]]
    written = counted_frames(tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        base = container.streams.video[0].time_base or Fraction(0)
    assert [number for _, number in written] == list(range(first, stop))
    assert [pts * base for pts, _ in written] == times
    assert done.n_frames == clip.n_frames
    assert done.start_s == clip.start_s


@pytest.mark.parametrize("name", COPYABLE)
def test_copied_clip_starts_at_the_keyframe_before(
    name: str, videos: Videos, tmp_path: Path
) -> None:
    """A copied clip starts at the last keyframe before its span, says where, and covers it."""
    video = videos(name)
    done = cut(video, video.clip(37, 61), tmp_path / "clip.mp4", COPY)
    start = next(number for pts, number in video.frames if near(pts, video, done.start_s))
    written = [number for _, number in counted_frames(tmp_path / "clip.mp4")]
    assert start == max(number for number in keyframes(video) if number <= 37)
    assert written[: 61 - start] == list(range(start, 61))
    assert done.n_frames == len(written)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wmv", "wmv2"),
        ("webm with hidden frames", "vp8"),
        ("avi with B-frames", "display times"),
        ("mpeg-ps", "display times"),
    ],
)
def test_what_cannot_be_copied_fails_with_the_reason(
    name: str, reason: str, videos: Videos, tmp_path: Path
) -> None:
    """A codec that MP4 cannot hold, and an AVI without display times, are named."""
    video = videos(name)
    with pytest.raises(MediaError, match=reason):
        cut(video, video.clip(3, 9), tmp_path / "clip.mp4", COPY)


def near(pts: int, video: Counted, time_s: float) -> bool:
    """Whether a frame lies at a time, within a millisecond."""
    return abs(float(pts * video.video.time_base) - time_s) < 0.001


def keyframes(video: Counted) -> list[int]:
    """The numbers of the keyframes of a counted video."""
    with av.open(str(video.path)) as container:
        frames = container.decode(video=0)
        return [number_of(f) for f in frames if f.key_frame]


def loudness(path: Path) -> tuple[NDArray[np.float64], int]:
    """The absolute sound of a clip, one channel, on the clip's clock, and its samples a second."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    rate = frames[0].sample_rate
    sound = np.zeros(10 * rate)
    end = 0
    for frame in frames:
        begin = round((frame.time or 0) * rate)
        samples = frame.to_ndarray()[0]
        keep = samples[max(0, -begin) :]
        end = max(0, begin) + len(keep)
        sound[max(0, begin) : end] = np.abs(keep)
    return sound[:end], rate


def test_sound_is_in_step_with_the_picture(beeping: Counted, tmp_path: Path) -> None:
    """A tone from 1.0 to 1.5 s of the video lies at 0.25 to 0.75 s of a clip from 0.75 s on."""
    cut(beeping, beeping.clip(18, 48), tmp_path / "clip.mp4")
    sound, rate = loudness(tmp_path / "clip.mp4")
    loud = np.flatnonzero(sound > 0.03) / rate
    assert loud[0] == pytest.approx(0.25, abs=0.02)
    assert loud[-1] == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize(("first", "stop"), [(18, 48), (50, 80), (70, 96)])
def test_sound_is_as_long_as_the_picture(
    first: int, stop: int, beeping: Counted, tmp_path: Path
) -> None:
    """Sound spans the clip, with silence where the video's sound has ended or is not there."""
    clip = beeping.clip(first, stop)
    cut(beeping, clip, tmp_path / "clip.mp4")
    sound, rate = loudness(tmp_path / "clip.mp4")
    assert len(sound) / rate == pytest.approx(clip.duration_s, abs=0.03)


def test_sound_can_be_left_out(beeping: Counted, tmp_path: Path) -> None:
    """With `audio` off a clip has no sound."""
    cut(beeping, beeping.clip(0, 5), tmp_path / "clip.mp4", replace(FAST, audio=False))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert not container.streams.audio


def test_same_input_gives_the_same_bytes(beeping: Counted, tmp_path: Path) -> None:
    """Two cuts of one clip are equal byte for byte."""
    first = cut(beeping, beeping.clip(18, 48), tmp_path / "a.mp4")
    second = cut(beeping, beeping.clip(18, 48), tmp_path / "b.mp4")
    assert first == second
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_keyframe_may_lie_far_before_the_clip(tmp_path: Path) -> None:
    """A clip 20 s after the only keyframe, with silent sound, still holds exactly its frames."""
    encode = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "999", "-c:a", "aac")
    path = tmp_path / "video.mp4"
    video = counted(render_counted(path, 250, rate="10", sound_s=25, encode=encode))
    cut(video, video.clip(200, 230), tmp_path / "clip.mp4")
    assert [n for _, n in counted_frames(tmp_path / "clip.mp4")] == list(range(200, 230))


def test_odd_sizes_lose_one_row_and_column(tmp_path: Path) -> None:
    """A video of 321x49 becomes clips of 320x48."""
    path = tmp_path / "odd.mkv"
    odd = ("-c:v", "ffv1", "-pix_fmt", "yuv444p")
    video = counted(
        render_counted(path, 12, video_filter="scale=321:49:flags=neighbor,setsar=1", encode=odd)
    )
    done = cut(video, video.clip(3, 9), tmp_path / "clip.mp4")
    assert (video.video.width, video.video.height) == (321, 49)
    assert (done.width, done.height) == (320, 48)
    assert [n for _, n in counted_frames(tmp_path / "clip.mp4")] == list(range(3, 9))


def test_turned_videos_become_upright_clips(beeping: Counted, tmp_path: Path) -> None:
    """A video to be shown turned by 180 degrees is cut into clips that need no turning."""
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "180", "-i", str(beeping.path), "-an", "-c", "copy", str(path))
    video = counted(path)
    cut(video, video.clip(3, 9), tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frame = next(container.decode(video=0))
    luma = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    assert video.video.rotation_deg == 180
    assert frame.rotation == 0
    assert frame_number(luma[::-1, ::-1]) == 3


def test_hdr_videos_can_be_cut(tmp_path: Path) -> None:
    """A 10-bit video with the PQ curve becomes an 8-bit clip in the colours of BT.709."""
    pq = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    encode = (*QUIET_X265, "-x265-params", "log-level=none")
    video = counted(render_counted(tmp_path / "hdr.mp4", 12, video_filter=pq, encode=encode))
    done = cut(video, video.clip(3, 9), tmp_path / "clip.mp4")
    clip = probe_video(tmp_path / "clip.mp4", "clip")
    assert video.video.is_hdr
    assert (clip.bit_depth, clip.matrix, clip.primaries, clip.transfer) == (8, *["bt709"] * 3)
    assert done.n_frames == 6


def test_edit_lists_are_respected(videos: Videos, tmp_path: Path) -> None:
    """Frames that an edit list hides are neither counted nor cut."""
    path = tmp_path / "edited.mp4"
    source = videos("mp4 with B-frames").path
    ffmpeg("-ss", "1.5", "-i", str(source), "-c", "copy", str(path))
    video = counted(path)
    assert video.frames[0][1] == 36
    cut(video, video.clip(0, 20), tmp_path / "clip.mp4")
    assert [n for _, n in counted_frames(tmp_path / "clip.mp4")] == list(range(36, 56))


@pytest.mark.parametrize("name", ["-dash 'q' \"d\".mp4", "co:lon %03d.mp4", "new\nline.mp4"])
def test_any_name_works(name: str, beeping: Counted, tmp_path: Path) -> None:
    """Names with dashes, quotes, colons, patterns and newlines work for video and clip alike."""
    (tmp_path / name).write_bytes(beeping.path.read_bytes())
    video = replace(beeping, path=tmp_path / name)
    cut(video, beeping.clip(3, 9), tmp_path / "out" / name)
    assert [n for _, n in counted_frames(tmp_path / "out" / name)] == list(range(3, 9))


def test_a_clip_with_frames_missing_is_refused(beeping: Counted, tmp_path: Path) -> None:
    """A clip that promises a frame too many fails, and leaves no file of any kind."""
    clip = replace(beeping.clip(3, 9), n_frames=7)
    with pytest.raises(MediaError, match=r"clip-3: 6 frames .* 7 expected"):
        cut(beeping, clip, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []
