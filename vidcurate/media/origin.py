"""Where reading must start so that a clip can be decoded whole."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from vidcurate.media.container import AV_TIME, Landing, open_film, packet_pts
from vidcurate.media.stills import true_landing
from vidcurate.records import Clip, Video

# Containers that leave it to the reader to work out when a frame is shown.
SPARSE = frozenset({"avi", "mpeg"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a clip lies in its film.

    `seek_s`: a time from which a seek is known to find the keyframe at `key_s`, which the clip can
    be decoded from; None if the film must be read from its start. `film_start_s` is what ffmpeg
    adds to a time that it is asked to seek. `is_guessed`: display times are worked out, not stored.
    """

    video_index: int
    audio_index: int | None
    seek_s: Fraction | None
    key_s: Fraction
    film_start_s: Fraction
    is_guessed: bool


def find_origin(path: Path, video: Video, clip: Clip, *, audio: bool) -> Origin:
    """Where ffmpeg must start to read so that the clip can be decoded whole."""
    base = clip.time_base
    with open_film(path) as (container, stream):
        sound = container.streams.audio[0].index if audio and container.streams.audio else None
        landing = true_landing(container, stream, clip.start_pts)
        key_pts = last_keyframe(container, stream, landing, clip.start_pts) or video.start_pts
        return Origin(
            video_index=stream.index,
            audio_index=sound,
            seek_s=landing.target_pts * base if landing is not None else None,
            key_s=key_pts * base,
            film_start_s=(container.start_time or 0) * AV_TIME,
            is_guessed=container.format.name in SPARSE and stream.codec_context.has_b_frames,
        )


def last_keyframe(
    container: InputContainer, stream: VideoStream, landing: Landing | None, pts: int
) -> int | None:
    """The time of the last keyframe at or before `pts`, reading on from where a seek landed."""
    if landing is None:
        return None
    latest = landing.key_pts
    for packet in container.demux(stream):
        shown = packet_pts(packet)
        if shown is None:
            continue
        if packet.is_keyframe and shown <= pts:
            latest = shown
        if (shown if packet.dts is None else packet.dts) > pts:
            break
    return latest
