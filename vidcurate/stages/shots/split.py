"""split: the shots between cuts become clips of useful length, exact in the video's own ticks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.reviews import Revision
from vidcurate.clips.revised_spans import revise
from vidcurate.clips.scenes import TimedVectors, euclidean_distance, split_scenes, stitch
from vidcurate.clips.spans import (
    Span,
    Ticks,
    clip_of,
    divide_span,
    shot_spans,
    transition_spans,
    trim,
    windows,
)
from vidcurate.clips.vectors import matrix, read_video_vectors
from vidcurate.errors import MediaError
from vidcurate.records import (
    CLIPS,
    CUTS,
    DECISIONS,
    SCANS,
    SPOKEN,
    VECTORS,
    Clip,
    Cut,
    Scan,
    VideoCuts,
)
from vidcurate.stage import Drop, Incomplete, Lookup, Loss, MapStage, Version, Workspace
from vidcurate.stages.shots.split_options import (
    Neighbours,
    Scenes,
    SplitConfig,
    SpokenSpans,
    TrimAll,
    Truncate,
)
from vidcurate.stages.shots.split_revisions import outdated_videos, take_revision
from vidcurate.stages.shots.split_spoken import KEPT_SENTENCES, spoken_spans

FOREVER_S = 1e8
IN_A_CLIP, TRANSITION, NOT_JOINED, TRIMMED, BEYOND, SHORT, SINGLE, REVIEWED, UNSPOKEN, STILL = (
    range(10)
)
REASONS = {
    SHORT: "stretch under split.min_clip_s",
    SINGLE: "single frame, however long it is held",
    TRANSITION: "gradual transition",
    TRIMMED: "end cut off by split.trim_s or split.trim_share",
    BEYOND: "rest of a shot beyond split.max_clip_s",
    NOT_JOINED: "shot left out by split.max_stitch_change",
    STILL: "shot that stands still, left out by split.min_change",
    REVIEWED: "left out of clips in review",
    UNSPOKEN: "outside of the spans of spoken sentences",
}
UNREVISED = Revision()
# How far two frames' vectors may lie apart where two shots are one event, and where a shot holds no
# transition, by what made them. Panda-70M's are for ImageBind. By look alone, shots of one set-up
# differ from others up to 0.75, but a moving camera changes it as much as a transition does.
STITCH_DISTANCE = {"open_clip": 0.6, "appearance": 0.75}
STITCH_CHANGE = {"open_clip": 1.0, "appearance": 2.0}


@dataclass(frozen=True, slots=True)
class SplitInput:
    """A video's frames, and its vectors if options need them; `backend` made them.

    `edges` are the times of all frames and the video's end. `spoken` are the spans of sentences, if
    clips are made of these.
    """

    scan: Scan
    edges: Ticks
    vectors: TimedVectors | None = None
    backend: str = ""
    spoken: tuple[Span, ...] = ()

    def ticks(self, seconds: float) -> Fraction:
        """Convert seconds to the video's ticks exactly, `FOREVER_S` at most."""
        return Fraction(str(min(seconds, FOREVER_S))) / self.scan.time_base


def split(
    videos: Sequence[VideoCuts], config: SplitConfig, _tool: None, workspace: Workspace
) -> Iterator[Incomplete[Clip] | Drop]:
    """Make the clips of each video: shots, joined, trimmed, divided, and long enough.

    A clip starts on a frame and ends where the next frame begins. One frame, which a screen
    recorder may hold for minutes, is none where clips have a least length. A gradual
    transition belongs to no shot. What people made clips of are clips, however long.
    Raises MediaError for a video without the vectors that the options need, and for one whose
    frames are not where a person's span begins and ends.
    """
    for cuts in videos:
        revision = take_revision(cuts.video_id, workspace)
        video = open_video(cuts.video_id, config, workspace)
        clips, losses = clips_of(cuts, video, config, revision)
        if clips:
            yield Incomplete(clips, losses)
        else:
            what = "span of a sentence" if isinstance(config.spans, SpokenSpans) else "shot"
            yield Drop(f"no {what} is {config.min_clip_s} s long", losses)


def open_video(video_id: str, config: SplitConfig, workspace: Workspace) -> SplitInput:
    """Read what is needed to split a video.

    Raises MediaError for one without the vectors that it needs.
    """
    from vidcurate.media.scan.files import read_frames

    scan = workspace.lookup(SCANS)[video_id]
    pts = read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",))["pts"].to_numpy()
    edges = np.append(pts, scan.end_pts)
    if isinstance(config.spans, SpokenSpans):
        sentences = workspace.lookup_all(SPOKEN)[video_id]
        spans = spoken_spans(sentences, config.spans, edges, scan.time_base)
        return SplitInput(scan, edges, spoken=tuple(spans))
    if not needs_vectors(config):
        return SplitInput(scan, edges)
    row = workspace.lookup(VECTORS).get(video_id)
    if row is None:
        raise MediaError("the video was not embedded: see rows vectors --failed")
    table = read_video_vectors(workspace.file_of(VECTORS, row.vectors_file))
    return SplitInput(
        scan, edges, TimedVectors(table["pts"].to_numpy(), matrix(table)), row.backend
    )


def clips_of(
    cuts: VideoCuts, video: SplitInput, config: SplitConfig, revision: Revision = UNREVISED
) -> tuple[list[Clip], tuple[Loss, ...]]:
    """Make one video's clips, in time order, and list what is in none of them.

    Raises MediaError for a person's span that does not begin and end with a frame.
    """
    found, why = spans_of(cuts, video, config)
    spans = revise(found, video.edges, cuts.video_id, revision)
    for number, pieces in ((REVIEWED, found), (IN_A_CLIP, spans)):
        for piece in pieces:
            why[piece.first : piece.end] = number
    return [clip(video, span) for span in spans], tuple(frame_losses(why, video))


def spans_of(
    cuts: VideoCuts, video: SplitInput, config: SplitConfig
) -> tuple[list[Span], NDArray[np.int8]]:
    """Return the spans of one video that become clips, in order, and why each frame is in none.

    The reason is a number of `REASONS`; for a frame in a span it says nothing.
    """
    if isinstance(config.spans, SpokenSpans):
        spans, why = list(video.spoken), np.full(len(video.edges) - 1, UNSPOKEN, np.int8)
    else:
        spans, why = joined_shots(cuts, video, config)
    shortest, longest = ceil(video.ticks(config.min_clip_s)), floor(video.ticks(config.max_clip_s))
    kept: list[Span] = []
    for span in spans:
        why[span.first : span.end] = TRIMMED
        inner = trim(video.edges, span, *trim_ticks(span, video, config))
        if inner is None:
            continue
        why[inner.first : inner.end] = BEYOND
        for piece in divide(inner, video, config):
            length = video.edges[piece.end] - video.edges[piece.first]
            if length > longest or (shortest > 0 and piece.end - piece.first == 1):
                why[piece.first : piece.end] = SINGLE
            elif length < shortest:
                why[piece.first : piece.end] = SHORT
            else:
                kept.append(piece)
    return kept, why


def joined_shots(
    cuts: VideoCuts, video: SplitInput, config: SplitConfig
) -> tuple[list[Span], NDArray[np.int8]]:
    """Return the shots of one video, joined if asked, and why each other frame is in none."""
    pts = video.edges[:-1]
    why = np.full(len(pts), NOT_JOINED, np.int8)
    for span in transition_spans(cuts, pts):
        why[span.first : span.end] = TRANSITION
    spans = list(shot_spans(cuts, pts))
    if isinstance(config.stitch, Neighbours):
        spans = join_continuing(spans, video, config.stitch)
    for span in [span for span in spans if is_still(span, video, config)]:
        why[span.first : span.end] = STILL
        spans.remove(span)
    if config.transitions == "keep":
        spans = sorted([*spans, *transition_spans(cuts, pts)], key=lambda span: span.first)
    return spans, why


def frame_losses(why: NDArray[np.int8], video: SplitInput) -> Iterator[Loss]:
    """Yield what is in no clip, by reason: stretches of frames and their seconds."""
    frame_s = np.diff(video.edges) * float(video.scan.time_base)
    begins = np.diff(why, prepend=IN_A_CLIP) != 0
    for number, reason in REASONS.items():
        lost = why == number
        if lost.any():
            yield Loss(reason, int((lost & begins).sum()), float(frame_s[lost].sum()))


def join_continuing(spans: Iterable[Span], video: SplitInput, config: Neighbours) -> list[Span]:
    """Join shots that continue each other."""
    assert video.vectors is not None
    max_distance, max_change = config.max_stitch_distance, config.max_stitch_change
    if config.chop_s is not None:
        longest = floor(video.ticks(config.chop_s))
        spans = [piece for span in spans for piece in divide_span(video.edges, span, longest)]
    return stitch(
        video.edges,
        spans,
        video.vectors,
        STITCH_DISTANCE[video.backend] if max_distance is None else max_distance,
        STITCH_CHANGE[video.backend] if max_change is None else max_change,
    )


def is_still(span: Span, video: SplitInput, config: SplitConfig) -> bool:
    """Check whether a span ends as it began; one with fewer than two vectors is not known to."""
    if not config.min_change:
        return False
    assert video.vectors is not None
    start, end = (int(video.edges[number]) for number in (span.first, span.end))
    own = video.vectors.within(start, end).vectors
    return len(own) > 1 and euclidean_distance(own[0], own[-1]) < config.min_change


def trim_ticks(span: Span, video: SplitInput, config: SplitConfig) -> tuple[int, int]:
    """Return how many ticks are cut off both ends of a span; a transition is kept whole."""
    if span.before is not None and span.before is span.after:
        return 0, 0
    length = int(video.edges[span.end] - video.edges[span.first])
    share = ceil(length * Fraction(str(config.trim_share)))
    ticks = max(ceil(video.ticks(config.trim_s)), share)
    ends = (span.before, span.after)
    before, after = (ticks if is_trimmed(cut, config) else 0 for cut in ends)
    return before, after


def is_trimmed(cut: Cut | None, config: SplitConfig) -> bool:
    """Check whether the end of a span at a cut is trimmed; None is the video's own end."""
    trimming = config.trim_at
    if isinstance(trimming, TrimAll):
        return True
    return cut is not None and (
        cut.kind not in ("cut", "fixed") or cut.confidence < trimming.max_trim_confidence
    )


def divide(span: Span, video: SplitInput, config: SplitConfig) -> Iterator[Span]:
    """Divide a span into pieces that are not too long."""
    longest = floor(video.ticks(config.max_clip_s))
    is_long = video.edges[span.end] - video.edges[span.first] > longest
    parts = [span]
    dividing = config.long_shots
    if isinstance(dividing, Scenes) and is_long:
        assert video.vectors is not None
        shortest = ceil(video.ticks(config.min_clip_s))
        parts = split_scenes(
            video.edges, span, video.vectors, shortest, dividing.min_scene_deviations
        )
    for one in parts:
        if isinstance(dividing, Truncate):
            yield next(divide_span(video.edges, one, longest))
        elif dividing.stride_s is None:
            yield from divide_span(video.edges, one, longest)
        else:
            yield from windows(video.edges, one, longest, video.ticks(dividing.stride_s))


def clip(video: SplitInput, span: Span) -> Clip:
    """Make the clip of a span."""
    start_pts, end_pts = int(video.edges[span.first]), int(video.edges[span.end])
    scan = video.scan
    return clip_of(scan.video_id, scan.time_base, start_pts, end_pts, span.end - span.first)


def needs_vectors(config: SplitConfig) -> bool:
    """Check whether the video's vectors are needed."""
    by_vectors = isinstance(config.stitch, Neighbours) or isinstance(config.long_shots, Scenes)
    return by_vectors or config.min_change > 0


def needs_sentences(config: SplitConfig) -> bool:
    """Check whether clips are the spans of spoken sentences."""
    return isinstance(config.spans, SpokenSpans)


SPLIT = MapStage(
    name="split",
    summary="Make clips of the shots between cuts.",
    reads=CUTS,
    writes=CLIPS,
    config=SplitConfig,
    run=split,
    lookups=(
        Lookup(SCANS),
        Lookup(VECTORS, when=needs_vectors),
        Lookup(SPOKEN, when=needs_sentences, by="video_id"),
        Lookup(DECISIONS, required=False, decides=False, by="video_id"),
    ),
    outdated=outdated_videos,
    settling=KEPT_SENTENCES,
    rows_per_part=64,
    version=Version(number=2),
)
