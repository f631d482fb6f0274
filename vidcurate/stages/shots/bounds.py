"""bounds: how sure a clip's ends are, by the transitions around it, so that rules may ask."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from vidcurate.clips.spans import Ticks, cuts_between
from vidcurate.records import BOUNDS, CLIPS, CUTS, SCANS, Bounds, Clip, Cut, FilmCuts
from vidcurate.stage import Beside, MapStage, StageConfig, Workspace, use_workspace


class BoundsConfig(StageConfig):
    """bounds has no options: it reports what is there."""


def bounds(
    clips: Sequence[Clip], _config: BoundsConfig, workspace: Workspace
) -> Iterator[list[Bounds]]:
    """The transitions around each clip."""
    from vidcurate.media.scan.scanner import read_frames

    open_film, pts = "", np.zeros(0, np.int64)
    for clip in clips:
        if clip.video_id != open_film:
            scan = workspace.beside(SCANS)[clip.video_id]
            pts = read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",))[
                "pts"
            ].to_numpy()
            open_film = clip.video_id
        yield [bounds_of(clip, workspace.beside(CUTS)[clip.video_id], pts)]


def bounds_of(clip: Clip, film: FilmCuts, pts: Ticks) -> Bounds:
    """The transitions around one clip of a film with frames at these times."""
    first, end = (int(n) for n in np.searchsorted(pts, [clip.start_pts, clip.end_pts]))
    last = end - 1
    first_pts, last_pts = int(pts[first]), int(pts[last])
    film_edges = [Cut(int(p), int(p), 0.0, 0.0, "film", 1.0, "film") for p in (pts[0], pts[-1])]
    n_before = bisect_left(film.cuts, first_pts, key=lambda cut: cut.start_pts)
    n_ended = bisect_right(film.cuts, last_pts, key=lambda cut: cut.end_pts)
    start = film.cuts[n_before - 1] if n_before else film_edges[0]
    stop = film.cuts[n_ended] if n_ended < len(film.cuts) else film_edges[1]
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
        n_cuts_inside=len(cuts_between(film, first_pts, last_pts)),
    )


BOUNDS_STAGE = MapStage(
    name="bounds",
    summary="Say which transitions bound each clip and how sure they are.",
    reads=CLIPS,
    writes=BOUNDS,
    config=BoundsConfig,
    open=use_workspace,
    run=bounds,
    beside=(Beside(CUTS), Beside(SCANS)),
)
