"""Clip files, exact to the frame: encoded, or copied as far as keyframes allow it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from vidcurate.clips.rendition import Rendition
from vidcurate.errors import MediaError
from vidcurate.media.io.seeking import SeekPoint, find_seek_point
from vidcurate.media.output.clip_filters import whole_rendition
from vidcurate.media.output.copying import copy_clip
from vidcurate.media.output.cut_file import ClipJob, CutFile, CutOptions
from vidcurate.media.output.encoding import encode_clip, encode_together, place
from vidcurate.media.output.smart import smart_clip
from vidcurate.records import Clip, Video
from vidcurate.store.atomic import atomic_write

# A clip is encoded beside the one before it where its decoding would begin no later than this after
# that one's end: about what starting another ffmpeg takes.
GAP_S = Fraction(1)
# The container in which a seek for sound alone lands where one for pictures and sound does. A clip
# in one decode reads its own sound, so that its bytes do not depend on the clips beside it.
SOUND_APART = "mov,mp4,m4a,3gp,3g2,mj2"
# Encoders keep what they look ahead until all clips of one decode are done: so many pixels of all.
MAX_PIXELS_TOGETHER = 2 * 1920 * 1080


def cut_clip(
    path: Path,
    video: Video,
    clip: Clip,
    options: CutOptions,
    out: Path,
    offsets: Sequence[int] = (),
    rendition: Rendition | None = None,
) -> CutFile:
    """Write one clip of a video as an MP4 file, completely or not at all.

    `offsets` are those of the video's scan (records.Scan), if its clock restarts.

    Raises MediaError if the video cannot be read or the file is not what was promised, and
    MissingToolError if this ffmpeg lacks an encoder or a filter.
    """
    with atomic_write(out) as partial_out:
        job = ClipJob(clip, partial_out, rendition)
        return write_clip(path, video, job, options, offsets)


def cut_clips(
    path: Path,
    video: Video,
    jobs: Sequence[ClipJob],
    options: CutOptions,
    offsets: Sequence[int] = (),
) -> Iterator[CutFile | MediaError]:
    """Write clips of a video, each completely or not at all: what was written, or why it was not.

    Clips that are encoded and lie near each other are encoded in one decode; what fails there is
    tried again by itself. Jobs are in the order of time.
    """
    if options.mode == "encode" and len(jobs) > 1:
        groups = near_each_other(path, video, jobs, options, offsets)
    else:
        groups = [Group([job], []) for job in jobs]
    for group in groups:
        yield from cut_group(path, video, group, options, offsets)


@dataclass(frozen=True, slots=True)
class Group:
    """Clips of a video that are written together, and where reading starts for each, if known."""

    jobs: list[ClipJob]
    points: list[SeekPoint]


def near_each_other(
    path: Path,
    video: Video,
    jobs: Sequence[ClipJob],
    options: CutOptions,
    offsets: Sequence[int],
) -> list[Group]:
    """Part clips into those that one decode is quicker for."""
    groups: list[Group] = []
    end_s, n_pixels = Fraction(0), 0
    for job in jobs:
        try:
            point = find_seek_point(path, video, job.clip, offsets, audio=options.audio)
        except MediaError:
            # By itself the clip says why.
            groups.append(Group([job], []))
            continue
        width, height = (job.rendition or whole_rendition(video, job.clip)).size
        n_pixels += width * height
        is_near = point.seek_s is None or point.key_s <= end_s + GAP_S
        is_near &= point.track is None or video.container == SOUND_APART
        if groups and groups[-1].points and is_near and n_pixels <= MAX_PIXELS_TOGETHER:
            groups[-1].jobs.append(job)
            groups[-1].points.append(point)
        else:
            groups.append(Group([job], [point]))
            n_pixels = width * height
        end_s = job.clip.end_pts * job.clip.time_base
    return groups


def cut_group(
    path: Path, video: Video, group: Group, options: CutOptions, offsets: Sequence[int]
) -> Iterator[CutFile | MediaError]:
    """Write clips in one decode, and those by themselves that this fails for."""
    if len(group.jobs) == 1:
        point = group.points[0] if group.points else None
        yield cut_by_itself(path, video, group.jobs[0], options, offsets, point)
        return
    with TemporaryDirectory(dir=group.jobs[0].out.parent, prefix=".") as folder:
        encoded = encode_together(path, video, group.jobs, group.points, options, Path(folder))
        for job, one in zip(group.jobs, encoded, strict=True):
            if one is None:
                yield cut_by_itself(path, video, job, options, offsets)
            else:
                yield place(one, job, job.rendition or whole_rendition(video, job.clip))


def cut_by_itself(
    path: Path,
    video: Video,
    job: ClipJob,
    options: CutOptions,
    offsets: Sequence[int],
    point: SeekPoint | None = None,
) -> CutFile | MediaError:
    """Write one clip, completely or not at all, or say why it was not."""
    try:
        with atomic_write(job.out) as partial_out:
            return write_clip(path, video, replace(job, out=partial_out), options, offsets, point)
    except MediaError as error:
        return error


def write_clip(
    path: Path,
    video: Video,
    job: ClipJob,
    options: CutOptions,
    offsets: Sequence[int],
    point: SeekPoint | None = None,
) -> CutFile:
    """Copy or encode one clip, as the options and the video's keyframes require.

    `point` is where reading starts for it, where that is known.
    """
    if options.mode != "encode":
        write = copy_clip if options.mode == "copy" else smart_clip
        try:
            if len(offsets) > 1:
                raise MediaError("the video's clock restarts: packets have no unique times")  # noqa: TRY301
            return write(path, video, job.clip, options, job.out)
        except MediaError:
            if options.mode == "copy" and options.inexact != "encode":
                raise
    if point is None:
        point = find_seek_point(path, video, job.clip, offsets, audio=options.audio)
    return encode_clip(path, video, job, point, options)
