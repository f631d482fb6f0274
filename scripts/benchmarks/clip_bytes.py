"""Bits per pixel of clip files by encoder, quality and preset, at the size and rate of training.

Each video gives one clip, its first 5 seconds, at 832x480 and 16 frames a second. A figure is the
sum of all files' bits over the sum of their pixels, so that it foretells a whole data set's size.
"""

import argparse
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from imageio_ffmpeg import get_ffmpeg_exe

WIDTH, HEIGHT, FPS, N_FRAMES = 832, 480, 16, 81
PRESETS = ("ultrafast", "veryfast", "fast", "medium", "slow", "veryslow")
SVT_PRESETS = dict(zip(PRESETS, ("12", "10", "8", "6", "4", "2"), strict=True))
ENCODERS = {
    "x264": ("libx264", (12, 18, 23, 28, 35)),
    "x265": ("libx265", (14, 20, 25, 30, 37)),
    "svt-av1": ("libsvtav1", (18, 26, 35, 45, 55)),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    videos = parser.parse_args().videos
    with TemporaryDirectory() as folder:
        clips = [raw_clip(video, Path(folder) / f"{n}.y4m") for n, video in enumerate(videos)]
        print(f"{len(clips)} clips of {WIDTH}x{HEIGHT}x{N_FRAMES}; bits per pixel")
        for name, (_, qualities) in ENCODERS.items():
            for crf in qualities:
                print(f"{name} crf {crf} medium {bits_per_pixel(clips, name, crf, 'medium'):.4f}")
            for preset in PRESETS:
                bits = bits_per_pixel(clips, name, qualities[1], preset)
                print(f"{name} crf {qualities[1]} {preset} {bits:.4f}", flush=True)


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


def bits_per_pixel(clips: Sequence[Path], encoder: str, crf: int, preset: str) -> float:
    """Return the bits per pixel of all clips together."""
    size, pixels = 0, 0
    for clip in clips:
        file = clip.with_suffix(".mp4")
        word = SVT_PRESETS[preset] if encoder == "svt-av1" else preset
        ffmpeg(
            *("-i", str(clip), "-c:v", ENCODERS[encoder][0], "-crf", str(crf), "-preset", word),
            *("-threads", "1", "-movflags", "+faststart", str(file)),
        )
        size += file.stat().st_size
        pixels += clip.stat().st_size * 2 // 3  # a pixel of yuv420p takes 12 bits
    return size * 8 / pixels


if __name__ == "__main__":
    main()
