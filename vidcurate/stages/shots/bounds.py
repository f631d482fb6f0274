"""bounds: how sure a clip's ends are, from the transitions around it, for use in rules."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from vidcurate.clips.grouping import clips_by_video
from vidcurate.clips.spans import Ticks, cuts_between
from vidcurate.options import StageConfig
from vidcurate.records import BOUNDS, CLIPS, CUTS, SCANS, Bounds, Clip, Cut, VideoCuts
from vidcurate.stage import Lookup, MapStage, Workspace


class BoundsConfig(StageConfig):
    """bounds has no options: it reports what is there."""


def bounds(
    clips: Sequence[Clip], _config: BoundsConfig, _tool: None, workspace: Workspace
) -> Iterator[list[Bounds]]:
    """Describe the transitions around each clip."""
    from vidcurate.media.scan.files import read_frames

    for video_id, clips_of_video in clips_by_video(clips):
        scan, cuts = workspace.lookup(SCANS)[video_id], workspace.lookup(CUTS)[video_id]
        frames = read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",))
        pts = frames["pts"].to_numpy()
        yield from ([clip_bounds(clip, cuts, pts)] for clip in clips_of_video)


def clip_bounds(clip: Clip, video: VideoCuts, pts: Ticks) -> Bounds:
    """Describe the transitions around one clip of a video with frames at these times."""
    first, end = (int(n) for n in np.searchsorted(pts, [clip.start_pts, clip.end_pts]))
    last = end - 1
    first_pts, last_pts = int(pts[first]), int(pts[last])
    video_edges = [Cut(int(p), int(p), 0.0, 0.0, "video", 1.0, "video") for p in (pts[0], pts[-1])]
    n_before = bisect_left(video.cuts, first_pts, key=lambda cut: cut.start_pts)
    n_ended = bisect_right(video.cuts, last_pts, key=lambda cut: cut.end_pts)
    start = video.cuts[n_before - 1] if n_before else video_edges[0]
    stop = video.cuts[n_ended] if n_ended < len(video.cuts) else video_edges[1]
    begins, ends = np.searchsorted(pts, [start.end_pts, stop.start_pts])
    return Bounds(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        start_kind=start.kind,
        start_detector=start.detector,
        start_confidence=start.confidence,
        start_distance_frames=first - int(begins),
        end_kind=stop.kind,
        end_detector=stop.detector,
        end_confidence=stop.confidence,
        end_distance_frames=int(ends) - last,
        n_cuts_inside=len(cuts_between(video, first_pts, last_pts)),
    )


BOUNDS_STAGE = MapStage(
    name="bounds",
    summary="Record which transitions bound each clip, and how sure each is.",
    reads=CLIPS,
    writes=BOUNDS,
    config=BoundsConfig,
    run=bounds,
    lookups=(Lookup(CUTS), Lookup(SCANS)),
)
