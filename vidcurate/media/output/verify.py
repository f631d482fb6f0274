"""Proof that a clip file holds its shot: complete, in time, and no foreign frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.error
import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.audio.reader import mixed_format, video_sound
from vidcurate.media.audio.tracks import parse_track
from vidcurate.media.io.container import AV_TIME, DECODER_OPTIONS, libav_description, open_video
from vidcurate.media.io.decode import Faults, decode_video
from vidcurate.media.output.frame_match import (
    Match,
    Picture,
    compare_frames,
    misread_colours,
    small_picture,
    small_pictures_at,
    small_size,
)
from vidcurate.media.output.inspection import inspect_clip_file
from vidcurate.records import Clip, ExportedClip, Video

Ticks = NDArray[np.int64]
Seconds = NDArray[np.float64]

# Containers round times, to a millisecond at the coarsest; less than two are one tick of it.
TOLERANCE_S = 0.0015
# Sound comes in packets, and the last is seldom full; at low rates packets are longer than this.
SOUND_TOLERANCE_S = 0.1
# So many frames before the clip, and after it, are compared with what was written for its edges.
# Not those inside: at a high crf a last frame looks like earlier ones, from which it is predicted.
NEIGHBOURS_COMPARED = 3
# No setting of the encoder changes a small picture so much.
ANOTHER_PICTURE_LEVELS = 40.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What was measured in a file that holds everything it should."""

    n_frames: int
    duration_s: float
    audio_s: float | None
    first: Match
    last: Match


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """The result of decoding a file to its end; times are seconds from its first frame.

    `edges` are small pictures of the frames at the two times that were asked for. `header_frames`
    and `header_s` are what the file's header states.
    """

    frame_times_s: Seconds
    end_s: float
    edges: Sequence[Picture | None]
    header_frames: int
    header_s: float


def verify_file(
    path: Path,
    video: Video,
    clip: Clip,
    video_pts: Ticks,
    file: Path,
    exported: ExportedClip,
    offsets: Sequence[int] = (),
) -> Proof:
    """Decode a clip's whole file, and compare its first and last frame with the video's.

    `video_pts` are the times of all frames of the video at `path`, `offsets` those of its scan if
    its clock restarts. The clip's frames must lie in the file at their times, after those of the
    lead in its row, and no others. Raises MediaError with the first promise that the file
    breaks.
    """
    first, stop = (int(n) for n in np.searchsorted(video_pts, (clip.start_pts, clip.end_pts)))
    begin_of_file = max(0, first - exported.lead_frames)
    video_s = video_pts[begin_of_file:stop].astype(np.float64) * float(clip.time_base)
    due_s = video_s - exported.start_s
    size = small_size(exported.width, exported.height)
    edges_s = float(due_s[first - begin_of_file]), float(due_s[-1])
    is_copy = exported.media == "copy"
    decoded = decode_file(file, edges_s, size, is_copy=is_copy)
    check_frames(decoded, due_s, exported)
    audio_s = sound_s(file)
    check_sound(audio_s, decoded.end_s, file, exported)
    begin = video_pts[max(0, first - NEIGHBOURS_COMPARED) : first + 1].tolist()
    end = video_pts[stop - 1 : stop + NEIGHBOURS_COMPARED].tolist()
    source = small_pictures_at(path, video, {*begin, *end}, size, offsets, is_copy=is_copy)
    return Proof(
        n_frames=len(decoded.frame_times_s),
        duration_s=decoded.end_s,
        audio_s=audio_s,
        first=match_edge("first", decoded.edges[0], begin[-1], begin[:-1], source),
        last=match_edge("last", decoded.edges[1], end[0], end[1:], source),
    )


def decode_file(
    file: Path, edges_s: tuple[float, float], size: tuple[int, int], *, is_copy: bool
) -> DecodedFile:
    """Decode every frame of a file.

    Raises MediaError for one that cannot be decoded to its end without an error.
    """
    faults = Faults()
    frame_times_s: list[float] = []
    end_s = 0.0
    edges: list[Picture | None] = [None, None]
    with open_video(file) as (container, stream):
        # The decoder must report damage as an error instead of concealing it. A copy may begin at
        # a keyframe after which its video still releases earlier frames: an error for the decoder,
        # but no damage.
        strict = {} if is_copy else {"err_detect": "explode"}
        stream.codec_context.options = {**DECODER_OPTIONS, **strict}
        base = float(stream.time_base or AV_TIME)
        header_frames, header_s = stream.frames, (stream.duration or 0) * base
        begin: int | None = None
        for pts, frame in decode_video(container, stream, faults):
            begin = pts if begin is None else begin
            time_s = (pts - begin) * base
            frame_times_s.append(time_s)
            end_s = time_s + frame.duration * base
            for number, edge_s in enumerate(edges_s):
                if abs(time_s - edge_s) <= TOLERANCE_S:
                    edges[number] = small_picture(frame, size)
    if faults.stopped or faults.n_errors or faults.n_damaged:
        raise MediaError("the file cannot be decoded without errors")
    return DecodedFile(np.array(frame_times_s), end_s, edges, header_frames, header_s)


def check_frames(decoded: DecodedFile, due_s: Seconds, exported: ExportedClip) -> None:
    """Check that a file holds the expected frames and is as long as when it was written.

    Raises MediaError.
    """
    if len(decoded.frame_times_s) != exported.n_frames:
        raise MediaError("the file holds more or fewer frames than were written")
    if abs(decoded.end_s - exported.duration_s) > TOLERANCE_S:
        raise MediaError("the file is longer or shorter than was written")
    if decoded.header_frames != len(decoded.frame_times_s):
        raise MediaError(
            f"the file's header says {decoded.header_frames} frames, "
            f"{len(decoded.frame_times_s)} are shown"
        )
    # MP4 stores how long frames take to decode, so the last one's time may be another's.
    longest_s = float(np.diff(decoded.frame_times_s).max(initial=0.0))
    if abs(decoded.header_s - decoded.end_s) > longest_s + TOLERANCE_S:
        raise MediaError(
            f"the header says {decoded.header_s:.3f} s, the frames last {decoded.end_s:.3f} s"
        )
    inside = decoded.frame_times_s[: len(decoded.frame_times_s) - exported.tail_frames]
    if len(inside) != len(due_s):
        raise MediaError("the file holds more or fewer frames than the clip")
    if np.abs(inside - due_s).max() > TOLERANCE_S:
        raise MediaError("frames of the file are not shown at the clip's times")


def sound_s(file: Path) -> float | None:
    """Decode all sound of a file and return its seconds; None for a file without sound.

    Raises MediaError for sound that cannot be decoded.
    """
    with open_video(file) as (container, _):
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        track = parse_track(stream, libav_description(container))
        length_s = (container.duration or 0) * AV_TIME
        if not track.is_unplaced:
            try:
                return float(sum(f.samples / f.sample_rate for f in container.decode(stream)))
            except av.error.FFmpegError as error:
                raise MediaError("the file's sound cannot be decoded without errors") from error
    audio_format = mixed_format(track)
    pieces = video_sound(file, track, audio_format, Fraction(0), length_s)
    return sum(piece.end - piece.start for piece in pieces) / audio_format.rate_hz


def check_sound(
    audio_s: float | None, picture_s: float, file: Path, exported: ExportedClip
) -> None:
    """Check that expected sound is there, and that encoded sound is as long as the picture.

    Raises MediaError.
    """
    if audio_s is None:
        if exported.has_audio:
            raise MediaError("the file's sound is lost")
        return
    # Copied sound may begin after its picture or end before it, as its video's does.
    most_s = max(SOUND_TOLERANCE_S, float(inspect_clip_file(file).packet_s))
    is_short = exported.media != "copy" and audio_s < picture_s - most_s
    if is_short or audio_s > picture_s + most_s:
        raise MediaError("the file's sound is longer or shorter than its picture")


def match_edge(
    edge: str,
    exported: Picture | None,
    own_pts: int,
    foreign_pts: Sequence[int],
    source: Mapping[int, Picture],
) -> Match:
    """Compare a frame at one edge of a file with the video's frames around that edge.

    Raises MediaError for a frame that is not the one that it should be.
    """
    if exported is None or own_pts not in source:
        raise MediaError(f"the video's frame at the clip's {edge} cannot be decoded again")
    foreign = [source[pts] for pts in foreign_pts if pts in source]
    found = compare_frames(exported, source[own_pts], foreign)
    if found.margin is not None and found.margin < 0:
        raise MediaError(f"the {edge} frame is not the clip's: it is beyond the clip's edge")
    colours = compare_frames(exported, source[own_pts], misread_colours(source[own_pts]))
    if colours.margin is not None and colours.margin < 0:
        raise MediaError(f"the {edge} frame has other colours than the video's")
    if found.error > ANOTHER_PICTURE_LEVELS:
        raise MediaError(f"the {edge} frame is another picture")
    return found
