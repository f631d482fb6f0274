"""Counted videos of every kind, with what is known of each, for tests that cut them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.videos import counted_frames
from vidcurate.media.io.probe import probe_video
from vidcurate.records import Clip, Video

N_FRAMES = 90
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "24", "-keyint_min", "24")
MPEG4 = ("-c:v", "mpeg4", "-q:v", "3", "-g", "24")
# Frames that come at 41, 83 or 125 ms, in no order.
UNEVEN = "settb=1/12000,setpts='500*(N+floor(N/3)+mod(N*N,3))/TB/12000'"
QUIET_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le")


@dataclass(frozen=True)
class Recipe:
    """How one kind of video is rendered."""

    suffix: str
    encode: Sequence[str]
    video_filter: str = "null"
    rate: str = "24"


RECIPES = {
    "mp4 with B-frames": Recipe("mp4", X264),
    "mp4 at 29.97, open GOP": Recipe(
        "mp4", (*X264, "-x264-params", "open-gop=1"), rate="30000/1001"
    ),
    "mp4 that starts at 5 s": Recipe("mp4", (*X264, "-output_ts_offset", "5")),
    "fragmented mp4": Recipe("mp4", (*X264, "-movflags", "frag_keyframe+empty_moov")),
    "mp4 at a variable rate": Recipe("mp4", X264, UNEVEN),
    "mkv at a variable rate": Recipe("mkv", X264, UNEVEN),
    "mkv at 23.976": Recipe("mkv", X264, rate="24000/1001"),
    "mkv of 10-bit HEVC": Recipe("mkv", (*QUIET_X265, "-x265-params", "log-level=none:keyint=24")),
    "webm": Recipe("webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
    "webm with hidden frames": Recipe(
        "webm", ("-c:v", "libvpx", "-auto-alt-ref", "1", "-cpu-used", "8", "-g", "24")
    ),
    "mpeg-ts": Recipe("ts", X264),
    "mpeg-ts with 4 s from key to key": Recipe("ts", (*X264[:-4], "-g", "80")),
    "mpeg-ps": Recipe(
        "mpg", ("-c:v", "mpeg2video", "-q:v", "3", "-bf", "2", "-g", "15"), rate="25"
    ),
    "avi": Recipe("avi", MPEG4),
    "avi with B-frames": Recipe("avi", (*MPEG4, "-bf", "2")),
    "flv": Recipe("flv", X264),
    "wmv": Recipe("wmv", ("-c:v", "wmv2", "-q:v", "3", "-g", "24")),
    "mov, keyframes only": Recipe("mov", ("-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p")),
    "theora": Recipe("ogv", ("-c:v", "libtheora", "-q:v", "7", "-g", "24")),
}


COPYABLE = [
    name
    for name, recipe in RECIPES.items()
    if recipe.suffix not in ("wmv", "ogv", "mpg")
    and name not in ("webm with hidden frames", "avi with B-frames")
]


@dataclass(frozen=True)
class Counted:
    """A counted video with what is known of it: its row, and time and number of each frame."""

    path: Path
    video: Video
    frames: list[tuple[int, int]]

    def clip(self, first: int, stop: int) -> Clip:
        """The clip of the frames from index `first` up to `stop`, which is left out."""
        times = [pts for pts, _ in self.frames]
        times.append(times[-1] + times[-1] - times[-2])
        base = self.video.time_base
        start, end = times[first], times[stop]
        return Clip(
            clip_id=f"clip-{first}",
            video_id=self.video.video_id,
            start_pts=start,
            end_pts=end,
            time_base=base,
            start_s=float(start * base),
            end_s=float(end * base),
            duration_s=float((end - start) * base),
            n_frames=stop - first,
        )


def counted(path: Path) -> Counted:
    """A video on disk with what is known of it."""
    return Counted(path, probe_video(path, path.stem), counted_frames(path))
