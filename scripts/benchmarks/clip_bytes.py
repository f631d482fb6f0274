"""Bits per pixel of clip files by encoder, quality and preset, at the size and rate of training.

Each video gives one clip, its first 5 seconds, at 832x480 and 16 frames a second. A figure is the
sum of all files' bits over the sum of their pixels, so that it foretells a whole data set's size.
"""

import argparse
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from imageio_ffmpeg import get_ffmpeg_exe

from vidcurate.media.output.encoders import CLIP_ENCODERS, PRESETS, EncoderName

WIDTH, HEIGHT, FPS, N_FRAMES = 832, 480, 16, 81
QUALITIES: Mapping[EncoderName, Sequence[int]] = {
    "x264": (18, 12, 23, 28, 35),
    "x265": (20, 14, 25, 30, 37),
    "svt-av1": (26, 18, 35, 45, 55),
}
# Presets are compared at each encoder's own quality, on some of the clips.
EVERY = 3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", nargs="+", choices=QUALITIES, default=list(QUALITIES))
    parser.add_argument("videos", nargs="+", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        clips = [raw_clip(video, Path(folder) / f"{n}.y4m") for n, video in enumerate(given.videos)]
        print(f"{len(clips)} clips of {WIDTH}x{HEIGHT}x{N_FRAMES}; bits per pixel")
        for name in given.encoder:
            for crf in QUALITIES[name]:
                bits = bits_per_pixel(clips, name, crf, "medium")
                print(f"{name} crf {crf} medium {bits:.4f}", flush=True)
        for preset in ("medium", *PRESETS):
            for name in given.encoder:
                bits = bits_per_pixel(clips[::EVERY], name, QUALITIES[name][0], preset)
                print(f"{name} crf {QUALITIES[name][0]} {preset} {bits:.4f} (some)", flush=True)


def ffmpeg(*arguments: str) -> None:
    """Run the ffmpeg that is installed with the package, on one thread."""
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-threads", "1", *arguments]
    subprocess.run(command, check=True)


def raw_clip(video: Path, file: Path) -> Path:
    """Write the clip of a video without compression."""
    size = f"{WIDTH}:{HEIGHT}"
    shaped = (
        f"fps={FPS},scale={size}:force_original_aspect_ratio=increase:flags=lanczos,crop={size}"
    )
    ffmpeg(
        *("-i", str(video), "-an", "-vf", f"{shaped},setsar=1", "-pix_fmt", "yuv420p"),
        *("-frames:v", str(N_FRAMES), str(file)),
    )
    return file


def bits_per_pixel(clips: Sequence[Path], name: EncoderName, crf: int, preset: str) -> float:
    """Return the bits per pixel of all clips together."""
    own = CLIP_ENCODERS[name].options(crf, preset, 1)
    options = [word for key, value in own.items() for word in (f"-{key}", str(value))]
    size, pixels = 0, 0
    for clip in clips:
        file = clip.with_suffix(".mp4")
        ffmpeg("-i", str(clip), *options, "-movflags", "+faststart", str(file))
        size += file.stat().st_size
        pixels += clip.stat().st_size * 2 // 3  # a pixel of yuv420p takes 12 bits
    return size * 8 / pixels


if __name__ == "__main__":
    main()
