"""Videos whose pictures are no ordinary ones come out as they are shown, or say what they are."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.counted import Counted
from tests.support.proofs import verify_file
from tests.support.videos import ffmpeg, number_of, render_counted
from vidcurate.clips.rendition import Box, Rendition, Size
from vidcurate.errors import MediaError
from vidcurate.media.io.ffmpeg import find_ffmpeg
from vidcurate.media.io.frames import read_images
from vidcurate.media.io.probe import probe_video
from vidcurate.media.output.cut_file import CutFile, CutOptions
from vidcurate.media.output.cutting import cut_clip
from vidcurate.media.output.frame_match import misread_colours, small_picture
from vidcurate.media.scan.files import read_samples
from vidcurate.media.scan.proxies import decode_jpeg
from vidcurate.media.scan.scanner import ScanOptions, scan_video
from vidcurate.records import Clip, ExportedClip, Video

FAST = CutOptions(preset="ultrafast", crf=4, audio=False)
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "24")
YUV420 = ("-pix_fmt", "yuv420p")
FFV1 = ("-c:v", "ffv1")
PATCHES = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (255, 255, 255)])
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module", params=["bundled", "on PATH"])
def either_ffmpeg(request: pytest.FixtureRequest) -> Iterator[None]:
    """The ffmpeg that cuts: the bundled one, then the one on PATH if there is one."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "bundled":
            patch.setenv("PATH", "")
        elif shutil.which("ffmpeg") is None:
            pytest.skip("no ffmpeg on PATH")
        find_ffmpeg.cache_clear()
        yield
        find_ffmpeg.cache_clear()


def patches(path: Path, size: tuple[int, int], form: str, encode: Sequence[str]) -> Path:
    """A video of five colours side by side, brought into a format by filters."""
    width, height = size
    parts = [
        f"color=0x{r:02x}{g:02x}{b:02x}:size={width // 5}x{height}:duration=0.2,format=gbrp[{n}]"
        for n, (r, g, b) in enumerate(PATCHES)
    ]
    joined = "".join(f"[{n}]" for n in range(len(PATCHES))) + f"hstack={len(PATCHES)},{form}"
    ffmpeg("-filter_complex", f"{';'.join(parts)};{joined}", *encode, f"file:{path}")
    return path


def colours(image: Pixels) -> NDArray[np.int64]:
    """The colours of the middles of five parts side by side of an RGB image: shape (5, 3)."""
    height, width = image.shape[:2]
    at = ((np.arange(len(PATCHES)) + 0.5) * width / len(PATCHES)).astype(int)
    return np.asarray(image[height // 2, at], np.int64)


def whole_clip(path: Path, video: Video) -> Clip:
    """The clip of all frames of a video."""
    with av.open(str(path)) as container:
        pts = [frame.pts or 0 for frame in container.decode(container.streams[-1])]
    end = pts[-1] + pts[-1] - pts[-2]
    base = video.time_base
    times = float(pts[0] * base), float(end * base), float((end - pts[0]) * base)
    return Clip("clip", video.video_id, pts[0], end, base, *times, len(pts))


def written(clip: Clip, done: CutFile) -> ExportedClip:
    """The row of an encoded clip."""
    return ExportedClip(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        media="encode",
        file="clip.mp4",
        size_bytes=done.size_bytes,
        sha256=done.sha256,
        start_s=done.start_s,
        duration_s=done.duration_s,
        n_frames=done.n_frames,
        lead_s=0.0,
        lead_frames=0,
        tail_s=0.0,
        tail_frames=0,
        width=done.width,
        height=done.height,
        frame_rate=None,
        cut_frames=0,
        crop_left=0,
        crop_top=0,
        crop_width=done.width,
        crop_height=done.height,
        picture_width=done.width,
        picture_height=done.height,
        pixel_aspect=Fraction(1),
        display_width=done.width,
        display_height=done.height,
        is_interlaced=False,
        is_hdr=False,
        has_audio=False,
    )


def first_shown(path: Path) -> Pixels:
    """The first frame of a clip as a reader gives it that follows the file's tags."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def first_proxy(path: Path, video: Video) -> Pixels:
    """The first proxy of a video."""
    files = [path.with_suffix(f".{part}.arrow") for part in ("frames", "samples")]
    scan_video(path, ScanOptions(), files[0], files[1], field_order=video.field_order)
    return decode_jpeg(read_samples(files[1], ("jpeg",))["jpeg"][0].as_py())


def scale(matrix: str, value_range: str, form: str) -> str:
    """Filters that bring RGB into YUV with its tags."""
    names = {"bt709": "bt709", "bt601": "smpte170m", "bt2020": "bt2020nc"}
    return (
        f"scale=out_color_matrix={matrix}:out_range={value_range},format={form},"
        f"setparams=range={value_range}:colorspace={names[matrix]}"
    )


HD, SD = (1280, 90), (320, 90)
PALETTE = "split[c][d];[c]palettegen=reserve_transparent=0[e];[d][e]paletteuse=dither=none"
UNTAGGED = "setparams=colorspace=unknown:range=unknown"
COLOURED: dict[str, tuple[tuple[int, int], str, Sequence[str]]] = {
    "RGB, HD": (HD, "format=bgr0", FFV1),
    "RGB, SD": (SD, "format=gbrp", FFV1),
    "RGB of 10 bits, HD": (HD, "format=gbrp10le", FFV1),
    "RGB in H.264, HD": (HD, "format=rgb24", ("-c:v", "libx264rgb", "-preset", "ultrafast")),
    "RGB by a palette": (SD, PALETTE, ("-c:v", "png")),
    "with alpha": (SD, scale("bt601", "tv", "yuva420p"), FFV1),
    "full range, HD": (HD, scale("bt709", "pc", "yuv420p"), X264),
    "full range of 10 bits": (HD, scale("bt709", "pc", "yuv422p10le"), FFV1),
    "BT.709 in SD": (SD, scale("bt709", "tv", "yuv420p"), X264),
    "BT.601 in HD": (HD, scale("bt601", "tv", "yuv444p"), FFV1),
    "untagged, HD": (HD, f"{scale('bt709', 'tv', 'yuv420p')},{UNTAGGED}", X264),
    "untagged, SD": (SD, f"{scale('bt601', 'tv', 'yuv411p')},{UNTAGGED}", FFV1),
    "packed": (SD, scale("bt601", "tv", "yuyv422"), ("-c:v", "rawvideo")),
    "BT.2020's matrix": (HD, scale("bt2020", "tv", "yuv420p10le"), FFV1),
    "MJPEG": (SD, scale("bt601", "pc", "yuvj420p"), ("-c:v", "mjpeg", "-q:v", "2")),
}


@pytest.mark.parametrize("kind", COLOURED)
@pytest.mark.usefixtures("either_ffmpeg")
def test_colours_are_those_of_the_video(kind: str, tmp_path: Path) -> None:
    """Clips, images and proxies of one video have its colours; a clip says how it is to be read."""
    size, form, encode = COLOURED[kind]
    path = patches(tmp_path / "video.mkv", size, form, encode)
    video = probe_video(path, "video")
    clip = whole_clip(path, video)
    done = cut_clip(path, video, clip, FAST, tmp_path / "clip.mp4")
    [(_, image)] = read_images(path, video, [clip.start_pts])
    for shown in (image, first_shown(tmp_path / "clip.mp4"), first_proxy(path, video)):
        assert np.abs(colours(shown) - PATCHES).max() <= 8
    found = probe_video(tmp_path / "clip.mp4", "clip")
    assert found.matrix in ("bt709", "smpte170m", "bt470bg", "bt2020nc")
    assert (found.pixel_format, found.is_full_range) == ("yuv420p", False)
    assert "unknown" not in (found.primaries, found.transfer)
    video_pts = np.arange(clip.n_frames) * (clip.end_pts - clip.start_pts) // clip.n_frames
    row = written(clip, done)
    pts = video_pts + clip.start_pts
    verify_file(path, video, clip, pts, tmp_path / "clip.mp4", row)


NORMALISED = ("RGB of 10 bits, HD", "full range of 10 bits", "BT.601 in HD", "BT.2020's matrix")


@pytest.mark.parametrize("kind", NORMALISED)
def test_a_rendition_has_the_colours_of_the_video(kind: str, tmp_path: Path) -> None:
    """What is cropped, scaled, padded and sampled at a constant rate is converted as the whole."""
    size, form, encode = COLOURED[kind]
    path = patches(tmp_path / "video.mkv", size, form, encode)
    video = probe_video(path, "video")
    clip = whole_clip(path, video)
    # The three colours in the middle.
    crop = Box(256, 0, 768, 90)
    rendition = Rendition(crop, Size(384, 44), Size(384, 64), Fraction(50), 10)
    cut_clip(path, video, clip, FAST, tmp_path / "clip.mp4", rendition=rendition)
    shown = first_shown(tmp_path / "clip.mp4")
    assert shown.shape == (64, 384, 3)
    assert np.abs(shown[32, [64, 192, 320]].astype(int) - PATCHES[1:4]).max() <= 8
    assert max(shown[:9].max(), shown[55:].max()) <= 8
    found = probe_video(tmp_path / "clip.mp4", "clip")
    assert (found.pixel_format, found.is_full_range) == ("yuv420p", False)
    assert "unknown" not in (found.matrix, found.primaries, found.transfer)


@pytest.mark.parametrize("wrong", ["in_color_matrix=bt709:out_color_matrix=bt601", "out_range=pc"])
def test_wrong_colours_are_found(wrong: str, tmp_path: Path) -> None:
    """A file with another matrix or range than it says is refused."""
    path = patches(tmp_path / "video.mkv", HD, scale("bt709", "tv", "yuv420p"), X264)
    video = probe_video(path, "video")
    clip = whole_clip(path, video)
    file = tmp_path / "clip.mp4"
    right = cut_clip(path, video, clip, FAST, file)
    tags = "setparams=range=tv:colorspace=bt709"
    ffmpeg("-i", str(path), "-vf", f"scale={wrong},format=yuv420p,{tags}", *X264, str(file))
    row = replace(written(clip, right), duration_s=clip.duration_s)
    video_pts = clip.start_pts + np.arange(clip.n_frames) * 40
    with pytest.raises(MediaError, match="other colours"):
        verify_file(path, video, clip, video_pts, file, row)


def test_misread_pictures_differ() -> None:
    """A picture whose colours are read in a wrong way is told from the right one."""
    frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), (200, 40, 30), np.uint8), "rgb24")
    own = small_picture(frame, (16, 16), None)[0]
    assert all(np.abs(own - other).max() > 4 for other in misread_colours(own))


def pq_code(nits: float) -> float:
    """The value of the PQ curve (SMPTE ST 2084) for a light, 0..1."""
    power = (nits / 10_000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


@pytest.mark.usefixtures("either_ffmpeg")
def test_high_range_is_brought_into_range(tmp_path: Path) -> None:
    """Greys of a PQ video keep their order and end at white; images, proxies and clips agree."""
    nits = (0, 5, 20, 100, 1000)
    codes = [round(65535 * pq_code(light)) for light in nits]
    levels = "+".join(f"{code}*between(X,{n * 64},{n * 64 + 63})" for n, code in enumerate(codes))
    grey = ":".join(f"{channel}='{levels}'" for channel in "rgb")
    source = f"color=black:size=320x180:duration=0.2,format=gbrp16le,geq={grey}"
    tags = "setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084"
    form = f"scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le,{tags}"
    path = tmp_path / "video.mkv"
    ffmpeg("-f", "lavfi", "-i", f"{source},{form}", *FFV1, str(path))
    video = probe_video(path, "video")
    assert video.is_hdr
    assert any("BT.709" in fault for fault in video.faults)
    clip = whole_clip(path, video)
    cut_clip(path, video, clip, FAST, tmp_path / "clip.mp4")
    [(_, image)] = read_images(path, video, [clip.start_pts])
    size = Size(320, 90)
    rendition = Rendition(Box(0, 90, 320, 90), size, size, Fraction(50), 10)
    cut_clip(path, video, clip, FAST, tmp_path / "part.mp4", rendition=rendition)
    greys = colours(image)
    assert np.ptp(greys, axis=1).max() <= 3
    # Light below the knee is as it was: 100 of 203 cd/m2 of white, by a display's curve.
    due = [255 * (light / 203) ** (1 / 2.4) for light in nits[:4]]
    assert greys[:4, 0] == pytest.approx(due, abs=4)
    assert greys[4, 0] >= 250
    files = [first_shown(tmp_path / f"{name}.mp4") for name in ("clip", "part")]
    for shown in (*files, first_proxy(path, video)):
        assert np.abs(colours(shown) - greys).max() <= 5
    assert probe_video(tmp_path / "clip.mp4", "clip").transfer == "bt709"


SQUARED = {
    "64/45": ((720, 576), (1024, 576)),
    "8/9": ((720, 480), (640, 480)),
    "65535/1": ((64, 48), (64, 48)),
    "1/30": ((64, 48), (64, 48)),
}


@pytest.mark.parametrize("aspect", SQUARED)
@pytest.mark.usefixtures("either_ffmpeg")
def test_clips_have_square_pixels(aspect: str, tmp_path: Path) -> None:
    """Clips, images and proxies have the shape that is shown; nonsense is taken as square."""
    coded, shown = SQUARED[aspect]
    path = tmp_path / "video.mkv"
    source = f"testsrc2=size={coded[0]}x{coded[1]}:duration=0.2,setsar={aspect}:max=70000"
    ffmpeg("-f", "lavfi", "-i", source, *X264, str(path))
    video = probe_video(path, "video")
    clip = whole_clip(path, video)
    done = cut_clip(path, video, clip, FAST, tmp_path / "clip.mp4")
    [(_, image)] = read_images(path, video, [clip.start_pts])
    assert (video.width, video.height) == coded
    assert (video.display_width, video.display_height) == shown
    assert (done.width, done.height) == image.shape[1::-1] == shown
    assert probe_video(tmp_path / "clip.mp4", "clip").pixel_aspect == 1
    height, width = first_proxy(path, video).shape[:2]
    assert width / height == pytest.approx(shown[0] / shown[1], rel=0.02)


def test_a_turned_video_of_wide_pixels(tmp_path: Path) -> None:
    """Pixels of 2:1 on their side are tall: 64x96 turned by a quarter is shown as 96x128."""
    flat, path = tmp_path / "flat.mp4", tmp_path / "video.mp4"
    source = "testsrc2=size=64x96:duration=0.2,setsar=2/1"
    ffmpeg("-f", "lavfi", "-i", source, *X264, str(flat))
    ffmpeg("-display_rotation", "90", "-i", str(flat), "-c", "copy", str(path))
    video = probe_video(path, "video")
    clip = whole_clip(path, video)
    done = cut_clip(path, video, clip, FAST, tmp_path / "clip.mp4")
    [(_, image)] = read_images(path, video, [clip.start_pts])
    assert (done.width, done.height) == image.shape[1::-1] == (96, 128)
    clear = np.abs(first_shown(tmp_path / "clip.mp4").astype(int) - image).mean()
    assert clear < 12


MOVING = "testsrc2=size=640x480:rate=50:duration=0.8"
LACED = {
    "flagged": (
        "interlace=lowpass=0",
        ("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ildct+ilme"),
    ),
    "MBAFF": ("interlace=lowpass=0", (*X264, "-flags", "+ildct+ilme", "-crf", "12")),
    "flag lost": ("interlace=lowpass=0,setfield=prog", (*X264, "-crf", "12")),
    "bottom first": ("interlace=scan=bff:lowpass=0,setfield=prog", FFV1),
}


@pytest.mark.parametrize("kind", LACED)
@pytest.mark.usefixtures("either_ffmpeg")
def test_interlaced_videos_are_made_whole(kind: str, tmp_path: Path) -> None:
    """They are known, flagged or not; clips and images have no combs, and as many frames."""
    laced, encode = LACED[kind]
    path = tmp_path / "video.mkv"
    ffmpeg("-f", "lavfi", "-i", f"{MOVING},{laced}", *encode, str(path))
    video = probe_video(path, "video")
    clip = whole_clip(path, video)
    done = cut_clip(path, video, clip, FAST, tmp_path / "clip.mp4")
    assert (video.is_interlaced, video.field_order) == (True, "bottom" if "bff" in laced else "top")
    assert any("interlaced" in fault for fault in video.faults)
    assert done.n_frames == clip.n_frames
    assert not probe_video(tmp_path / "clip.mp4", "clip").is_interlaced
    times = [clip.start_pts + n * (clip.end_pts - clip.start_pts) // clip.n_frames for n in (8, 9)]
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for number, (_, image) in enumerate(read_images(path, video, times), 8):
        assert np.abs(frames[number].astype(int) - image).mean() < 3


@pytest.mark.parametrize("flags", [(), ("-flags", "+ildct+ilme")])
def test_whole_pictures_are_left_alone(flags: Sequence[str], tmp_path: Path) -> None:
    """A video of whole pictures is not interlaced, though it be flagged so."""
    path = tmp_path / "video.mkv"
    source = "testsrc2=size=640x480:rate=25:duration=1"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "mpeg2video", "-q:v", "2", *flags, str(path))
    video = probe_video(path, "video")
    assert (video.is_interlaced, video.field_order) == (False, "progressive")


def test_combs_are_no_sharpness(tmp_path: Path) -> None:
    """Interlaced and whole, one video is about as sharp."""
    sharp = []
    for laced in ("interlace=lowpass=0", "framestep=2"):
        path = tmp_path / f"{laced[:5]}.mkv"
        ffmpeg("-f", "lavfi", "-i", f"{MOVING},{laced}", *FFV1, str(path))
        first_proxy(path, probe_video(path, "video"))
        found = read_samples(path.with_suffix(".samples.arrow"), ("sharpness",))["sharpness"]
        sharp.append(np.mean(found.to_numpy()))
    assert sharp[0] == pytest.approx(sharp[1], rel=0.5)


def covered(folder: Path, suffix: str, pictures: int, *flags: str) -> Path:
    """A video of 36 frames behind a cover of so many pictures."""
    video = render_counted(folder / "plain.mp4", 36, beep_s=(0, 1), encode=(*X264, "-c:a", "aac"))
    cover, path = folder / "cover.mkv", folder / f"video.{suffix}"
    source = "smptehdbars=size=640x360:rate=1"
    ffmpeg("-f", "lavfi", "-i", source, "-frames:v", str(pictures), "-c:v", "mjpeg", str(cover))
    both = ("-i", str(cover), "-i", str(video), "-map", "0", "-map", "1", "-c", "copy")
    ffmpeg(*both, "-disposition:v:0", "0", *flags, str(path))
    return path


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
@pytest.mark.parametrize("pictures", [1, 2])
@pytest.mark.parametrize("flags", [(), ("-disposition:v:0", "default", "-disposition:v:1", "0")])
def test_a_cover_is_not_the_video(
    suffix: str, pictures: int, flags: Sequence[str], tmp_path: Path
) -> None:
    """A cover that comes first is passed over by probe, scan, images and clips."""
    path = covered(tmp_path, suffix, pictures, *flags)
    probed = probe_video(path, "video")
    assert (probed.width, probed.height, probed.faults) == (320, 48, ())
    with av.open(str(path)) as container:
        pts = [frame.pts or 0 for frame in container.decode(video=1)]
    counted = Counted(path, probed, [(time, n) for n, time in enumerate(pts)])
    cut_clip(path, probed, counted.clip(5, 9), FAST, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert [number_of(frame) for frame in container.decode(video=0)] == [5, 6, 7, 8]
    [(_, image)] = read_images(path, probed, [pts[30]])
    assert image.shape == (48, 320, 3)


@pytest.mark.parametrize("pictures", [1, 2])
def test_a_cover_and_sound_are_no_video(pictures: int, tmp_path: Path) -> None:
    """Sound with a picture or two is refused in plain words."""
    cover, path = tmp_path / "cover.mkv", tmp_path / "song.mp4"
    source = "smptebars=size=64x48:rate=1"
    ffmpeg("-f", "lavfi", "-i", source, "-frames:v", str(pictures), "-c:v", "mjpeg", str(cover))
    sound = ("-f", "lavfi", "-i", "sine=duration=20", "-c:a", "aac")
    ffmpeg("-i", str(cover), *sound, "-c:v", "copy", str(path))
    with pytest.raises(MediaError, match="not a video"):
        probe_video(path, "video")


def test_of_several_videos_one_is_named(tmp_path: Path) -> None:
    """Of two angles the default one, else the larger, is taken; the faults say which."""
    path = tmp_path / "video.ts"
    small, large = (f"testsrc2=size={size}:duration=2" for size in ("160x120", "320x240"))
    inputs = ("-f", "lavfi", "-i", small, "-f", "lavfi", "-i", large, "-map", "0", "-map", "1")
    ffmpeg(*inputs, "-c:v", "mpeg2video", str(path))
    video = probe_video(path, "video")
    assert (video.width, video.faults) == (320, ("several video streams: number 1 is taken",))


def without_table(data: bytes) -> bytes:
    """An MP4 without its table of keyframes, so that every sample counts as one."""
    return data.replace(b"stss", b"free")


def wrong_table(data: bytes) -> bytes:
    """An MP4 whose table of keyframes names others, but for the first."""
    changed = bytearray(data)
    start = data.index(b"stss") + 12
    for entry in range(start + 4, start + 4 * int.from_bytes(data[start - 4 : start], "big"), 4):
        number = int.from_bytes(changed[entry : entry + 4], "big") + 5
        changed[entry : entry + 4] = number.to_bytes(4, "big")
    return bytes(changed)


X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=24")
REFRESHED = (*X264[:-2], "-x264-params", "intra-refresh=1:keyint=12:scenecut=0", "-bf", "0")
FALSE_KEYS: dict[str, tuple[Sequence[str], Callable[[bytes], bytes]]] = {
    "H.264 without table": (X264, without_table),
    "HEVC without table": (X265, without_table),
    "HEVC with a wrong table": (X265, wrong_table),
    "MPEG-4 without table": (("-c:v", "mpeg4", "-g", "24", "-bf", "2"), without_table),
    "MPEG-4 with a wrong table": (("-c:v", "mpeg4", "-g", "24"), wrong_table),
    "refreshed part by part": (REFRESHED, bytes),
}


@pytest.mark.parametrize("kind", FALSE_KEYS)
def test_false_keyframes_are_not_believed(kind: str, tmp_path: Path) -> None:
    """Images and clips show whole pictures, wherever a container says that decoding can begin."""
    encode, change = FALSE_KEYS[kind]
    source = "testsrc2=size=160x120:rate=24"
    path = tmp_path / "video.mp4"
    ffmpeg("-f", "lavfi", "-i", source, "-frames:v", "90", *YUV420, *encode, str(path))
    path.write_bytes(change(path.read_bytes()))
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    probed = probe_video(path, "video")
    counted = Counted(path, probed, [(frame.pts or 0, n) for n, frame in enumerate(frames)])
    numbers = (30, 47, 77)
    for number in numbers:
        [(_, image)] = read_images(path, probed, [counted.frames[number][0]])
        due = frames[number].to_ndarray(format="rgb24")
        assert np.abs(image.astype(int) - due).mean() < 2
    clip = counted.clip(40, 50)
    done = cut_clip(path, probed, clip, FAST, tmp_path / "clip.mp4")
    pts = np.array([time for time, _ in counted.frames])
    row = written(clip, done)
    proof = verify_file(path, probed, clip, pts, tmp_path / "clip.mp4", row)
    assert proof.first.error < 4
