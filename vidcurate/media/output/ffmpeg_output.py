"""What encoded and copied clips share in the ffmpeg program: its build, encoders and sound."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ffmpeg

from vidcurate.media.audio.reader import AudioFormat
from vidcurate.media.io.container import url
from vidcurate.media.io.ffmpeg import Ffmpeg, find_ffmpeg
from vidcurate.media.output.cut_file import CutOptions
from vidcurate.media.output.encoders import CLIP_ENCODERS, EncoderName

SOUND_ENCODER = "aac"
FILTERS = (
    *("select", "trim", "setpts", "settb", "scale", "crop", "format", "setparams", "setsar"),
    *("bwdif", "transpose", "hflip", "vflip", "lutrgb", "colorchannelmixer"),
    # Before ffmpeg 4.3, which brought xfade, metadata passes frames by that have none yet.
    *("fps", "tpad", "metadata", "pad", "xfade"),
    *("atrim", "asetpts", "aresample", "aformat", "apad"),
)
BIT_EXACT = {"fflags": "+bitexact", "flags": "+bitexact", "map_metadata": -1, "map_chapters": -1}


@dataclass(frozen=True, slots=True)
class RawSound:
    """A clip's sound as raw samples in a file, in one format."""

    file: Path
    audio_format: AudioFormat


def ffmpeg_for(mode: Literal["encode", "copy"], encoder: EncoderName = "x264") -> Ffmpeg:
    """Find the ffmpeg that can write clips in this mode, with this encoder.

    Raises MissingToolError.
    """
    if mode == "copy":
        return find_ffmpeg()
    return find_ffmpeg((CLIP_ENCODERS[encoder].codec, SOUND_ENCODER), FILTERS)


def aac_options(options: CutOptions) -> dict[str, object]:
    """Return the options that encode sound."""
    return {"c:a": SOUND_ENCODER, "b:a": f"{options.audio_kbit}k", "flags:a": "+bitexact"}


def raw_input(sound: RawSound) -> ffmpeg.nodes.FilterableStream:
    """Build the input of raw sound."""
    audio_format = sound.audio_format
    return ffmpeg.input(
        url(sound.file), format="f32le", ar=audio_format.rate_hz, ac=audio_format.channels
    )


def layout_filter(layout: str) -> str:
    """Return the filter that converts sound to a layout."""
    return f"aformat=channel_layouts={layout}"
