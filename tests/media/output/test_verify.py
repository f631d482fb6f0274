"""A clip file is proved to hold its shot, and each way of breaking that is found."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.counted import COPYABLE, N_FRAMES, RECIPES, X264, Counted, counted
from tests.support.proofs import verify_file
from tests.support.videos import ffmpeg, render, render_counted
from vidcurate.clips.rendition import Box, Rendition, Size
from vidcurate.errors import MediaError
from vidcurate.media.output.cut_file import CutFile, CutOptions
from vidcurate.media.output.cutting import cut_clip
from vidcurate.media.output.verify import Proof
from vidcurate.records import Clip, ExportedClip

FAST = CutOptions(preset="ultrafast", crf=28)
Videos = Callable[[str], Counted]
SHIFTED = "frame is not the clip's|frame is another picture|not shown at the clip's times"


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """Counted videos by the name of their recipe, each rendered once."""
    folder = tmp_path_factory.mktemp("verified")
    done: dict[str, Counted] = {}

    def get(name: str) -> Counted:
        if name not in done:
            r = RECIPES[name]
            path = folder / f"{name}.{r.suffix}"
            done[name] = counted(
                render_counted(
                    path, N_FRAMES, rate=r.rate, video_filter=r.video_filter, encode=r.encode
                )
            )
        return done[name]

    return get


@pytest.fixture(scope="session")
def beeping(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    """Three seconds with sound."""
    path = tmp_path_factory.mktemp("sound") / "video.mkv"
    sound = ("-c:a", "flac", "-sample_fmt", "s16")
    return counted(render_counted(path, 72, beep_s=(0.5, 1.0), encode=(*X264, *sound)))


def promised(clip: Clip, done: CutFile, *, audio: bool) -> ExportedClip:
    """The row of a written clip."""
    return ExportedClip(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        media=done.media,
        file="clip.mp4",
        size_bytes=done.size_bytes,
        sha256=done.sha256,
        start_s=done.start_s,
        duration_s=done.duration_s,
        n_frames=done.n_frames,
        lead_s=done.lead_s,
        lead_frames=done.lead_frames,
        tail_s=done.tail_s,
        tail_frames=done.tail_frames,
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
        has_audio=audio,
    )


def proof_of(video: Counted, clip: Clip, row: ExportedClip, file: Path) -> Proof:
    """What is found in a file that should be a clip of a counted video."""
    video_pts = np.array([pts for pts, _ in video.frames])
    return verify_file(video.path, video.video, clip, video_pts, file, row)


def cut_and_prove(
    video: Counted, file: Path, *, cut: tuple[int, int], due: tuple[int, int]
) -> Proof:
    """Cut some frames of a video, and prove that they are those that are due."""
    clip = video.clip(*due)
    done = cut_clip(video.path, video.video, video.clip(*cut), FAST, file)
    row = replace(promised(clip, done, audio=False), start_s=clip.start_s)
    return proof_of(video, clip, row, file)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("span", [(0, 7), (37, 61), (70, N_FRAMES)])
def test_a_right_clip_passes(
    name: str, span: tuple[int, int], videos: Videos, tmp_path: Path
) -> None:
    """Clips of every kind of video, variable rate and 10 bits too, are told from what is around."""
    found = cut_and_prove(videos(name), tmp_path / "clip.mp4", cut=span, due=span)
    assert found.n_frames == span[1] - span[0]
    assert (found.first.margin is None) == (span[0] == 0)
    assert (found.last.margin is None) == (span[1] == N_FRAMES)
    assert min(m or 1 for m in (found.first.margin, found.last.margin)) > 0.5


@pytest.mark.parametrize("name", COPYABLE)
def test_a_right_copy_passes(name: str, videos: Videos, tmp_path: Path) -> None:
    """In a copied file the clip begins after its keyframe, and is found there."""
    video, file = videos(name), tmp_path / "clip.mp4"
    clip = video.clip(37, 61)
    done = cut_clip(video.path, video.video, clip, CutOptions(mode="copy"), file)
    row = promised(clip, done, audio=False)
    found = proof_of(video, clip, row, file)
    assert found.n_frames >= 24
    assert found.first.margin == pytest.approx(1, abs=0.05)
    with pytest.raises(MediaError, match=f"{SHIFTED}|more or fewer frames than the clip"):
        proof_of(video, clip, replace(row, start_s=row.start_s + 1 / 24), file)


@pytest.mark.parametrize(
    "name",
    ["mp4 with B-frames", "mkv at a variable rate", "mkv of 10-bit HEVC", "webm", "mpeg-ts"],
)
@pytest.mark.parametrize("shift", [-2, -1, 1, 2])
def test_a_shifted_clip_is_found(name: str, shift: int, videos: Videos, tmp_path: Path) -> None:
    """A file of as many frames that begins and ends a frame or two early or late is refused."""
    cut = (37 + shift, 61 + shift)
    with pytest.raises(MediaError, match=SHIFTED):
        cut_and_prove(videos(name), tmp_path / "clip.mp4", cut=cut, due=(37, 61))


@pytest.mark.parametrize("cut", [(36, 61), (38, 61), (37, 60), (37, 62)])
def test_a_frame_more_or_less_is_found(
    cut: tuple[int, int], videos: Videos, tmp_path: Path
) -> None:
    """A frame early or late at one end alone changes how many there are."""
    with pytest.raises(MediaError, match="more or fewer frames than the clip"):
        cut_and_prove(videos("mp4 with B-frames"), tmp_path / "clip.mp4", cut=cut, due=(37, 61))


def test_other_times_are_found(videos: Videos, tmp_path: Path) -> None:
    """The right frames shown evenly are not a clip of a video with a variable rate."""
    video, file = videos("mp4 at a variable rate"), tmp_path / "clip.mp4"
    clip = video.clip(37, 61)
    done = cut_clip(video.path, video.video, clip, FAST, tmp_path / "right.mp4")
    even = f"setpts=N*{clip.duration_s / 24}/TB"
    slow = ("-enc_time_base", "1/12000", "-fps_mode", "passthrough")
    ffmpeg("-i", str(tmp_path / "right.mp4"), "-vf", even, *slow, str(file))
    row = replace(promised(clip, done, audio=False), duration_s=clip.duration_s)
    with pytest.raises(MediaError, match=r"not shown at the clip's times|longer or shorter"):
        proof_of(video, clip, row, file)


def test_a_still_shot_cannot_be_told_and_passes(tmp_path: Path) -> None:
    """Where neighbours are equal a late file is as good as the right one: no margin, no fault."""
    video = counted(render(tmp_path / "video.mp4", [("smptehdbars", 2.0)], audio=False))
    found = cut_and_prove(video, tmp_path / "clip.mp4", cut=(9, 19), due=(10, 20))
    assert (found.first.margin, found.last.margin) == (None, None)


@pytest.mark.parametrize("degrees", ["90", "180", "270"])
def test_turned_videos(degrees: str, videos: Videos, tmp_path: Path) -> None:
    """A turned video's upright clips pass; shifted ones do not."""
    path = tmp_path / "turned.mp4"
    source = videos("mp4 with B-frames")
    ffmpeg("-display_rotation", degrees, "-i", str(source.path), "-c", "copy", str(path))
    video = replace(counted(path), frames=source.frames)
    file = tmp_path / "clip.mp4"
    found = cut_and_prove(video, file, cut=(10, 20), due=(10, 20))
    assert min(m or 0 for m in (found.first.margin, found.last.margin)) > 0.5
    with pytest.raises(MediaError, match=SHIFTED):
        cut_and_prove(video, file, cut=(11, 21), due=(10, 20))


def test_another_picture_is_found(videos: Videos, tmp_path: Path) -> None:
    """A file of another video, with right times, is refused."""
    video = videos("mp4 with B-frames")
    other = counted(render(tmp_path / "other.mp4", [("testsrc2", 2.0)], size=(320, 48)))
    clip = video.clip(10, 20)
    done = cut_clip(other.path, other.video, other.clip(10, 20), FAST, tmp_path / "clip.mp4")
    row = replace(promised(clip, done, audio=True), start_s=clip.start_s)
    with pytest.raises(MediaError, match="first frame is"):
        proof_of(video, clip, row, tmp_path / "clip.mp4")


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_file_is_found(keep: float, beeping: Counted, tmp_path: Path) -> None:
    """A file that ends early fails, wherever it was cut off."""
    clip, file = beeping.clip(12, 60), tmp_path / "clip.mp4"
    done = cut_clip(beeping.path, beeping.video, clip, FAST, file)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(MediaError):
        proof_of(beeping, clip, promised(clip, done, audio=True), file)


def test_flipped_bytes_are_found(beeping: Counted, tmp_path: Path) -> None:
    """Damage in the middle of the picture's data is an error and is not concealed."""
    clip, file = beeping.clip(12, 60), tmp_path / "clip.mp4"
    options = replace(FAST, audio=False)
    done = cut_clip(beeping.path, beeping.video, clip, options, file)
    data = bytearray(file.read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 256):
        data[place] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(MediaError, match=r"cannot be decoded without errors|frames"):
        proof_of(beeping, clip, promised(clip, done, audio=False), file)


def test_lost_sound_is_found(beeping: Counted, tmp_path: Path) -> None:
    """A file without the sound that was promised, or with half of it, is refused."""
    clip, file = beeping.clip(12, 60), tmp_path / "clip.mp4"
    done = cut_clip(beeping.path, beeping.video, clip, FAST, file)
    row = promised(clip, done, audio=True)
    assert proof_of(beeping, clip, row, file).audio_s == pytest.approx(2.0, abs=0.05)
    without, half = tmp_path / "without.mp4", tmp_path / "half.mp4"
    ffmpeg("-i", str(file), "-c", "copy", "-an", str(without))
    ffmpeg("-i", str(file), "-c:v", "copy", "-af", "atrim=end=1", str(half))
    with pytest.raises(MediaError, match="sound is lost"):
        proof_of(beeping, clip, row, without)
    with pytest.raises(MediaError, match="sound is longer or shorter"):
        proof_of(beeping, clip, row, half)


RATE = Fraction(16)
CROPPED = Rendition(Box(0, 4, 240, 40), Size(180, 30), Size(180, 30), RATE, 16)
PADDED = Rendition(Box(0, 0, 320, 48), Size(320, 48), Size(320, 96), RATE, 16)
ENLARGED = Rendition(Box(0, 0, 96, 48), Size(192, 96), Size(192, 96), Fraction(30000, 1001), 30)
OWN_TIMES = Rendition(Box(0, 0, 320, 48), Size(160, 24), Size(160, 24), None, 24)


def render_clip(video: Counted, clip: Clip, made: Rendition, file: Path) -> ExportedClip:
    """Write a clip as a rendition says; its row."""
    done = cut_clip(video.path, video.video, clip, FAST, file, rendition=made)
    return as_rendition(promised(clip, done, audio=False), made)


def as_rendition(row: ExportedClip, made: Rendition) -> ExportedClip:
    """A row that promises a rendition."""
    return replace(
        row,
        frame_rate=made.fps,
        crop_left=made.crop.left,
        crop_top=made.crop.top,
        crop_width=made.crop.width,
        crop_height=made.crop.height,
        picture_width=made.inner.width,
        picture_height=made.inner.height,
    )


@pytest.mark.parametrize("made", [CROPPED, PADDED, ENLARGED, OWN_TIMES])
@pytest.mark.parametrize("name", ["mp4 with B-frames", "mp4 at a variable rate"])
def test_a_right_rendition_passes(
    made: Rendition, name: str, videos: Videos, tmp_path: Path
) -> None:
    """Cropped, padded and enlarged files pass, at a constant rate and at the video's own times.

    Their first and last pictures are told from what the video shows before and after.
    """
    video, file = videos(name), tmp_path / "clip.mp4"
    clip = video.clip(37, 61)
    if made.fps is not None:
        n_frames = ceil((clip.end_pts - clip.start_pts) * clip.time_base * made.fps)
        made = replace(made, n_frames=n_frames)
    found = proof_of(video, clip, render_clip(video, clip, made, file), file)
    assert found.n_frames == made.n_frames
    assert min(m or 0 for m in (found.first.margin, found.last.margin)) > 0.5
    assert found.decoders[:2] == ("pyav", "opencv")


@pytest.mark.parametrize(
    ("made", "promise", "reason"),
    [
        (CROPPED, {"crop_left": 60}, "frame is another picture|other colours|is not the clip's"),
        (CROPPED, {"frame_rate": Fraction(17)}, "more or fewer frames than the clip"),
        (CROPPED, {"height": 32}, "another size"),
        (PADDED, {"picture_height": 32}, "not black|another picture"),
        (CROPPED, {"cut_frames": 1}, "more or fewer frames than the clip"),
    ],
)
def test_another_rendition_is_found(
    made: Rendition, promise: dict[str, Any], reason: str, videos: Videos, tmp_path: Path
) -> None:
    """What is cropped, padded or counted otherwise than the row says is refused."""
    video, file = videos("mp4 with B-frames"), tmp_path / "clip.mp4"
    clip = video.clip(37, 61)
    row = replace(render_clip(video, clip, made, file), **promise)
    with pytest.raises(MediaError, match=reason):
        proof_of(video, clip, row, file)


@pytest.mark.parametrize("shift", [-1, 1, 2])
def test_a_shifted_rendition_is_found(shift: int, videos: Videos, tmp_path: Path) -> None:
    """A constant-rate file that begins a frame of the video early or late is refused."""
    video, file = videos("mp4 with B-frames"), tmp_path / "clip.mp4"
    row = render_clip(video, video.clip(37 + shift, 61 + shift), CROPPED, file)
    clip = video.clip(37, 61)
    with pytest.raises(MediaError, match=SHIFTED):
        proof_of(video, clip, replace(row, start_s=clip.start_s), file)


def test_a_file_cut_to_a_length_ends_with_its_last_frame(videos: Videos, tmp_path: Path) -> None:
    """Its last picture is that of its last time, with those after it as what must not be shown."""
    video, file = videos("mp4 with B-frames"), tmp_path / "clip.mp4"
    made = replace(CROPPED, n_frames=9)
    row = render_clip(video, video.clip(37, 50), made, file)
    clip = video.clip(37, 61)
    found = proof_of(video, clip, replace(row, cut_frames=7), file)
    assert (found.n_frames, found.duration_s) == (9, 9 / 16)
    assert found.last.margin is not None
    assert found.last.margin > 0.5


def test_another_rate_in_the_header_is_found(videos: Videos, tmp_path: Path) -> None:
    """Frames at the right times do not help where the header says another rate."""
    video, file = videos("mp4 with B-frames"), tmp_path / "clip.mp4"
    clip = video.clip(37, 61)
    row = render_clip(video, clip, CROPPED, tmp_path / "right.mp4")
    late = "setts=duration=if(eq(N\\,15)\\,3*DURATION\\,DURATION)"
    ffmpeg("-i", str(tmp_path / "right.mp4"), "-c", "copy", "-bsf:v", late, str(file))
    with pytest.raises(MediaError, match=r"frames a second|longer or shorter"):
        proof_of(video, clip, row, file)
