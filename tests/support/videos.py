"""Small real videos, rendered by ffmpeg, for tests."""

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

SHOTS = (
    "testsrc2",
    "mandelbrot=start_scale=0.5",
    "smptehdbars",
    "gradients=c0=0x204080:c1=0xe0c040:speed=0.02:seed=7",
    "cellauto=rule=110:seed=3:full=1",
    "rgbtestsrc",
)
THREE_SHOTS = tuple((shot, 2.0) for shot in SHOTS[:3])


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg; its own words are the error."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def render(
    path: Path,
    shots: Sequence[tuple[str, float]] = THREE_SHOTS,
    *,
    size: tuple[int, int] = (320, 180),
    rate: str = "24",
    audio: bool = True,
    encode: Sequence[str] = ("-c:v", "libx264", "-preset", "veryfast", "-g", "48"),
) -> Path:
    """A video of hard-cut shots, each a lavfi source shown for a number of seconds."""
    sources: list[str] = []
    for shot, seconds in shots:
        joint = ":" if "=" in shot else "="
        source = f"{shot}{joint}size={size[0]}x{size[1]}:rate={rate}"
        sources += ["-f", "lavfi", "-t", str(seconds), "-i", source]
    labels = "".join(f"[v{i}]" for i in range(len(shots)))
    same = "".join(f"[{i}:v]format=yuv420p,setsar=1[v{i}];" for i in range(len(shots)))
    graph = f"{same}{labels}concat=n={len(shots)}[v]"
    sound: list[str] = []
    if audio:
        total = sum(seconds for _, seconds in shots)
        sources += ["-f", "lavfi", "-t", str(total), "-i", "sine=frequency=440:sample_rate=44100"]
        sound = ["-map", f"{len(shots)}:a", "-c:a", "aac"]
    path.parent.mkdir(parents=True, exist_ok=True)
    ffmpeg(*sources, "-filter_complex", graph, "-map", "[v]", *encode, *sound, f"file:{path}")
    return path


LUMA_MIDDLE = 126
BARS = 8
BAR_WIDTH = 40
COUNTER = (
    f"nullsrc=size={BARS * BAR_WIDTH}x48:rate={{rate}},"
    f"geq=lum='16+219*mod(floor(N/pow(2,floor(X/{BAR_WIDTH}))),2)':cb=128:cr=128,format=yuv420p"
)
BEEP = "sine=frequency=1000:sample_rate=48000,volume=0:enable='not(between(t,{0},{1}))'"


def render_counted(
    path: Path,
    n_frames: int,
    *,
    rate: str = "24",
    beep_s: tuple[float, float] | None = None,
    sound_s: float | None = None,
    video_filter: str = "null",
    encode: Sequence[str] = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "24"),
) -> Path:
    """A video whose frames carry their number as a bar code, 320x48; read it by `frame_number`.

    With `beep_s` it has sound that is silent but for a tone in that span, and ends at `sound_s`.
    """
    sources = ["-f", "lavfi", "-i", COUNTER.format(rate=rate)]
    sound: list[str] = []
    if beep_s is not None:
        length = sound_s if sound_s is not None else n_frames / float(Fraction(rate))
        sources += ["-f", "lavfi", "-t", str(length), "-i", BEEP.format(*beep_s)]
        sound = ["-map", "1:a"]
    picture = ["-map", "0:v", "-vf", video_filter, "-frames:v", str(n_frames)]
    path.parent.mkdir(parents=True, exist_ok=True)
    ffmpeg(*sources, *picture, *sound, "-fps_mode", "passthrough", *encode, f"file:{path}")
    return path


def frame_number(luma: NDArray[np.uint8]) -> int:
    """The number that a frame of a counted video carries; `luma` has shape (height, width)."""
    middles = (np.arange(BARS) + 0.5) * luma.shape[1] / BARS
    rows = luma[luma.shape[0] // 4 : luma.shape[0] * 3 // 4]
    bars = [rows[:, int(m) - 4 : int(m) + 4].mean() > LUMA_MIDDLE for m in middles]
    return sum(1 << bit for bit, bright in enumerate(bars) if bright)


def number_of(frame: av.VideoFrame) -> int:
    """The number that a decoded frame of a counted video carries."""
    return frame_number(np.asarray(frame.to_ndarray(format="gray"), np.uint8))


def counted_frames(path: Path) -> list[tuple[int, int]]:
    """Time in ticks and number of each frame of a counted video, in the order shown."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [(frame.pts or 0, number_of(frame)) for frame in frames]


def slow_videos(folder: Path, count: int) -> Path:
    """A folder of videos, each of which takes a while."""
    for number in range(count):
        render(folder / f"{number}.mp4", [("testsrc2", 12 + number)], size=(480, 270))
    return folder
