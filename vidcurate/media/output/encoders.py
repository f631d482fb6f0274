"""The encoders of clip files by the names that options have, and what ffmpeg takes for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import ffmpeg

from vidcurate.errors import MissingToolError
from vidcurate.media.io.ffmpeg import Ffmpeg, FfmpegError, run

EncoderName = Literal["x264", "x265", "svt-av1", "h264-nvenc", "hevc-nvenc"]
PRESETS = ("ultrafast", "veryfast", "fast", "medium", "slow", "veryslow")
# The presets of SVT-AV1 and NVENC that are about as slow against their encoder's others.
SVT_AV1_PRESETS = dict(zip(PRESETS, (12, 10, 9, 8, 6, 4), strict=True))
NVENC_PRESETS = dict(zip(PRESETS, ("p1", "p2", "p3", "p4", "p6", "p7"), strict=True))
NVENC_TIMEOUT_S = 60

Options = dict[str, object]


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder: ffmpeg's name for it, and its options by quality, preset and threads."""

    codec: str
    options: Callable[[int, str, int], Options]


def x264(crf: int, preset: str, threads: int) -> Options:
    """Return the options of x264."""
    return {"c:v": "libx264", "crf": crf, "preset": preset, "threads": threads}


def x265(crf: int, preset: str, threads: int) -> Options:
    """Return the options of x265, with the tag that players of Apple's ask for."""
    own = f"log-level=error:info=0:open-gop=0:pools={threads}:frame-threads=1"
    return {"c:v": "libx265", "crf": crf, "preset": preset, "tag:v": "hvc1", "x265-params": own}


def svt_av1(crf: int, preset: str, threads: int) -> Options:
    """Return the options of SVT-AV1; `lp` is its level of parallelism."""
    own = {"svtav1-params": f"lp={threads}"}
    return {"c:v": "libsvtav1", "crf": crf, "preset": SVT_AV1_PRESETS[preset], **own}


def nvenc(codec: str) -> Callable[[int, str, int], Options]:
    """Return what gives the options of an encoder of NVIDIA's, at a constant quality."""

    def options(crf: int, preset: str, _threads: int) -> Options:
        rate = {"rc": "vbr", "cq": crf, "b:v": 0}
        tag = {"tag:v": "hvc1"} if codec.startswith("hevc") else {}
        return {"c:v": codec, "preset": NVENC_PRESETS[preset], **rate, **tag}

    return options


CLIP_ENCODERS: Mapping[EncoderName, Encoder] = {
    "x264": Encoder("libx264", x264),
    "x265": Encoder("libx265", x265),
    "svt-av1": Encoder("libsvtav1", svt_av1),
    "h264-nvenc": Encoder("h264_nvenc", nvenc("h264_nvenc")),
    "hevc-nvenc": Encoder("hevc_nvenc", nvenc("hevc_nvenc")),
}


def check_opens(tool: Ffmpeg, name: EncoderName) -> None:
    """Check that an encoder which needs a GPU finds one; raises MissingToolError."""
    if not name.endswith("nvenc"):
        return
    picture = ffmpeg.input("color=black:size=256x256", format="lavfi")
    own = CLIP_ENCODERS[name].options(30, "fast", 1)
    out = ffmpeg.output(picture, "pipe:", **{"format": "null", "frames:v": 1, **own})
    try:
        run(tool, out, NVENC_TIMEOUT_S)
    except FfmpegError as error:
        raise MissingToolError(
            f"encoder {name} does not start ({error}): it needs an NVIDIA GPU that encodes, or set "
            "export.encoder to x264"
        ) from error
