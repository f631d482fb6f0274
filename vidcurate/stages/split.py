"""split: the shots between cuts become clips of useful length, exact in the film's own ticks."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from vidcurate.records import CLIPS, CUTS, SCANS, Clip, FilmCuts, Scan
from vidcurate.stage import Beside, Drop, MapStage, StageConfig, Workspace, option, use_workspace

Ticks = NDArray[np.int64]
FOREVER_S = 1e8


class SplitConfig(StageConfig):
    """How long clips are, and what is cut off their ends."""

    min_clip_s: float = option(2.0, "Shorter clips are left out", unit="seconds", ge=0)
    max_clip_s: float = option(60.0, "Longer shots are divided", unit="seconds", gt=0)
    long_shots: Literal["stride", "truncate"] = option(
        "stride", "Divide a long shot into pieces, or keep only its beginning"
    )
    trim_s: float = option(0.0, "Cut off each end of a shot", unit="seconds", ge=0)

    @model_validator(mode="after")
    def lengths_fit(self) -> "SplitConfig":
        """The shortest clip is not longer than the longest."""
        if self.min_clip_s > self.max_clip_s:
            raise ValueError(f"min_clip_s {self.min_clip_s} is above max_clip_s {self.max_clip_s}")
        return self


def split(
    films: Sequence[FilmCuts], config: SplitConfig, workspace: Workspace
) -> Iterator[list[Clip] | Drop]:
    """The clips of each film: whole shots, trimmed, divided, and long enough.

    A clip starts on a frame and ends where the next frame begins. A gradual transition belongs to
    no clip.
    """
    from vidcurate.media.scan import read_frames

    folder = workspace.files_of(SCANS)
    for film in films:
        scan = workspace.beside(SCANS)[film.video_id]
        pts = read_frames(folder / scan.frames_file, ("pts",))["pts"].to_numpy()
        clips = list(clips_of(film, scan, pts, config))
        yield clips or Drop(f"no shot is {config.min_clip_s} s long")


def clips_of(film: FilmCuts, scan: Scan, pts: Ticks, config: SplitConfig) -> Iterator[Clip]:
    """One film's clips, in time order."""
    edges = np.append(pts, scan.end_pts)
    trim, shortest = (ceil(ticks(s, scan.time_base)) for s in (config.trim_s, config.min_clip_s))
    longest = floor(ticks(config.max_clip_s, scan.time_base))
    for first, end in shots(film, pts):
        first_kept = int(np.searchsorted(edges, edges[first] + trim, "left")) if trim else first
        end_kept = int(np.searchsorted(edges, edges[end] - trim, "right")) - 1 if trim else end
        for start, stop in pieces(edges, first_kept, end_kept, longest, config.long_shots):
            if edges[stop] - edges[start] >= shortest:
                yield clip(scan, int(edges[start]), int(edges[stop]), stop - start)


def shots(film: FilmCuts, pts: Ticks) -> Iterator[tuple[int, int]]:
    """Each shot as the number of its first frame and of the frame after its last."""
    first = 0
    for cut in film.cuts:
        end = int(np.searchsorted(pts, cut.start_pts, "right"))
        if end > first:
            yield first, end
        first = int(np.searchsorted(pts, cut.end_pts, "left"))
    if first < len(pts):
        yield first, len(pts)


def pieces(
    edges: Ticks, first: int, end: int, longest: int, long_shots: str
) -> Iterator[tuple[int, int]]:
    """A span of frames in pieces of at most `longest` ticks; a piece has at least one frame."""
    while first < end:
        stop = int(np.searchsorted(edges, edges[first] + longest, "right")) - 1
        stop = min(max(stop, first + 1), end)
        yield first, stop
        if long_shots == "truncate":
            return
        first = stop


def ticks(seconds: float, time_base: Fraction) -> Fraction:
    """Seconds, as they were written, in ticks of a time base; `FOREVER_S` at most."""
    return Fraction(str(min(seconds, FOREVER_S))) / time_base


def clip(scan: Scan, start_pts: int, end_pts: int, n_frames: int) -> Clip:
    """The clip of a span; its id says film and span."""
    return Clip(
        clip_id=f"{scan.video_id}-{start_pts}-{end_pts}",
        video_id=scan.video_id,
        start_pts=start_pts,
        end_pts=end_pts,
        time_base=scan.time_base,
        start_s=float(start_pts * scan.time_base),
        end_s=float(end_pts * scan.time_base),
        duration_s=float((end_pts - start_pts) * scan.time_base),
        n_frames=n_frames,
    )


SPLIT = MapStage(
    name="split",
    summary="Make clips of the shots between cuts.",
    reads=CUTS,
    writes=CLIPS,
    config=SplitConfig,
    open=use_workspace,
    run=split,
    beside=(Beside(SCANS),),
    rows_per_part=64,
)
