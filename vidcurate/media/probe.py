"""The facts of a film from its container, so that a bad file fails before anything is decoded."""

from fractions import Fraction
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidcurate.errors import MediaError
from vidcurate.media.container import AV_TIME, MOST_PIXELS, open_film
from vidcurate.media.envelope import missing_bytes
from vidcurate.media.orientation import display_matrix, display_size, rotation_deg
from vidcurate.media.packets import Damage, packets
from vidcurate.media.timing import Timing, measure
from vidcurate.media.track_choice import find_track
from vidcurate.records import Video

TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    11: "iec61966-2-4",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
MAX_ASPECT = 16
REORDERING = frozenset({"h264", "hevc"})
HDR = frozenset({"smpte2084", "arib-std-b67"})
# A film begins with pictures that no decoder shows (open GOP, damaged head): so many are allowed.
FIRST_PACKETS = 300


def probe_film(path: Path, video_id: str) -> Video:
    """Container facts of a film; one frame is decoded, for its turn and its pixel format.

    Raises MediaError, with the reason in plain words, for a file that is no film, cannot be read
    or cannot be decoded. A film that can be read though its header is wrong has `faults`.
    """
    with open_film(path, makes_times=True) as (container, stream):
        timing = measure(container, stream, path)
    if timing.n_frames == 1:
        raise MediaError("a still image, not a film")
    with open_film(path) as (container, stream):
        return video_record(path, video_id, container, stream, timing)


def first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    """The first frame that the decoder gives.

    Raises MediaError if there is none among the first packets.
    """
    for n_read, packet in enumerate(packets(container, stream, Damage())):
        try:
            for frame in stream.decode(packet):
                return frame
        except av.error.FFmpegError:
            # Damage at the head is common in recordings that were joined late.
            pass
        if n_read > FIRST_PACKETS:
            break
    decoder = stream.codec_context
    if not decoder.width:  # the decoder forgets a size that it refuses
        millions = MOST_PIXELS // 1_000_000
        raise MediaError(f"pictures of no stated size, or of over {millions} million pixels")
    raise MediaError(f"no frame can be decoded (codec {decoder.name})")


def video_record(
    path: Path, video_id: str, container: InputContainer, stream: VideoStream, timing: Timing
) -> Video:
    """The row that an opened film stands for."""
    frame = first_frame(container, stream)
    base = stream.time_base or AV_TIME
    rotation = rotation_deg(display_matrix(frame))
    aspect = pixel_aspect(stream)
    shown = display_size(frame.width, frame.height, aspect, rotation)
    transfer = TRANSFERS.get(frame.color_trc, "unknown")
    track, sound_faults = find_track(path)
    return Video(
        video_id=video_id,
        container=container.format.name,
        size_bytes=path.stat().st_size,
        duration_s=float((timing.end_pts - timing.start_pts) * base),
        end_s=float(timing.end_pts * base),
        time_base=base,
        start_pts=timing.start_pts,
        container_start_us=container.start_time or 0,
        frame_rate=timing.frame_rate,
        is_vfr=timing.is_vfr,
        n_frames_header=stream.frames,
        video_codec=stream.codec_context.codec.canonical_name,
        pixel_format=frame.format.name,
        bit_depth=frame.format.components[0].bits,
        transfer=transfer,
        is_hdr=transfer in HDR,
        width=frame.width,
        height=frame.height,
        rotation_deg=rotation,
        pixel_aspect=aspect,
        display_width=shown[0],
        display_height=shown[1],
        bit_rate=container.bit_rate,
        audio_index=track.index if track else None,
        audio_codec=track.codec if track else None,
        audio_layout=track.layout if track else None,
        audio_channels=track.channels if track else None,
        audio_rate_hz=track.rate_hz if track else None,
        faults=(*file_faults(path, container, stream), *timing.faults, *sound_faults),
    )


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Width over height of a pixel; 1 where the film does not say or says nonsense."""
    aspect = stream.sample_aspect_ratio
    return aspect if aspect and 1 / MAX_ASPECT < aspect < MAX_ASPECT else Fraction(1)


def file_faults(path: Path, container: InputContainer, stream: VideoStream) -> tuple[str, ...]:
    """What is wrong with a film beyond what its header says of its length."""
    faults = []
    cut_short = missing_bytes(path)
    if cut_short is not None:
        faults.append(cut_short)
    codec = stream.codec_context
    if container.format.name == "avi" and codec.name in REORDERING and codec.has_b_frames:
        faults.append(
            f"AVI stores no display times for {codec.name} with B-frames: they are guesses"
        )
    return tuple(faults)
