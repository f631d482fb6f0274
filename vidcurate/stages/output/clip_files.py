"""The files of the clips of one video: planned, written together, and told as rows."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.rendition import Box, Rendition, Size
from vidcurate.errors import MediaError
from vidcurate.exporting.rendition import RenditionOptions, inside_bars, plan_rendition
from vidcurate.media.io.content import video_path
from vidcurate.media.output.cut_file import ClipJob, CutFile, CutOptions
from vidcurate.media.output.cutting import cut_clips
from vidcurate.media.output.sound_file import write_wav
from vidcurate.records import QUALITY, SCANS, SOURCES, VIDEOS, Clip, ExportedClip, Video
from vidcurate.stage import Drop, Workspace
from vidcurate.stages.output.export_options import QUALITIES, Copy, Encode, Encoder, Smart

Ticks = NDArray[np.int64]


def write_clip_files(
    clips: Sequence[Clip],
    media: Copy | Smart | Encode,
    rendering: RenditionOptions | None,
    workspace: Workspace,
    *,
    crops_bars: bool,
) -> Iterator[list[ExportedClip] | Drop | MediaError]:
    """Yield the row of each clip of a video, with its file, or why it has none.

    With `rendering` clips that cannot be as it says are left out, and bars are cropped where their
    quality is there.
    """
    video = workspace.lookup(VIDEOS)[clips[0].video_id]
    try:
        path = video_path(workspace.lookup(SOURCES)[video.video_id])
    except MediaError as error:
        yield from (error for _ in clips)
        return
    cutting = cut_options(media)
    offsets = workspace.lookup(SCANS)[video.video_id].clock_offsets
    planned = {
        clip.clip_id: plan(clip, video, rendering, workspace, crops_bars=crops_bars)
        for clip in clips
    }
    jobs = [
        ClipJob(found[0], workspace.files / f"{found[0].clip_id}.mp4", found[1])
        for found in planned.values()
        if not isinstance(found, Drop)
    ]
    jobs.sort(key=lambda job: job.clip.start_pts)
    written = zip(jobs, cut_clips(path, video, jobs, cutting, offsets), strict=True)
    clips_by_id = {clip.clip_id: clip for clip in clips}
    done: dict[str, list[ExportedClip] | MediaError] = {}
    for clip in clips:
        found = planned[clip.clip_id]
        if isinstance(found, Drop):
            yield found
            continue
        while clip.clip_id not in done:
            job, file = next(written)
            done[job.clip.clip_id] = (
                file
                if isinstance(file, MediaError)
                else told(job, file, clips_by_id[job.clip.clip_id], video, cutting)
            )
        row = done[clip.clip_id]
        yield with_wav(row, path, video, found[0], workspace.files, offsets) if media.wav else row


def cut_options(media: Copy | Smart | Encode) -> CutOptions:
    """Return how clip files are written."""
    encoder: Encoder = media.encoder if isinstance(media, Encode) else "x264"
    return CutOptions(
        mode=media.name,
        inexact=media.inexact if isinstance(media, Copy) else "encode",
        encoder=encoder,
        crf=QUALITIES[encoder][0] if media.crf is None else media.crf,
        preset=media.preset,
        audio=media.audio,
        audio_kbit=media.audio_kbit,
    )


def plan(
    clip: Clip,
    video: Video,
    rendering: RenditionOptions | None,
    workspace: Workspace,
    *,
    crops_bars: bool,
) -> tuple[Clip, Rendition | None] | Drop:
    """Plan the file of a clip, or say why it has none.

    The clip is shortened to what its file shows. A file that is not encoded has no rendition.
    """
    if rendering is None:
        return clip, None
    display = Size(video.display_width, video.display_height)
    duration_s = (clip.end_pts - clip.start_pts) * clip.time_base
    knows_bars = crops_bars and workspace.has(QUALITY)
    bars = workspace.lookup(QUALITY).get(clip.clip_id) if knows_bars else None
    box = None
    if bars is not None:
        sides = bars.letterbox_left, bars.letterbox_top, bars.letterbox_right, bars.letterbox_bottom
        box = inside_bars(display, sides)
    found = plan_rendition(display, box, duration_s, clip.n_frames, rendering)
    if isinstance(found, str):
        return Drop(found)
    if not rendering.cuts_to_length:
        return clip, found
    return shortened(clip, found, frame_times(clip, workspace)), found


def frame_times(clip: Clip, workspace: Workspace) -> Ticks:
    """Return the times of a clip's frames, as its video's scan has them."""
    from vidcurate.media.scan.files import read_frames

    scan = workspace.lookup(SCANS)[clip.video_id]
    frames = read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",))
    pts = frames["pts"].to_numpy()
    return np.asarray(pts[(pts >= clip.start_pts) & (pts < clip.end_pts)], np.int64)


def shortened(clip: Clip, rendition: Rendition, pts: Ticks) -> Clip:
    """Return the part of a clip, whose frames have these times, that its file shows."""
    n_frames = rendition.n_frames
    if rendition.fps is not None:
        last_s = (n_frames - 1) / rendition.fps
        last = clip.start_pts + last_s / clip.time_base
        n_frames = int(np.searchsorted(pts, last.numerator // last.denominator, "right"))
    if n_frames >= len(pts):
        return clip
    end_pts = int(pts[n_frames])
    return replace(
        clip,
        end_pts=end_pts,
        end_s=float(end_pts * clip.time_base),
        duration_s=float((end_pts - clip.start_pts) * clip.time_base),
        n_frames=n_frames,
    )


def told(
    job: ClipJob, file: CutFile, clip: Clip, video: Video, cutting: CutOptions
) -> list[ExportedClip]:
    """Make the row of a clip with the file that was written for it."""
    is_copy = file.media == "copy"
    display = Size(video.display_width, video.display_height)
    size = display if is_copy else Size(file.width, file.height)
    rendition = file.rendition or Rendition(Box(0, 0, *display), size, size, None, clip.n_frames)
    n_frames, fps = clip.n_frames, rendition.fps
    if fps is not None:
        n_frames = ceil((clip.end_pts - clip.start_pts) * clip.time_base * fps)
    row = ExportedClip(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        media=file.media,
        file=job.out.name,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        start_s=file.start_s,
        duration_s=file.duration_s,
        n_frames=file.n_frames,
        lead_s=file.lead_s,
        lead_frames=file.lead_frames,
        tail_s=file.tail_s,
        tail_frames=file.tail_frames,
        width=file.width,
        height=file.height,
        frame_rate=fps,
        cut_frames=n_frames - rendition.n_frames,
        crop_left=rendition.crop.left,
        crop_top=rendition.crop.top,
        crop_width=rendition.crop.width,
        crop_height=rendition.crop.height,
        picture_width=rendition.inner.width,
        picture_height=rendition.inner.height,
        pixel_aspect=video.pixel_aspect if is_copy else Fraction(1),
        display_width=size.width,
        display_height=size.height,
        is_interlaced=is_copy and video.is_interlaced,
        is_hdr=is_copy and video.is_hdr,
        has_audio=file.has_audio,
        encoder=None if file.rendition is None else cutting.encoder,
    )
    return [row]


def with_wav(
    row: list[ExportedClip] | MediaError,
    path: Path,
    video: Video,
    clip: Clip,
    folder: Path,
    offsets: Sequence[int],
) -> list[ExportedClip] | MediaError:
    """Write the sound of a clip beside its file, and add it to the row."""
    if isinstance(row, MediaError):
        return row
    [exported] = row
    if exported.frame_rate is None:
        length_s = (clip.end_pts - clip.start_pts) * clip.time_base
    else:
        length_s = exported.n_frames / exported.frame_rate
    name = f"{clip.clip_id}.wav"
    try:
        is_there = write_wav(path, video, clip, length_s, folder / name, offsets)
    except MediaError as error:
        return error
    return [replace(exported, wav=name if is_there else None)]
