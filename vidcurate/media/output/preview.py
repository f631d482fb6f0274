"""Small copies of clips for browsers that cannot play the source: H.264 and AAC in MP4."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vidcurate.clips.rendition import Size
from vidcurate.media.output.clip_filters import whole_rendition
from vidcurate.media.output.cut_file import CutOptions
from vidcurate.media.output.cutting import cut_clip
from vidcurate.records import Clip, Video

MAX_HEIGHT = 480
# What a person waits for at most.
TIMEOUT_S = 60.0
OPTIONS = CutOptions(crf=27, preset="ultrafast", audio_kbit=96, threads=2, timeout_s=TIMEOUT_S)
# Browsers disagree on where the time line begins of a file that begins later than this.
MAX_START_US = 10_000
# What browsers play by themselves, whatever the system has installed.
CONTAINERS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
CODECS = frozenset({"h264", "vp8", "vp9", "av1"})
SOUND_CODECS = frozenset({None, "aac", "mp3", "opus", "vorbis", "flac"})
PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})


def is_playable(video: Video, offsets: Sequence[int]) -> bool:
    """Whether browsers play a video, at the times that the tables give.

    They do not deinterlace, nor follow a clock that begins again.
    """
    return (
        video.container in CONTAINERS
        and video.video_codec in CODECS
        and video.audio_codec in SOUND_CODECS
        and video.pixel_format in PIXEL_FORMATS
        and not video.is_interlaced
        and len(offsets) <= 1
        and abs(video.container_start_us) <= MAX_START_US
    )


def make_preview(
    path: Path, video: Video, clip: Clip, out: Path, offsets: Sequence[int] = ()
) -> None:
    """Write exactly the frames of a clip, at most MAX_HEIGHT lines of them, with their sound.

    Raises MediaError where the source cannot be read, or it takes longer than TIMEOUT_S, and
    MissingToolError where this ffmpeg lacks an encoder.
    """
    whole = whole_rendition(video, clip)
    width, height = whole.size
    if height > MAX_HEIGHT:
        width, height = max(2, round(width * MAX_HEIGHT / height / 2) * 2), MAX_HEIGHT
    small = Size(width, height)
    cut_clip(path, video, clip, OPTIONS, out, offsets, replace(whole, inner=small, size=small))
