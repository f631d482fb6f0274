"""Clip files that are encoded: exactly the clip's frames, with the sound of the same span."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg

from vidcurate.clips.rendition import Rendition
from vidcurate.errors import MediaError
from vidcurate.media.audio.reader import mixed_format, write_span
from vidcurate.media.io.container import url
from vidcurate.media.io.ffmpeg import FfmpegError, microseconds, run
from vidcurate.media.io.orientation import MAX_PIXELS
from vidcurate.media.io.seeking import SeekPoint
from vidcurate.media.output.clip_filters import (
    filter_text,
    picture_filters,
    sound_filters,
    whole_length,
    whole_rendition,
)
from vidcurate.media.output.cut_file import ClipJob, CutFile, CutOptions, cut_file
from vidcurate.media.output.encoders import CLIP_ENCODERS
from vidcurate.media.output.ffmpeg_output import (
    BIT_EXACT,
    RawSound,
    aac_options,
    ffmpeg_for,
    layout_filter,
    raw_input,
)
from vidcurate.media.output.inspection import ClipFile, inspect_clip_file
from vidcurate.records import Clip, Video

# How far before the clip reading starts, for videos in which a seek lands late; None: the start.
RUN_UPS_S = (Fraction(0), Fraction(10), None)
# ffmpeg seeks up to 0.13 s earlier than asked; before the video's start some demuxers then
# leave their first keyframe out, and what follows it is decoded to rubbish.
MIN_SEEK_S = 1
# Reading goes on so long after the clip's end, for sound that is stored later than its picture.
RUN_OUT_S = 5
# ffmpeg 5 moves times in these containers if the streams that it reads begin later than 0 and the
# file at 0; an offset that is less than a tick turns that off.
SHIFTED_CONTAINERS = frozenset({"mpegts", "mpeg", "ogg"})
NO_SHIFT_OFFSET = "0.000001"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file that was encoded for a clip, and how many of the clip's frames were decoded for it."""

    file: Path
    contents: ClipFile
    n_decoded: int

    def has_pictures(self, clip: Clip, rendition: Rendition) -> bool:
        """Check whether no frame is missing."""
        n_pictures = len(self.contents.frame_times_s)
        return self.n_decoded == clip.n_frames and n_pictures == rendition.n_frames

    @property
    def has_whole_sound(self) -> bool:
        """Whether sound lasts as long as the pictures, within a packet."""
        contents = self.contents
        if contents.sound_s is None:
            return False
        return abs(contents.sound_s - contents.end_s) <= contents.packet_s


@dataclass(frozen=True)
class Cutting:
    """One run of ffmpeg over a video, which writes several clips' files.

    All times in it are the video's (`-copyts`). Each file has filters of its own, for picture and
    for sound: ffmpeg recreates a graph where its input changes. Files are written to `folder`
    under the numbers of their clips. Clips that are written together share the pictures that are
    read from `point` on, but each reads its sound from its own of `sound_points`: what a decoder
    of sound gives depends on where it began.
    """

    path: Path
    video: Video
    point: SeekPoint
    options: CutOptions
    folder: Path
    sound_points: Sequence[SeekPoint] = ()

    def encode(
        self, jobs: Sequence[ClipJob], seek_s: Fraction | None, sound: RawSound | None = None
    ) -> list[Encoded]:
        """Encode clips, reading from a time on; None reads from the video's start.

        Raises FfmpegError, and MediaError where it takes too long.
        """
        lead_s = self.point.sound_lead_s if sound is None else Fraction(0)
        outputs = self.outputs(jobs, earlier(seek_s, lead_s), sound)
        graph = ffmpeg.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
        tool = ffmpeg_for("encode", self.options.encoder)
        run(tool, graph, self.options.timeout_s, self.folder)
        return [self.encoded(number, job) for number, job in enumerate(jobs)]

    def encoded(self, number: int, job: ClipJob) -> Encoded:
        """Describe the file that was written for a clip."""
        contents = inspect_clip_file(self.file(number))
        n_decoded = len(contents.frame_times_s)
        if self.rendition(job).fps is not None:
            lines = (self.folder / self.count_file(number)).read_text("ascii").splitlines()
            n_decoded = sum(line.startswith("frame:") for line in lines)
        return Encoded(self.file(number), contents, n_decoded)

    def file(self, number: int) -> Path:
        """Return where a clip's file is written."""
        return self.folder / f"{number}.mp4"

    def count_file(self, number: int) -> str:
        """Return the name of the file with a line for each frame of a clip."""
        return f"{number}.txt"

    def rendition(self, job: ClipJob) -> Rendition:
        """Return what a clip's file is to be."""
        return job.rendition or whole_rendition(self.video, job.clip)

    def outputs(
        self, jobs: Sequence[ClipJob], seek_s: Fraction | None, sound: RawSound | None
    ) -> list[ffmpeg.nodes.OutputStream]:
        """Build the outputs of all clips, which share the input of their pictures."""
        source = self.source(self.point, seek_s, jobs)
        outputs = []
        for number, job in enumerate(jobs):
            heard = source
            if sound is not None:
                heard = raw_input(sound)
            elif self.sound_points and self.point.track is not None:
                point = self.sound_points[number]
                heard = self.source(point, earlier(point.seek_s, point.sound_lead_s), [job])
            outputs.append(self.output(number, job, source, heard, sound))
        return outputs

    def source(
        self, point: SeekPoint, seek_s: Fraction | None, jobs: Sequence[ClipJob]
    ) -> ffmpeg.nodes.FilterableStream:
        """Build an input: this file and format only, from `seek_s` to the end of the clips."""
        # ffmpeg counts a length from the keyframe it lands on, which may lie far before the clip;
        # the filters end the reading, and this bound is only for videos that end before they do.
        end_s = max(job.clip.end_pts * job.clip.time_base for job in jobs)
        length_s = end_s - point.video_start_s + RUN_OUT_S
        begin = ffmpeg_seek_s(point, seek_s)
        seek = {"ss": microseconds(begin)} if begin else {}
        is_shifted = self.video.container in SHIFTED_CONTAINERS
        offset = {"itsoffset": NO_SHIFT_OFFSET} if is_shifted else {}
        return ffmpeg.input(
            url(self.path),
            format=self.video.container.split(",")[0],
            protocol_whitelist="file",
            max_pixels=MAX_PIXELS,
            threads=self.options.threads,
            copyts=None,
            noaccurate_seek=None,
            t=microseconds(length_s),
            **seek,
            **offset,
        )

    def output(
        self,
        number: int,
        job: ClipJob,
        source: ffmpeg.nodes.FilterableStream,
        heard: ffmpeg.nodes.FilterableStream,
        sound: RawSound | None,
    ) -> ffmpeg.nodes.OutputStream:
        """Build the output of one clip, with the pictures of one input and the sound of another."""
        clip, rendition, options = job.clip, self.rendition(job), self.options
        pictures = picture_filters(self.video, clip, rendition, self.point, self.count_file(number))
        streams = [source[str(self.point.video_index)]]
        sound_options: dict[str, object] = {}
        if (track := self.point.track) is not None:
            length_s = sound_length_s(clip, rendition)
            if sound is None:
                filters = sound_filters(self.point, track, clip, length_s)
                streams.append(heard[str(track.index)])
            else:
                filters = ",".join(
                    (layout_filter(sound.audio_format.layout), *whole_length(length_s))
                )
                streams.append(heard)
            sound_options = {"filter:a": filters, **aac_options(options)}
        tool = ffmpeg_for("encode", options.encoder)
        keep_times = "fps_mode" if "fps_mode" in tool.options else "vsync"
        base = clip.time_base if rendition.fps is None else 1 / rendition.fps
        encoder = CLIP_ENCODERS[options.encoder]
        return ffmpeg.output(
            *streams,
            url(self.file(number)),
            **{"format": "mp4", "filter:v": filter_text(pictures)},
            **encoder.options(options.crf, options.preset, options.threads),
            **{
                "enc_time_base:v": f"{base.numerator}:{base.denominator}",
                keep_times: "passthrough",
            },
            **{"movflags": "+faststart", **sound_options, **BIT_EXACT},
        )


def sound_length_s(clip: Clip, rendition: Rendition) -> Fraction:
    """Return how long the sound of a clip's file is: as its pictures."""
    if rendition.fps is None:
        return (clip.end_pts - clip.start_pts) * clip.time_base
    return rendition.n_frames / rendition.fps


def encode_together(
    path: Path,
    video: Video,
    jobs: Sequence[ClipJob],
    points: Sequence[SeekPoint],
    options: CutOptions,
    folder: Path,
) -> list[Encoded | None]:
    """Encode clips in one decode of their video, from the point before the first of them.

    None for those whose files are not complete; they must be encoded each by itself.
    """
    point = points[0]
    cutting = Cutting(path, video, point, options, folder, points)
    if point.track is not None and point.track.is_unplaced:
        return [None] * len(jobs)
    try:
        found = cutting.encode(jobs, point.seek_s)
    except MediaError:
        # One of them may be at fault, or all take too long; by itself each says why.
        return [None] * len(jobs)
    return [
        one
        if one.has_pictures(job.clip, cutting.rendition(job))
        and (point.track is None or one.has_whole_sound)
        else None
        for one, job in zip(found, jobs, strict=True)
    ]


def encode_clip(
    path: Path, video: Video, job: ClipJob, point: SeekPoint, options: CutOptions
) -> CutFile:
    """Encode exactly the frames of a clip, with the sound of the same span."""
    with TemporaryDirectory(dir=job.out.parent, prefix=".") as folder:
        cutting = Cutting(path, video, point, options, Path(folder))
        encoded = encode_at_once(cutting, job) or encode_with_raw_sound(cutting, job)
        return place(encoded, job, cutting.rendition(job))


def place(encoded: Encoded, job: ClipJob, rendition: Rendition) -> CutFile:
    """Move a file that was encoded to its place, and describe it."""
    encoded.file.replace(job.out)
    return cut_file(job.out, encoded.contents, job.clip, rendition=rendition)


def encode_at_once(cutting: Cutting, job: ClipJob) -> Encoded | None:
    """Encode a clip whose sound ffmpeg decodes too; None where it cannot.

    It creates its filters again where the sound's format changes, so that silence is filled in
    twice; it refuses to mix channels that have no places; and it may lack the decoder.
    """
    if cutting.point.track is None:
        return encode_frames(cutting, job, None)
    if cutting.point.track.is_unplaced:
        return None
    try:
        encoded = encode_frames(cutting, job, None)
    except FfmpegError:
        # If it was the picture's fault, the next attempt says so.
        return None
    return encoded if encoded.has_whole_sound else None


def encode_with_raw_sound(cutting: Cutting, job: ClipJob) -> Encoded:
    """Encode a clip with its sound as the reader decodes it."""
    track, clip = cutting.point.track, job.clip
    assert track is not None
    sound = RawSound(cutting.folder / "sound.raw", mixed_format(track))
    start_s = clip.start_pts * clip.time_base
    span_s = (clip.end_pts - clip.start_pts) * clip.time_base
    end_s = start_s + min(span_s, sound_length_s(clip, cutting.rendition(job)))
    offsets_s = cutting.point.sound_offsets_s
    write_span(cutting.path, track, sound.audio_format, start_s, end_s, sound.file, offsets_s)
    return encode_frames(cutting, job, sound)


def encode_frames(cutting: Cutting, job: ClipJob, sound: RawSound | None) -> Encoded:
    """Encode a clip's frames, reading from further back where one is missing.

    Raises FfmpegError where ffmpeg fails, and MediaError where frames are still missing.
    """
    clip, rendition = job.clip, cutting.rendition(job)
    found = 0
    for run_up_s in RUN_UPS_S:
        [encoded] = cutting.encode([job], earlier(cutting.point.seek_s, run_up_s), sound)
        found = encoded.n_decoded
        if encoded.has_pictures(clip, rendition):
            return encoded
    raise MediaError(
        f"clip {clip.clip_id}: {found} frames were decoded between {clip.start_s:.3f} s and "
        f"{clip.end_s:.3f} s, {clip.n_frames} expected"
    )


def earlier(seek_s: Fraction | None, before_s: Fraction | None) -> Fraction | None:
    """Return a time to seek, this long before another; None means the video's start."""
    return None if seek_s is None or before_s is None else seek_s - before_s


def ffmpeg_seek_s(point: SeekPoint, seek_s: Fraction | None) -> Fraction:
    """Return the time that ffmpeg seeks, in seconds after the video's start; 0 to read it all."""
    begin = Fraction(0) if seek_s is None else seek_s - point.video_start_s
    return begin if begin >= MIN_SEEK_S else Fraction(0)
