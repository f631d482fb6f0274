"""Clip files, exact to the frame: encoded, or copied as far as keyframes allow it."""

from collections.abc import Iterator, Sequence
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
# Encoders keep what they look ahead until all clips of one decode are done: so many pixels of all.
MAX_PIXELS_TOGETHER = 6 * 1920 * 1080


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
    if options.mode != "encode" or len(jobs) == 1:
        groups: list[list[tuple[ClipJob, SeekPoint | None]]] = [[(job, None)] for job in jobs]
    else:
        try:
            points = [
                find_seek_point(path, video, job.clip, offsets, audio=options.audio) for job in jobs
            ]
        except MediaError as error:
            yield from (error for _ in jobs)
            return
        groups = near_each_other(video, jobs, points)
    for group in groups:
        yield from cut_group(path, video, group, options, offsets)


def near_each_other(
    video: Video, jobs: Sequence[ClipJob], points: Sequence[SeekPoint]
) -> list[list[tuple[ClipJob, SeekPoint | None]]]:
    """Part clips into those that one decode is quicker for, each with where its own would begin."""
    groups: list[list[tuple[ClipJob, SeekPoint | None]]] = []
    end_s, n_pixels = Fraction(0), 0
    for job, point in zip(jobs, points, strict=True):
        width, height = (job.rendition or whole_rendition(video, job.clip)).size
        n_pixels += width * height
        is_near = point.seek_s is None or point.key_s <= end_s + GAP_S
        if groups and is_near and n_pixels <= MAX_PIXELS_TOGETHER:
            groups[-1].append((job, point))
        else:
            groups.append([(job, point)])
            n_pixels = width * height
        end_s = job.clip.end_pts * job.clip.time_base
    return groups


def cut_group(
    path: Path,
    video: Video,
    group: Sequence[tuple[ClipJob, SeekPoint | None]],
    options: CutOptions,
    offsets: Sequence[int],
) -> Iterator[CutFile | MediaError]:
    """Write clips in one decode, and those by themselves that this fails for."""
    jobs, point = [job for job, _ in group], group[0][1]
    with TemporaryDirectory(dir=jobs[0].out.parent, prefix=".") as folder:
        encoded = (
            [None]
            if point is None or len(jobs) == 1
            else encode_together(path, video, jobs, point, options, Path(folder))
        )
        for job, one in zip(jobs, encoded, strict=True):
            rendition = job.rendition or whole_rendition(video, job.clip)
            if one is not None:
                yield place(one, job, rendition)
                continue
            try:
                yield cut_clip(path, video, job.clip, options, job.out, offsets, job.rendition)
            except MediaError as error:
                yield error


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
