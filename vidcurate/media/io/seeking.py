"""Where reading must start so that a clip can be decoded completely."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from vidcurate.media.audio.tracks import Track, track_of
from vidcurate.media.io.container import (
    AV_TIME,
    SeekResult,
    must_be_read_through,
    open_video,
    packet_pts,
)
from vidcurate.media.io.frames import seek_true_keyframe
from vidcurate.media.io.packets import RESTART_S, Clock, Damage, packets
from vidcurate.records import Clip, Video

# Containers that leave it to the reader to work out when a frame is shown.
NO_DISPLAY_TIMES = frozenset({"avi", "mpeg"})
# Encoders of sound put less than this before what they encode.
MIN_HIDDEN_S = Fraction(1, 10)
# Sound that begins later than after so many packets has none hidden.
PACKETS_AT_START = 500


@dataclass(frozen=True, slots=True)
class SeekPoint:
    """Where reading starts for a clip, and how its video's clock is corrected.

    `seek_s`: a time from which a seek is known to find the keyframe at `key_s`, which the clip can
    be decoded from; None if the video must be read from its start. `video_start_s` is what ffmpeg
    adds to a time that it is asked to seek. `is_guessed`: display times are worked out, not stored.
    `picture_offsets_s` and `sound_offsets_s` are what is added to the times of each part of a video
    whose clock restarts, the first 0. `sound_lead_s` is how much earlier reading must start so that
    sound is whole: ffmpeg hides the start of an MP4's sound, where its edit list says so, after a
    seek again.
    """

    video_index: int
    track: Track | None
    seek_s: Fraction | None
    key_s: Fraction
    video_start_s: Fraction
    is_guessed: bool
    picture_offsets_s: tuple[Fraction, ...] = ()
    sound_offsets_s: tuple[Fraction, ...] = ()
    sound_lead_s: Fraction = Fraction(0)


def find_seek_point(
    path: Path, video: Video, clip: Clip, offsets: Sequence[int] = (), *, audio: bool
) -> SeekPoint:
    """Find where ffmpeg must start to read so that the clip can be decoded completely.

    `offsets` are those of the video's scan (records.Scan). No seek finds its place in a video whose
    clock begins again.
    """
    base = clip.time_base
    if len(offsets) > 1:
        return from_video_start(path, video, base, offsets, audio=audio)
    track = track_of(video) if audio else None
    with open_video(path) as (container, stream):
        lead_s = hidden_sound_s(container, track)
        lies = must_be_read_through(container, stream)
        seek_result = None if lies else seek_true_keyframe(container, stream, clip.start_pts)
        key_pts = last_keyframe(container, stream, seek_result, clip.start_pts) or video.start_pts
        return SeekPoint(
            video_index=stream.index,
            track=track,
            seek_s=seek_result.target_pts * base if seek_result is not None else None,
            key_s=key_pts * base,
            video_start_s=(container.start_time or 0) * AV_TIME,
            is_guessed=container.format.name in NO_DISPLAY_TIMES
            and stream.codec_context.has_b_frames,
            sound_lead_s=lead_s,
        )


def hidden_sound_s(container: InputContainer, track: Track | None) -> Fraction:
    """Return how much of an MP4's sound its edit list hides, as in files cut without encoding.

    0 where it is no more than encoders put before their sound.
    """
    if track is None or "mp4" not in container.format.name.split(","):
        return Fraction(0)
    packets_at_start = islice(container.demux(), PACKETS_AT_START)
    times = (p.pts for p in packets_at_start if p.stream_index == track.index and p.pts is not None)
    hidden_s = -next(times, 0) * (container.streams[track.index].time_base or AV_TIME)
    return hidden_s if hidden_s >= MIN_HIDDEN_S else Fraction(0)


def from_video_start(
    path: Path, video: Video, base: Fraction, offsets: Sequence[int], *, audio: bool
) -> SeekPoint:
    """Return the seek point of a video whose clock restarts: it is read from its start."""
    track = track_of(video) if audio else None
    with open_video(path) as (container, stream):
        return SeekPoint(
            video_index=stream.index,
            track=track,
            seek_s=None,
            key_s=video.start_pts * base,
            video_start_s=(container.start_time or 0) * AV_TIME,
            is_guessed=True,
            picture_offsets_s=tuple(offset * base for offset in offsets),
            sound_offsets_s=() if track is None else track_offsets(path, track, offsets),
        )


def track_offsets(path: Path, track: Track, offsets: Sequence[int]) -> tuple[Fraction, ...]:
    """Return the seconds added to the times of each part of a track; empty for most videos.

    `offsets` are those of the video's scan.
    """
    if len(offsets) < 2:  # noqa: PLR2004 - one part needs no moving
        return ()
    with open_video(path) as (container, stream):
        sound = container.streams[track.index]
        assert isinstance(sound, AudioStream)
        return sound_offsets(container, stream, sound, offsets)


def sound_offsets(
    container: InputContainer, stream: VideoStream, sound: AudioStream, offsets: Sequence[int]
) -> tuple[Fraction, ...]:
    """Return the seconds added to the times of each part of a video's sound, the first 0.

    A part belongs to the part of the pictures next to most of its packets: some recordings of
    a video may be without sound.
    """
    pictures, sounds = Clock(), Clock()
    neighbours: list[Counter[int]] = []
    steps = {s.index: int(RESTART_S / (s.time_base or AV_TIME)) for s in (stream, sound)}
    for packet in packets(container, (stream, sound), Damage()):
        is_sound = packet.stream_index == sound.index
        (sounds if is_sound else pictures).place(packet, steps[packet.stream_index])
        if is_sound:
            while len(neighbours) <= sounds.part:
                neighbours.append(Counter())
            neighbours[sounds.part][pictures.part] += 1
    base = stream.time_base or AV_TIME
    parts = [count.most_common(1)[0][0] if count else 0 for count in neighbours]
    return tuple(offsets[min(part, len(offsets) - 1)] * base for part in parts)


def last_keyframe(
    container: InputContainer, stream: VideoStream, seek_result: SeekResult | None, pts: int
) -> int | None:
    """Return the time of the last keyframe at or before `pts`, reading on from a seek."""
    if seek_result is None:
        return None
    latest = seek_result.key_pts
    for packet in packets(container, stream, Damage()):
        shown = packet_pts(packet)
        if shown is None:
            continue
        if packet.is_keyframe and shown <= pts:
            latest = shown
        if (shown if packet.dts is None else packet.dts) > pts:
            break
    return latest
