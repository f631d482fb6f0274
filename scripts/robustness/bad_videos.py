"""Small sound videos of many containers and codecs, which the makers of bad media then damage."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio_ffmpeg

PICTURE = "testsrc2=size=320x240:rate=12:duration=2.5"
SOUND = "sine=frequency=440:sample_rate=44100:duration=2.5"
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "12")

# File name -> the options that make it.
VIDEOS: Mapping[str, Sequence[str]] = {
    "h264.mp4": (*X264, "-bf", "2", "-c:a", "aac", "-movflags", "+faststart"),
    "h264-fragments.mp4": (*X264, "-movflags", "+frag_keyframe+empty_moov"),
    "h264.mkv": (*X264, "-c:a", "ac3"),
    "h264.ts": (*X264, "-c:a", "mp2"),
    "hevc.mkv": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
    "vp8.webm": ("-c:v", "libvpx", "-cpu-used", "8", "-c:a", "libvorbis"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus", "-ar", "48000"),
    "av1.mp4": ("-c:v", "libaom-av1", "-cpu-used", "8", "-g", "12"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "mjpeg.mov": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"),
    "prores.mov": ("-c:v", "prores_ks", "-profile:v", "0"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"),
    "mpeg1.mpg": ("-c:v", "mpeg1video", "-r", "25", "-c:a", "mp2"),
    "mpeg2.mxf": ("-c:v", "mpeg2video", "-r", "25", "-c:a", "pcm_s16le", "-ar", "48000"),
    "flv1.flv": ("-c:v", "flv1", "-c:a", "libmp3lame"),
    "wmv2.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "theora.ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
    "h263.3gp": ("-c:v", "h263", "-s", "352x288", "-c:a", "aac"),
    "rv20.rm": ("-c:v", "rv20", "-r", "12", "-c:a", "ac3"),
    "ffv1.mkv": ("-c:v", "ffv1", "-c:a", "flac"),
    "gif.gif": ("-an",),
    "raw.y4m": ("-an", "-pix_fmt", "yuv420p", "-frames:v", "6"),
}


def ffmpeg(*arguments: str) -> None:
    """Run the ffmpeg of imageio-ffmpeg on one thread, so that the same options give the same bytes.

    Raises RuntimeError with ffmpeg's own words.
    """
    quiet = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-threads", "1"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")


def make(path: Path, options: Sequence[str], picture: str = PICTURE, sound: str = SOUND) -> Path:
    """A video of a test picture and a tone; options put another picture or codec in."""
    exact = ("-threads", "1", "-fflags", "+bitexact", "-flags", "+bitexact", "-shortest")
    sources = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    ffmpeg(*sources, *PIXELS, *options, *exact, f"file:{path}")
    return path


PIXELS = ("-pix_fmt", "yuv420p")


def make_videos(folder: Path, names: Sequence[str] = tuple(VIDEOS)) -> dict[str, bytes]:
    """The bytes of the sound videos, which are made where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (folder / name).exists():
            make(folder / name, VIDEOS[name])
    return {name: (folder / name).read_bytes() for name in names}
