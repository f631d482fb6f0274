"""How a clip file is to be written, and what was written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidcurate.clips.rendition import Rendition
from vidcurate.media.output.encoders import EncoderName
from vidcurate.media.output.inspection import ClipFile, sha256
from vidcurate.media.output.remux import PacketSpan
from vidcurate.records import Clip


@dataclass(frozen=True, slots=True)
class CutOptions:
    """How clips are written.

    `encode` writes exactly the clip's frames as H.264 with AAC; `copy` copies the streams; `smart`
    copies groups of pictures that lie in the clip, encodes what is left of it at its ends, and
    encodes a clip of which nothing can be copied so.
    `inexact` says what becomes of a copy that would hold other frames too, because the clip begins
    or ends between keyframes: encode the clip, refuse it, or keep those frames. With `encode` a
    clip whose streams MP4 cannot hold is encoded too. `crf` is the encoder's (lower is better),
    `threads` those of one ffmpeg. `encoder` is that of whole clips: what a copy needs encoded is
    encoded as its video is, or by x264.
    """

    mode: Literal["encode", "copy", "smart"] = "encode"
    inexact: Literal["encode", "refuse", "keep"] = "keep"
    encoder: EncoderName = "x264"
    crf: int = 18
    preset: str = "medium"
    audio: bool = True
    audio_kbit: int = 192
    threads: int = 1
    timeout_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class ClipJob:
    """A clip to be written to `out`; without a rendition as its video is.

    The clip ends with the last frame that its file shows.
    """

    clip: Clip
    out: Path
    rendition: Rendition | None = None


@dataclass(frozen=True, slots=True)
class CutFile:
    """A written clip file; all fields but `lead_*` and `tail_*` describe the whole file.

    `start_s` is on the video's own clock. `lead_*` and `tail_*` count frames before and after the
    clip and the seconds that they are shown. `rendition` is what an encoded file was made by.
    """

    media: Literal["encode", "copy", "smart"]
    size_bytes: int
    sha256: str
    start_s: float
    duration_s: float
    n_frames: int
    lead_s: float
    lead_frames: int
    tail_s: float
    tail_frames: int
    width: int
    height: int
    has_audio: bool
    rendition: Rendition | None = None


def cut_file(
    out: Path,
    clip_file: ClipFile,
    clip: Clip,
    span: PacketSpan | None = None,
    rendition: Rendition | None = None,
) -> CutFile:
    """Describe a written file: an encoded one, which holds the clip's frames, or a copied `span`.

    Copies of a turned video are stored turned, as players turn them.
    """
    base, start_pts = clip.time_base, clip.start_pts if span is None else span.key_pts
    return CutFile(
        media="encode" if span is None else "copy",
        size_bytes=out.stat().st_size,
        sha256=sha256(out),
        start_s=float(start_pts * base),
        duration_s=float(clip_file.end_s - clip_file.frame_times_s[0]),
        n_frames=len(clip_file.frame_times_s),
        lead_s=float((clip.start_pts - start_pts) * base),
        lead_frames=span.n_lead if span else 0,
        tail_s=float((span.end_pts - clip.end_pts) * base) if span and span.n_tail else 0.0,
        tail_frames=span.n_tail if span else 0,
        width=clip_file.width,
        height=clip_file.height,
        has_audio=clip_file.sound_s is not None,
        rendition=rendition,
    )
