"""Proof that a clip file holds its shot: complete, in time, and no foreign frame."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import av.error
import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.audio.reader import mixed_format, video_sound
from vidcurate.media.audio.tracks import parse_track
from vidcurate.media.io.container import AV_TIME, libav_description, open_video
from vidcurate.media.io.interlacing import PROGRESSIVE
from vidcurate.media.output.decoder_process import DecoderProcess
from vidcurate.media.output.decoders import PYAV, TOLERANCE_S, Request
from vidcurate.media.output.frame_match import (
    Match,
    Part,
    Picture,
    View,
    compare_frames,
    misread_colours,
    small_pictures_at,
    small_size,
)
from vidcurate.media.output.inspection import inspect_clip_file
from vidcurate.records import Clip, ExportedClip, Video

Ticks = NDArray[np.int64]
Seconds = NDArray[np.float64]

# Sound comes in packets, and the last is seldom full; at low rates packets are longer than this.
SOUND_TOLERANCE_S = 0.1
# So many frames before the clip, and after it, are compared with what was written for its edges.
# Not those inside: at a high crf a last frame looks like earlier ones, from which it is predicted.
NEIGHBOURS_COMPARED = 3
# No setting of the encoder changes a small picture so much.
ANOTHER_PICTURE_LEVELS = 40.0
# Nor makes black so light.
BLACK_LEVELS = 16.0
# Rates of files are stored as lengths of frames in whole ticks.
RATE_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Proof:
    """What was measured in a file that holds everything it should."""

    n_frames: int
    duration_s: float
    audio_s: float | None
    first: Match
    last: Match
    decoders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """The result of decoding a file to its end; times are seconds from its first frame.

    `edges` are small pictures of the frames at the two times that were asked for, and `bars` the
    mean levels of what is outside them. `header_frames`, `header_s` and `rate` are what the file's
    header states, `shape` is the width and height of all its pictures.
    """

    frame_times_s: Seconds
    end_s: float
    edges: Sequence[Picture | None]
    bars: Sequence[float]
    shape: tuple[int, int]
    header_frames: int
    header_s: float
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Due:
    """What a file must hold: when its frames are shown, and the video's frames at its edges.

    `first` and `last` are numbers of frames of the video, `first_s` and `last_s` when the file
    shows them. Those of the clip alone are counted: a copy may begin before it and end after it.
    """

    times_s: Seconds
    first: int
    last: int
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class WrittenClip:
    """A clip with the file that was written for it, and the row that says what is in it."""

    clip: Clip
    file: Path
    exported: ExportedClip


def verify_files(
    path: Path,
    video: Video,
    written: Sequence[WrittenClip],
    video_pts: Ticks,
    decoders: DecoderProcess,
    offsets: Sequence[int] = (),
) -> Iterator[Proof | MediaError]:
    """Decode the whole files of a video's clips, and compare their ends with the video's frames.

    `video_pts` are the times of all frames of the video at `path`, `offsets` those of its scan if
    its clock restarts. A clip's frames must lie in the file at their times, after those of the
    lead in its row, and no others; or at a constant rate, each the last that the video shows by
    then. Yields for each what was found, or the first promise that its file breaks.
    """
    plans = [plan_proof(video, one, video_pts) for one in written]
    wanted: dict[View, set[int]] = {}
    for plan in plans:
        if not isinstance(plan, MediaError):
            wanted.setdefault(plan.view, set()).update(plan.begin_pts, plan.end_pts)
    try:
        # Where one clip ends the next often begins: their frames are decoded once.
        source = small_pictures_at(path, video, wanted, offsets)
    except MediaError as error:
        yield from (plan if isinstance(plan, MediaError) else error for plan in plans)
        return
    for one, plan in zip(written, plans, strict=True):
        try:
            yield (
                plan
                if isinstance(plan, MediaError)
                else prove(one, plan, source[plan.view], decoders)
            )
        except MediaError as error:
            yield error


@dataclass(frozen=True, slots=True)
class ProofPlan:
    """What a file must hold, and with which of the video's frames its ends are compared.

    `begin_pts` are times of frames up to the clip's first, `end_pts` from its last on.
    """

    due: Due
    view: View
    begin_pts: tuple[int, ...]
    end_pts: tuple[int, ...]


def plan_proof(video: Video, written: WrittenClip, video_pts: Ticks) -> ProofPlan | MediaError:
    """Plan how a file is proved, or say what is wrong with its row."""
    exported = written.exported
    try:
        due = due_frames(video_pts, written.clip, exported)
    except MediaError as error:
        return error
    order = PROGRESSIVE if exported.media == "copy" else video.field_order
    begin = video_pts[max(0, due.first - NEIGHBOURS_COMPARED) : due.first + 1]
    end = video_pts[due.last : due.last + 1 + NEIGHBOURS_COMPARED]
    return ProofPlan(
        due=due,
        view=View(
            small_size(exported.picture_width, exported.picture_height),
            part_shown(exported, video),
            order,
        ),
        begin_pts=tuple(begin.tolist()),
        end_pts=tuple(end.tolist()),
    )


def prove(
    written: WrittenClip,
    plan: ProofPlan,
    source: Mapping[int, Picture],
    decoders: DecoderProcess,
) -> Proof:
    """Decode a clip's file, and compare it with what it must hold.

    Raises MediaError with the first promise that it breaks.
    """
    file, exported, due = written.file, written.exported, plan.due
    request = Request(
        decoder=PYAV,
        file=str(file),
        edges_s=(due.first_s, due.last_s),
        part=inside_padding(exported),
        size=plan.view.size,
        # A copy may begin at a keyframe after which its video still releases earlier frames: an
        # error for the decoder, but no damage.
        strict=exported.media != "copy",
    )
    decoded = decode_file(decoders, request, exported.duration_s)
    check_frames(decoded, due, exported)
    check_counts(decoders, file, exported)
    audio_s = sound_s(file)
    check_sound(audio_s, decoded.end_s, file, exported)
    begin, end = plan.begin_pts, plan.end_pts
    return Proof(
        n_frames=len(decoded.frame_times_s),
        duration_s=decoded.end_s,
        audio_s=audio_s,
        first=match_edge("first", decoded.edges[0], begin[-1], begin[:-1], source),
        last=match_edge("last", decoded.edges[1], end[0], end[1:], source),
        decoders=decoders.decoders,
    )


def due_frames(video_pts: Ticks, clip: Clip, exported: ExportedClip) -> Due:
    """Return what a clip's file must hold.

    Raises MediaError where its row has more or fewer frames than the clip gives.
    """
    first, stop = (int(n) for n in np.searchsorted(video_pts, (clip.start_pts, clip.end_pts)))
    rate = exported.frame_rate
    if rate is None:
        begin, end = max(0, first - exported.lead_frames), stop - exported.cut_frames
        n_due = end - begin + exported.tail_frames
    else:
        n_due = ceil((clip.end_pts - clip.start_pts) * clip.time_base * rate) - exported.cut_frames
    if exported.n_frames != n_due:
        raise MediaError("the file holds more or fewer frames than the clip")
    if rate is None:
        video_s = video_pts[begin:end].astype(np.float64) * float(clip.time_base)
        times_s = video_s - exported.start_s
        return Due(times_s, first, end - 1, float(times_s[first - begin]), float(times_s[-1]))
    times_s = np.arange(n_due) / float(rate)
    # The last frame that begins by then; in whole ticks, so that it is exact.
    last_pts = clip.start_pts + (n_due - 1) / rate // clip.time_base
    last = int(np.searchsorted(video_pts[:stop], last_pts, "right")) - 1
    return Due(times_s, first, last, 0.0, float(times_s[-1]))


def inside_padding(exported: ExportedClip) -> Part | None:
    """Return the part of a file's pictures that is not padding; None for all of them."""
    width, height = exported.picture_width, exported.picture_height
    if (width, height) == (exported.display_width, exported.display_height):
        return None
    # Colour of half the size begins at even pixels.
    left, top = (exported.width - width) // 4 * 2, (exported.height - height) // 4 * 2
    return Part(left, top, width, height)


def part_shown(exported: ExportedClip, video: Video) -> Part | None:
    """Return the part of the video's picture that a file shows; None for all of it."""
    crop = exported.crop_left, exported.crop_top, exported.crop_width, exported.crop_height
    is_whole = crop == (0, 0, video.display_width, video.display_height)
    return None if is_whole else Part(*crop)


def decode_file(decoders: DecoderProcess, request: Request, plays_s: float) -> DecodedFile:
    """Decode every frame of a file; raises MediaError where that cannot be done without errors."""
    facts, data = decoders.decode(request, plays_s)
    width, height = request.size
    edges: list[Picture | None] = []
    place = 0
    for n_bytes in facts["sizes"]:
        pixels = np.frombuffer(data, np.float32, n_bytes // 4, place)
        edges.append(pixels.reshape(height, width, 3) if n_bytes else None)
        place += n_bytes
    return DecodedFile(
        frame_times_s=np.array(facts["frame_times_s"]),
        end_s=facts["end_s"],
        edges=edges,
        bars=facts["bars"],
        shape=tuple(facts["shape"]),
        header_frames=facts["header_frames"],
        header_s=facts["header_s"],
        rate=Fraction(facts["rate"]),
    )


def check_counts(decoders: DecoderProcess, file: Path, exported: ExportedClip) -> None:
    """Check that the other decoders find as many frames.

    Raises MediaError.
    """
    for name in decoders.decoders:
        if name != PYAV:
            facts, _ = decoders.decode(Request(name, str(file)), exported.duration_s)
            if facts["n_frames"] != exported.n_frames:
                raise MediaError(f"{name} decodes more or fewer frames than {PYAV}")


def check_frames(decoded: DecodedFile, due: Due, exported: ExportedClip) -> None:
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
    if decoded.shape != (exported.width, exported.height):
        raise MediaError("the file's pictures have another size than was written")
    inside = decoded.frame_times_s[: len(decoded.frame_times_s) - exported.tail_frames]
    if len(inside) != len(due.times_s):
        raise MediaError("the file holds more or fewer frames than the clip")
    if np.abs(inside - due.times_s).max() > TOLERANCE_S:
        raise MediaError("frames of the file are not shown at the clip's times")
    if max(decoded.bars) > BLACK_LEVELS:
        raise MediaError("what pads the file's pictures is not black")
    if exported.frame_rate is not None:
        check_rate(decoded, exported.frame_rate)


def check_rate(decoded: DecodedFile, rate: Fraction) -> None:
    """Check that a file's header and its last frame have the constant rate.

    Raises MediaError.
    """
    if abs(decoded.rate / rate - 1) > RATE_TOLERANCE:
        raise MediaError(f"the file's header says {float(decoded.rate):.6g} frames a second")
    if abs(decoded.end_s - len(decoded.frame_times_s) / float(rate)) > TOLERANCE_S:
        raise MediaError("the file's last frame is longer or shorter than the others")


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
    excess_s = audio_s - picture_s
    lack_s = 0.0 if exported.media == "copy" else -excess_s
    off_s = max(excess_s, lack_s)
    if off_s > SOUND_TOLERANCE_S and off_s > float(inspect_clip_file(file).packet_s):
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
