"""Encoded files have the rate, size and length that they were planned with, in whichever decode."""

import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.counted import N_FRAMES, RECIPES, X264, Counted, counted
from tests.support.videos import counted_frames, ffmpeg, render_counted
from vidcurate.clips.rendition import Box, Rendition, Size
from vidcurate.errors import MediaError, MissingToolError
from vidcurate.media.io.ffmpeg import describe_ffmpeg, find_ffmpeg
from vidcurate.media.io.probe import probe_video
from vidcurate.media.output.cut_file import ClipJob, CutFile, CutOptions
from vidcurate.media.output.cutting import cut_clip, cut_clips, near_each_other
from vidcurate.media.output.encoders import CLIP_ENCODERS, EncoderName, check_opens
from vidcurate.records import Clip

FAST = CutOptions(preset="ultrafast", crf=28)
SILENT = replace(FAST, audio=False)
FULL = Box(0, 0, 320, 48)
Videos = Callable[[str], Counted]
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """Counted videos by the name of their recipe, each rendered once."""
    folder = tmp_path_factory.mktemp("counted")
    done: dict[str, Counted] = {}

    def get(name: str) -> Counted:
        if name not in done:
            recipe = RECIPES[name]
            path = folder / f"{name}.{recipe.suffix}"
            made = render_counted(
                path,
                N_FRAMES,
                rate=recipe.rate,
                video_filter=recipe.video_filter,
                encode=recipe.encode,
            )
            done[name] = counted(made)
        return done[name]

    return get


@pytest.fixture(scope="module")
def beeping(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    """Six seconds with a tone from 1.0 to 1.5 s."""
    path = tmp_path_factory.mktemp("beeping") / "video.mp4"
    return counted(render_counted(path, 144, beep_s=(1.0, 1.5), encode=(*X264, "-c:a", "aac")))


def sampled(fps: Fraction, n_frames: int) -> Rendition:
    """A rendition that changes the rate alone."""
    return Rendition(FULL, Size(320, 48), Size(320, 48), fps, n_frames)


def shown_at(video: Counted, clip: Clip, fps: Fraction) -> list[int]:
    """The number that the video shows at each instant of a clip."""
    inside = [(pts, n) for pts, n in video.frames if clip.start_pts <= pts < clip.end_pts]
    duration_s = (clip.end_pts - clip.start_pts) * clip.time_base
    return [
        max((pts, n) for pts, n in inside if (pts - clip.start_pts) * clip.time_base <= k / fps)[1]
        for k in range(ceil(duration_s * fps))
    ]


@pytest.mark.parametrize("fps", [Fraction(16), Fraction(24_000, 1001), Fraction(60)])
@pytest.mark.parametrize(
    "name",
    ["mp4 with B-frames", "mp4 at 29.97, open GOP", "mkv at a variable rate", "mpeg-ps", "webm"],
)
def test_pictures_are_those_that_the_video_shows_at_a_constant_rate(
    name: str, fps: Fraction, videos: Videos, tmp_path: Path
) -> None:
    """Picture k is what the video shows at k / fps, and the header says how many there are."""
    video = videos(name)
    clip = video.clip(37, 61)
    expected = shown_at(video, clip, fps)
    out = tmp_path / "clip.mp4"
    done = cut_clip(
        video.path, video.video, clip, SILENT, out, rendition=sampled(fps, len(expected))
    )
    assert [number for _, number in counted_frames(out)] == expected
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert stream.frames == done.n_frames == len(expected)
        assert stream.average_rate == fps
        times = sorted(
            p.pts * Fraction(stream.time_base or 0)
            for p in container.demux(stream)
            if p.pts is not None
        )
    assert times == [k / fps for k in range(len(expected))]
    assert done.duration_s == pytest.approx(float(len(expected) / fps), abs=1e-4)


def test_frames_that_cannot_be_decoded_fail_at_a_constant_rate_too(
    videos: Videos, tmp_path: Path
) -> None:
    """Repeated pictures do not hide that the video ends before its clip does."""
    video = videos("mp4 with B-frames")
    clip = video.clip(60, N_FRAMES)
    longer = replace(clip, end_pts=clip.end_pts + 5 * (clip.end_pts - clip.start_pts) // 30)
    longer = replace(longer, n_frames=clip.n_frames + 5)
    with pytest.raises(MediaError, match=r"30 frames were decoded .* 35 expected"):
        cut_clip(
            video.path,
            video.video,
            longer,
            SILENT,
            tmp_path / "clip.mp4",
            rendition=sampled(Fraction(16), 24),
        )
    assert not list(tmp_path.iterdir())


def test_sound_is_as_long_as_the_pictures(beeping: Counted, tmp_path: Path) -> None:
    """Where the last picture outlasts its clip, silence follows; the tone stays in its place."""
    clip = beeping.clip(18, 139)
    done = cut_clip(
        beeping.path,
        beeping.video,
        clip,
        FAST,
        tmp_path / "clip.mp4",
        rendition=sampled(Fraction(16), 81),
    )
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = list(container.decode(audio=0))
    sound = np.abs(np.concatenate([frame.to_ndarray()[0] for frame in frames]))
    rate = frames[0].sample_rate
    assert done.duration_s == 81 / 16
    assert len(sound) / rate == pytest.approx(81 / 16, abs=0.05)
    assert np.flatnonzero(sound > 0.03)[0] / rate == pytest.approx(0.25, abs=0.03)


def quartered(path: Path, size: tuple[int, int], pixel_aspect: str = "1") -> Path:
    """A video whose quarters are white, red, green and blue, in the order of reading."""
    half = f"{size[0] // 2}x{size[1] // 2}"
    parts = [
        f"color={name}:size={half}:rate=24:duration=0.5[{n}]"
        for n, name in enumerate(("white", "red", "lime", "blue"))
    ]
    graph = ";".join(
        (*parts, "[0][1]hstack[a]", "[2][3]hstack[b]", f"[a][b]vstack,setsar={pixel_aspect}")
    )
    ffmpeg("-filter_complex", graph, *X264, f"file:{path}")
    return path


def picture(path: Path) -> Pixels:
    """The first picture of a file in RGB."""
    with av.open(str(path)) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


def clip_of(path: Path) -> Counted:
    """What is known of a video that is not counted."""
    with av.open(str(path)) as container:
        frames = [(frame.pts or 0, n) for n, frame in enumerate(container.decode(video=0))]
    return Counted(path, probe_video(path, "video"), frames)


def near_colour(pixel: Pixels, *rgb: int) -> bool:
    """Whether a pixel has a colour, about."""
    return bool(np.abs(pixel.astype(int) - rgb).max() < 30)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("aspect", ["1", "2", "1/2"])
def test_the_crop_is_in_pixels_of_the_displayed_picture(
    aspect: str, turned: bool, tmp_path: Path
) -> None:
    """Of a picture that is turned, or of pixels that are not square, the part shown is cropped."""
    path = quartered(tmp_path / "plain.mp4", (160, 96), aspect)
    if turned:
        ffmpeg(
            "-display_rotation", "90", "-i", str(path), "-c", "copy", str(tmp_path / "turned.mp4")
        )
        path = tmp_path / "turned.mp4"
    video = clip_of(path)
    width, height = video.video.display_width, video.video.display_height
    middle = Box(width // 4 // 2 * 2, height // 4 // 2 * 2, width // 2, height // 2)
    rendition = Rendition(middle, Size(64, 64), Size(64, 64), None, 12)
    cut_clip(path, video.video, video.clip(0, 12), SILENT, tmp_path / "c.mp4", rendition=rendition)
    shown = picture(tmp_path / "c.mp4")
    corners = [shown[y, x] for y in (12, 52) for x in (12, 52)]
    upright = [(255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    expected = [upright[n] for n in ((1, 3, 0, 2) if turned else (0, 1, 2, 3))]
    assert all(near_colour(p, *rgb) for p, rgb in zip(corners, expected, strict=True))
    # The quarters meet in the middle, to two pixels.
    assert not near_colour(shown[12, 28], *expected[1])
    assert near_colour(shown[12, 36], *expected[1])


def test_padding_is_black_around_the_whole_picture(tmp_path: Path) -> None:
    """A padded file has its picture in the middle, and square pixels."""
    video = clip_of(quartered(tmp_path / "video.mp4", (160, 96)))
    rendition = Rendition(Box(0, 0, 160, 96), Size(80, 48), Size(96, 96), Fraction(12), 6)
    out = tmp_path / "clip.mp4"
    cut_clip(video.path, video.video, video.clip(0, 12), SILENT, out, rendition=rendition)
    shown = picture(out)
    assert shown.shape == (96, 96, 3)
    assert shown[:23].max() < 8
    assert shown[73:].max() < 8
    assert shown[:, :7].max() < 8
    assert near_colour(shown[30, 16], 255, 255, 255)
    assert near_colour(shown[66, 80], 0, 0, 255)


def test_interlaced_video_is_sampled_after_it_is_deinterlaced(tmp_path: Path) -> None:
    """A constant rate takes whole pictures, each of its frame's first field."""
    path = tmp_path / "video.mkv"
    made = render_counted(path, 48, rate="25", video_filter="setfield=tff", encode=("-c:v", "ffv1"))
    video = counted(made)
    found = replace(video.video, field_order="top", is_interlaced=True)
    out = tmp_path / "clip.mp4"
    clip = video.clip(5, 30)
    cut_clip(path, found, clip, SILENT, out, rendition=sampled(Fraction(5), 5))
    assert [number for _, number in counted_frames(out)] == [5, 10, 15, 20, 25]


def jobs_of(video: Counted, spans: list[tuple[int, int]], folder: Path) -> list[ClipJob]:
    """Clips to be written, at 12 frames a second."""
    return [
        ClipJob(
            replace(video.clip(*span), clip_id=str(n)),
            folder / f"{n}.mp4",
            sampled(Fraction(12), len(shown_at(video, video.clip(*span), Fraction(12)))),
        )
        for n, span in enumerate(spans)
    ]


SPANS = [(3, 30), (30, 57), (60, 88)]


@pytest.mark.parametrize("name", ["mp4 at a variable rate", "mpeg-ts", "webm", "avi with B-frames"])
def test_clips_of_one_decode_are_those_of_their_own(
    name: str, videos: Videos, tmp_path: Path
) -> None:
    """Several clips from one decode have the bytes that each has by itself."""
    video = videos(name)
    (tmp_path / "alone").mkdir()
    together, alone = (jobs_of(video, SPANS, tmp_path / f) for f in ("", "alone"))
    assert len(near_each_other(video.path, video.video, together, SILENT, ())) == 1
    found = list(cut_clips(video.path, video.video, together, SILENT))
    for job, single, done in zip(together, alone, found, strict=True):
        assert isinstance(done, CutFile)
        by_itself = cut_clip(
            video.path, video.video, single.clip, SILENT, single.out, rendition=single.rendition
        )
        assert done.sha256 == by_itself.sha256
        assert [n for _, n in counted_frames(job.out)] == shown_at(video, job.clip, Fraction(12))
    assert sorted(f.name for f in tmp_path.iterdir()) == ["0.mp4", "1.mp4", "2.mp4", "alone"]


def test_clips_of_one_decode_have_their_own_sound(beeping: Counted, tmp_path: Path) -> None:
    """The tone is in the clip of its span alone."""
    jobs = [
        ClipJob(replace(beeping.clip(a, b), clip_id=str(n)), tmp_path / f"{n}.mp4")
        for n, (a, b) in enumerate([(0, 20), (20, 44), (44, 100)])
    ]
    done = list(cut_clips(beeping.path, beeping.video, jobs, FAST))
    assert all(isinstance(one, CutFile) and one.has_audio for one in done)
    loud = []
    for job in jobs:
        with av.open(str(job.out)) as container:
            loud.append(max(np.abs(f.to_ndarray()).max() for f in container.decode(audio=0)))
    assert [level > 0.03 for level in loud] == [False, True, False]


@pytest.mark.parametrize(("form", "n_decodes"), [("mp4", 1), ("mkv", 3)])
def test_clips_of_one_decode_sound_as_those_of_their_own(
    form: str, n_decodes: int, tmp_path: Path
) -> None:
    """Sound too has the bytes of a clip cut by itself, wherever its decoder began.

    In Matroska it would not, since its times are rounded; such clips are decoded apart.
    """
    path = tmp_path / f"video.{form}"
    encode = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "24", "-bf", "2", "-c:a", "aac")
    video = counted(render_counted(path, 240, beep_s=(2.0, 7.5), encode=encode))
    (tmp_path / "alone").mkdir()
    spans = [(30, 90), (90, 131), (140, 220)]
    together, alone = (jobs_of(video, spans, tmp_path / f) for f in ("", "alone"))
    assert len(near_each_other(video.path, video.video, together, FAST, ())) == n_decodes
    found = list(cut_clips(video.path, video.video, together, FAST))
    for single, done in zip(alone, found, strict=True):
        assert isinstance(done, CutFile)
        by_itself = cut_clip(
            video.path, video.video, single.clip, FAST, single.out, rendition=single.rendition
        )
        assert done.has_audio
        assert done.sha256 == by_itself.sha256


def test_a_failing_clip_does_not_harm_those_of_its_decode(videos: Videos, tmp_path: Path) -> None:
    """Others are written; the failing one says why."""
    video = videos("mp4 with B-frames")
    jobs = jobs_of(video, SPANS, tmp_path)
    jobs[1] = replace(jobs[1], clip=replace(jobs[1].clip, n_frames=99))
    found = list(cut_clips(video.path, video.video, jobs, SILENT))
    assert [isinstance(one, CutFile) for one in found] == [True, False, True]
    assert isinstance(found[1], MediaError)
    assert "99 expected" in str(found[1])
    assert sorted(f.name for f in tmp_path.iterdir()) == ["0.mp4", "2.mp4"]


def test_clips_far_from_each_other_are_decoded_apart(videos: Videos, tmp_path: Path) -> None:
    """Nothing between them is decoded where keyframes allow to skip it."""
    video = videos("mp4 with B-frames")
    jobs = jobs_of(video, [(0, 5), (75, 88)], tmp_path)
    parts = near_each_other(video.path, video.video, jobs, SILENT, ())
    assert [len(part.jobs) for part in parts] == [1, 1]


@pytest.mark.parametrize("name", ["x264", "x265", "svt-av1"])
def test_each_encoder_writes_files_that_are_right(
    name: EncoderName, videos: Videos, tmp_path: Path
) -> None:
    """Codec, pixels, colours, counts and the picture are right, whichever encoder it is."""
    video = videos("mp4 with B-frames")
    out = tmp_path / "clip.mp4"
    clip = video.clip(5, 53)
    options = replace(SILENT, encoder=name)
    # SVT-AV1 takes no picture that is lower than 64 pixels.
    rendition = Rendition(FULL, Size(320, 64), Size(320, 64), Fraction(16), 32)
    done = cut_clip(video.path, video.video, clip, options, out, rendition=rendition)
    found = probe_video(out, "clip")
    codec = {"x264": "h264", "x265": "hevc", "svt-av1": "av1"}[name]
    assert (found.video_codec, found.pixel_format, found.is_full_range) == (codec, "yuv420p", False)
    assert found.n_frames_header == done.n_frames == 32
    assert "unknown" not in (found.matrix, found.primaries, found.transfer)
    numbers = [number for _, number in counted_frames(out)]
    assert numbers == shown_at(video, clip, Fraction(16))


def test_an_encoder_without_its_gpu_is_refused_before_anything_starts() -> None:
    """Without an NVIDIA GPU that encodes, the message says so; others need none."""
    tool = find_ffmpeg()
    check_opens(tool, "x264")
    if Path("/dev/nvidia0").exists() or CLIP_ENCODERS["h264-nvenc"].codec not in tool.encoders:
        pytest.skip("there is a GPU, or this ffmpeg knows none")
    with pytest.raises(
        MissingToolError, match=r"h264-nvenc does not start .* export.encoder to x264"
    ):
        check_opens(tool, "h264-nvenc")


def test_an_ffmpeg_on_path_that_lacks_the_encoder_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundled one is used for x265, and the reason is kept."""
    real = find_ffmpeg()
    lists = tmp_path / "lists"
    for question in ("encoders", "filters"):
        names = sorted(getattr(describe_ffmpeg(real.path), question) - {"libx265"})
        (tmp_path / question).write_text("".join(f" V..... {n} of it\n" for n in names), "ascii")
    lists.write_text("-fps_mode\n", "ascii")
    script = tmp_path / "ffmpeg"
    script.write_text(
        "#!/bin/sh\n"
        'case "$*" in *-version*) echo "ffmpeg version 1";; '
        f'*-encoders*) cat "{tmp_path}/encoders";; *-filters*) cat "{tmp_path}/filters";; '
        f'*) cat "{lists}";; esac\n',
        "ascii",
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    find_ffmpeg.cache_clear()
    assert find_ffmpeg(("libx264", "aac"), ("fps",)).path == str(script)
    other = find_ffmpeg(("libx265", "aac"), ("fps",))
    assert other.path != str(script)
    assert other.refused == f"{script} (version 1) lacks encoder libx265"
    find_ffmpeg.cache_clear()


def test_sound_that_an_edit_list_hides_costs_none_of_a_clip_s(tmp_path: Path) -> None:
    """In a file that was cut without encoding, a clip's sound is whole from its first moment."""
    whole, path = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    render_counted(whole, 240, beep_s=(0, 10), encode=(*X264, "-c:a", "aac"))
    ffmpeg("-ss", "1.9", "-i", f"file:{whole}", "-c", "copy", f"file:{path}")
    video = clip_of(path)
    frames = [(pts, n) for pts, n in video.frames if pts >= 0]
    clip = replace(video, frames=frames).clip(124, 160)
    cut_clip(path, video.video, clip, FAST, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert np.abs(sound[2000:60_000]).reshape(-1, 1000).max(1).min() > 0.03
