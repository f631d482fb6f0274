"""split: the shots between cuts become clips of useful length, exact in the video's own ticks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from vidcurate.clips.scenes import Looks, stitch, tile
from vidcurate.clips.spans import Span, Ticks, pieces, shots, transitions, trim, windows
from vidcurate.clips.vectors import matrix, read_video_vectors
from vidcurate.errors import MediaError
from vidcurate.records import CLIPS, CUTS, SCANS, VECTORS, Clip, Cut, Scan, VideoCuts
from vidcurate.stage import (
    Drop,
    Incomplete,
    Lookup,
    Loss,
    MapStage,
    StageConfig,
    Version,
    Workspace,
    option,
)

FOREVER_S = 1e8
IN_A_CLIP, TRANSITION, NOT_JOINED, TRIMMED, BEYOND, SHORT, SINGLE = range(7)
REASONS = {
    SHORT: "stretch under split.min_clip_s",
    SINGLE: "single frame, however long it is held",
    TRANSITION: "gradual transition",
    TRIMMED: "end cut off by split.trim_s",
    BEYOND: "rest of a shot beyond split.max_clip_s",
    NOT_JOINED: "shot left out by split.stitch_change",
}
# How far two frames' vectors may lie apart where two shots are one event, and where a shot holds no
# transition, by what made them. Panda-70M's are for ImageBind. By look alone, shots of one set-up
# are told from others up to 0.75, but a moving camera changes it as much as a transition does.
STITCH_DISTANCE = {"open_clip": 0.6, "appearance": 0.75}
STITCH_CHANGE = {"open_clip": 1.0, "appearance": 2.0}


class SplitConfig(StageConfig):
    """How long clips are, and what is cut off their ends."""

    min_clip_s: float = option(
        2.0, "Shorter clips are left out, and single frames unless it is 0", unit="seconds", ge=0
    )
    max_clip_s: float = option(60.0, "Longer shots are divided", unit="seconds", gt=0)
    long_shots: Literal["stride", "truncate", "scenes"] = option(
        "stride",
        "Divide a long shot into pieces, keep only its beginning, or divide it where its look "
        "turns, by the vectors of embed, and then into pieces",
    )
    stride_s: float | None = option(
        None,
        "Time between the beginnings of two pieces: they overlap if it is less than max_clip_s; "
        "none lets each follow the one before",
        unit="seconds",
        ge=0.04,
    )
    scene_deviations: float = option(
        0.5,
        "scenes: how much deeper than the mean a turn is; SceneTilling's is 0.5",
        unit="standard deviations",
        ge=0,
    )
    stitch: Literal["none", "neighbours"] = option(
        "none", "Join neighbouring shots that look alike at their cut, by the vectors of embed"
    )
    stitch_distance: float | None = option(
        None,
        "neighbours: greatest distance of two vectors of length one; none is Panda-70M's 0.6, "
        "or 0.75 for backend appearance",
        ge=0,
        le=2,
    )
    stitch_change: float | None = option(
        None,
        "neighbours: leave out a shot whose ends are farther apart, as it may hold a transition; "
        "none is Panda-70M's 1.0, or no limit for backend appearance",
        ge=0,
        le=2,
    )
    chop_s: float | None = option(
        None,
        "neighbours: chop shots into such pieces first, so that a long one is joined only as far "
        "as it stays alike; Panda-70M's is 5",
        unit="seconds",
        gt=0,
    )
    trim_s: float = option(0.0, "Cut off each end of a shot", unit="seconds", ge=0)
    trim_at: Literal["all", "gradual"] = option(
        "all", "Trim all ends of shots, or only those at gradual transitions"
    )
    trim_below: float = option(
        0.0, "gradual: trim also at cuts that are less sure than this", ge=0, le=1
    )
    transitions: Literal["drop", "keep"] = option(
        "drop", "Leave out gradual transitions, or make clips of them too"
    )

    @model_validator(mode="after")
    def lengths_fit(self) -> "SplitConfig":
        """The shortest clip is not longer than the longest; pieces are joined again."""
        if self.min_clip_s > self.max_clip_s:
            raise ValueError(f"min_clip_s {self.min_clip_s} is above max_clip_s {self.max_clip_s}")
        if self.chop_s is not None and self.stitch == "none":
            raise ValueError("chop_s needs stitch neighbours: max_clip_s alone makes fixed pieces")
        return self


@dataclass(frozen=True, slots=True)
class Video:
    """A video's frames, and its vectors where options ask for them; `backend` made them.

    `edges` are the times of all frames and the video's end.
    """

    scan: Scan
    edges: Ticks
    looks: Looks | None = None
    backend: str = ""

    def ticks(self, seconds: float) -> Fraction:
        """Seconds, as they were written, in the video's ticks; `FOREVER_S` at most."""
        return Fraction(str(min(seconds, FOREVER_S))) / self.scan.time_base


def split(
    videos: Sequence[VideoCuts], config: SplitConfig, _tool: None, workspace: Workspace
) -> Iterator[Incomplete[Clip] | Drop]:
    """The clips of each video: shots, joined, trimmed, divided, and long enough.

    A clip starts on a frame and ends where the next frame begins. One frame, which a screen
    recorder may hold for minutes, is none where clips have a least length. A gradual
    transition belongs to no shot.
    Raises MediaError for a video without the vectors that the options need.
    """
    for cuts in videos:
        video = open_video(cuts.video_id, config, workspace)
        clips, losses = clips_of(cuts, video, config)
        if clips:
            yield Incomplete(clips, losses)
        else:
            yield Drop(f"no shot is {config.min_clip_s} s long", losses)


def open_video(video_id: str, config: SplitConfig, workspace: Workspace) -> Video:
    """What is needed to split a video.

    Raises MediaError for one without the vectors that it needs.
    """
    from vidcurate.media.scan.scanner import read_frames

    scan = workspace.lookup(SCANS)[video_id]
    pts = read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",))["pts"].to_numpy()
    edges = np.append(pts, scan.end_pts)
    if not looks_decide(config):
        return Video(scan, edges)
    row = workspace.lookup(VECTORS).get(video_id)
    if row is None:
        raise MediaError("the video was not embedded: see rows vectors --failed")
    table = read_video_vectors(workspace.file_of(VECTORS, row.vectors_file))
    return Video(scan, edges, Looks(table["pts"].to_numpy(), matrix(table)), row.backend)


def clips_of(
    cuts: VideoCuts, video: Video, config: SplitConfig
) -> tuple[list[Clip], tuple[Loss, ...]]:
    """One video's clips, in time order, and what of it is in none."""
    spans, why = spans_of(cuts, video, config)
    return [clip(video, span) for span in spans], tuple(losses_of(why, video))


def spans_of(
    cuts: VideoCuts, video: Video, config: SplitConfig
) -> tuple[list[Span], NDArray[np.int8]]:
    """The spans of one video that become clips, in time order, and why each frame is in none.

    The reason is a number of `REASONS`, 0 for a frame in a clip.
    """
    pts = video.edges[:-1]
    why = np.full(len(pts), NOT_JOINED, np.int8)
    for span in transitions(cuts, pts):
        why[span.first : span.end] = TRANSITION
    spans = list(shots(cuts, pts))
    if config.stitch == "neighbours":
        spans = events(spans, video, config)
    if config.transitions == "keep":
        spans = sorted([*spans, *transitions(cuts, pts)], key=lambda span: span.first)
    shortest, longest = ceil(video.ticks(config.min_clip_s)), floor(video.ticks(config.max_clip_s))
    kept: list[Span] = []
    for span in spans:
        why[span.first : span.end] = TRIMMED
        inner = trim(video.edges, span, *margins(span, video, config))
        if inner is None:
            continue
        why[inner.first : inner.end] = BEYOND
        for piece in divided(inner, video, config):
            length = video.edges[piece.end] - video.edges[piece.first]
            if length > longest or (shortest > 0 and piece.end - piece.first == 1):
                why[piece.first : piece.end] = SINGLE
            elif length < shortest:
                why[piece.first : piece.end] = SHORT
            else:
                kept.append(piece)
    for piece in kept:
        why[piece.first : piece.end] = IN_A_CLIP
    return kept, why


def losses_of(why: NDArray[np.int8], video: Video) -> Iterator[Loss]:
    """What is in no clip, by reason: stretches of frames and their seconds."""
    frame_s = np.diff(video.edges) * float(video.scan.time_base)
    begins = np.diff(why, prepend=IN_A_CLIP) != 0
    for number, reason in REASONS.items():
        lost = why == number
        if lost.any():
            yield Loss(reason, int((lost & begins).sum()), float(frame_s[lost].sum()))


def events(spans: Iterable[Span], video: Video, config: SplitConfig) -> list[Span]:
    """Shots that continue each other, joined."""
    assert video.looks is not None
    most_distance, most_change = config.stitch_distance, config.stitch_change
    if config.chop_s is not None:
        longest = floor(video.ticks(config.chop_s))
        spans = [piece for span in spans for piece in pieces(video.edges, span, longest)]
    return stitch(
        video.edges,
        spans,
        video.looks,
        STITCH_DISTANCE[video.backend] if most_distance is None else most_distance,
        STITCH_CHANGE[video.backend] if most_change is None else most_change,
    )


def margins(span: Span, video: Video, config: SplitConfig) -> tuple[int, int]:
    """How many ticks are cut off both ends of a span; a transition is kept whole."""
    if span.before is not None and span.before is span.after:
        return 0, 0
    ticks = ceil(video.ticks(config.trim_s))
    ends = (span.before, span.after)
    before, after = (ticks if trims(cut, config) else 0 for cut in ends)
    return before, after


def trims(cut: Cut | None, config: SplitConfig) -> bool:
    """Whether the end of a span at a cut is trimmed; at none it is where the video ends."""
    if config.trim_at == "all":
        return True
    return cut is not None and (
        cut.kind not in ("cut", "fixed") or cut.confidence < config.trim_below
    )


def divided(span: Span, video: Video, config: SplitConfig) -> Iterator[Span]:
    """A span in pieces that are not too long."""
    longest = floor(video.ticks(config.max_clip_s))
    is_long = video.edges[span.end] - video.edges[span.first] > longest
    parts = [span]
    if config.long_shots == "scenes" and is_long:
        assert video.looks is not None
        shortest = ceil(video.ticks(config.min_clip_s))
        parts = tile(video.edges, span, video.looks, shortest, config.scene_deviations)
    for one in parts:
        if config.long_shots == "truncate":
            yield next(pieces(video.edges, one, longest))
        elif config.stride_s is None:
            yield from pieces(video.edges, one, longest)
        else:
            yield from windows(video.edges, one, longest, video.ticks(config.stride_s))


def clip(video: Video, span: Span) -> Clip:
    """The clip of a span; its id says video and span."""
    time_base, video_id = video.scan.time_base, video.scan.video_id
    start_pts, end_pts = int(video.edges[span.first]), int(video.edges[span.end])
    return Clip(
        clip_id=f"{video_id}-{start_pts}-{end_pts}",
        video_id=video_id,
        start_pts=start_pts,
        end_pts=end_pts,
        time_base=time_base,
        start_s=float(start_pts * time_base),
        end_s=float(end_pts * time_base),
        duration_s=float((end_pts - start_pts) * time_base),
        n_frames=span.end - span.first,
    )


def looks_decide(config: SplitConfig) -> bool:
    """Whether the video's vectors are needed."""
    return config.stitch != "none" or config.long_shots == "scenes"


SPLIT = MapStage(
    name="split",
    summary="Make clips of the shots between cuts.",
    reads=CUTS,
    writes=CLIPS,
    config=SplitConfig,
    run=split,
    lookups=(Lookup(SCANS), Lookup(VECTORS, when=looks_decide)),
    rows_per_part=64,
    version=Version(number=2),
)
