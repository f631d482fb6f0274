"""keyframes: full-size stills of the kept clips, decoded by exact time from the source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from pydantic import model_validator

from vidcurate.clips.frame_choice import FrameRequest, choose
from vidcurate.clips.frame_facts import FRAME_COLUMNS, SAMPLE_COLUMNS, frames_of
from vidcurate.clips.grouping import clips_by_video
from vidcurate.clips.vectors import Vectors, vectors_of
from vidcurate.media.io.content import video_path
from vidcurate.models.device import model_resources
from vidcurate.models.vision.clip_embedder import check_choice, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.records import (
    CUTS,
    KEPT,
    KEYFRAMES,
    SCANS,
    SOURCES,
    VECTORS,
    VIDEOS,
    Clip,
    ClipKeyframes,
    Keyframe,
    VideoVectors,
)
from vidcurate.stage import (
    Cost,
    Lookup,
    MapStage,
    Resources,
    StageConfig,
    Version,
    Workspace,
    option,
)
from vidcurate.stages.sources.embed import image_text_model

MethodName = Literal[
    "uniform",
    "middle",
    "sharpest",
    "semantic-walk",
    "cluster",
    "scene-driven",
    "query",
    "redundancy",
    "codec",
]
ENDINGS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
# Cosines, by what made the vectors. ShareGPT4Video's is for CLIP; those by appearance were chosen
# by eye on pairs of frames.
WALK_LIKENESS = {"open_clip": 0.93, "appearance": 0.9}
COPY_LIKENESS = 0.99


class KeyframesConfig(StageConfig):
    """Which stills are taken, and how they are stored."""

    method: MethodName = option(
        "uniform",
        "uniform: evenly over the clip; middle: one; sharpest: the sharpest sample of each part. "
        "The others leave out near-copies and what is black, blurred or in a transition. By the "
        "vectors of embed: semantic-walk: each that is unlike the last kept, and the first and "
        "last; cluster: the nearest to the centres of k-means; scene-driven: spread over the shots "
        "in a clip by length; query: the likest to a text. By the scan: redundancy: more where the "
        "picture changes; codec: only frames that are coded whole",
    )
    count: int = option(
        3, "Stills of a clip at most; semantic-walk takes as many as it finds", ge=1, le=256
    )
    step_s: float = option(
        2.0, "semantic-walk: time between the frames it looks at", unit="seconds", ge=0
    )
    most_alike: float | None = option(
        None,
        "Cosine from which a frame is left out as like one that was taken; none is 0.99, and for "
        "semantic-walk ShareGPT4Video's 0.93, or 0.9 for backend appearance",
        ge=-1,
        le=1,
    )
    query: str = option("", "query: the text that stills are to be like")
    format: Literal["jpeg", "png", "webp"] = option("jpeg", "File format of the stills")
    quality: int = option(90, "JPEG or WebP quality", ge=1, le=100)
    max_side: int | None = option(
        None, "Shrink stills to this long side; none keeps their size", unit="pixels", ge=16
    )

    @model_validator(mode="after")
    def text_is_given(self) -> "KeyframesConfig":
        """A query has words."""
        if self.method == "query" and not self.query.strip():
            raise ValueError("method query needs query, the text that stills are to be like")
        return self


# The vector of the query by the model that made a video's vectors.
QueryVector = Callable[[ModelChoice], Vectors]


def open_query(config: KeyframesConfig, _workspace: Workspace) -> QueryVector:
    """The vector of the query by a model, which is opened when the first video names it."""

    def query_vector(choice: ModelChoice) -> Vectors:
        return np.asarray(open_clip_embedder(choice).text_vectors([config.query])[0], np.float32)

    return lru_cache(maxsize=1)(query_vector)


def keyframes(
    clips: Sequence[Clip], config: KeyframesConfig, query_vector: QueryVector, workspace: Workspace
) -> Iterator[list[ClipKeyframes]]:
    """The stills of each clip, at exact frames of the source.

    Raises MediaError where the source cannot be decoded at a wanted time, or the video lacks the
    vectors that the method needs.
    """
    from vidcurate.media.io.frames import grab, write_still

    for video_id, clips_of_video in clips_by_video(clips):
        wanted = choose_all(clips_of_video, config, query_vector, workspace)
        video = workspace.lookup(VIDEOS)[video_id]
        path = video_path(workspace.lookup(SOURCES)[video_id])
        every = sorted({pts for chosen in wanted.values() for pts in chosen})
        sizes: dict[int, tuple[int, int]] = {}
        offsets = workspace.lookup(SCANS)[video_id].clock_offsets
        for pts, image in grab(path, video, every, offsets):
            file = workspace.files / file_name(video_id, pts, config)
            sizes[pts] = write_still(image, file, config.format, config.quality, config.max_side)
        for clip in clips_of_video:
            yield [as_row(clip, wanted[clip.clip_id], sizes, config)]


def as_row(
    clip: Clip, chosen: Sequence[int], sizes: dict[int, tuple[int, int]], config: KeyframesConfig
) -> ClipKeyframes:
    """One clip's stills."""
    stills = tuple(
        Keyframe(
            pts, float(pts * clip.time_base), file_name(clip.video_id, pts, config), *sizes[pts]
        )
        for pts in chosen
    )
    return ClipKeyframes(clip.clip_id, clip.video_id, config.method, stills)


def file_name(video_id: str, pts: int, config: KeyframesConfig) -> str:
    """A still's file: its video and its time."""
    return f"{video_id}-{pts}.{ENDINGS[config.format]}"


def choose_all(
    clips: Sequence[Clip], config: KeyframesConfig, query_vector: QueryVector, workspace: Workspace
) -> dict[str, list[int]]:
    """The times of the stills of each of a video's clips, in ticks, each that of a real frame.

    Raises MediaError for a video without the vectors that the method needs.
    """
    from vidcurate.media.scan.scanner import read_frames, read_samples

    video_id = clips[0].video_id
    scan = workspace.lookup(SCANS)[video_id]
    frames = read_frames(workspace.file_of(SCANS, scan.frames_file), FRAME_COLUMNS)
    samples = read_samples(workspace.file_of(SCANS, scan.samples_file), SAMPLE_COLUMNS)
    cuts = workspace.lookup(CUTS)[video_id] if shots_decide(config) else None
    looks: dict[str, tuple[VideoVectors, Vectors]] = {}
    if looks_decide(config):
        looks = {clip.clip_id: (video, own) for clip, video, own in vectors_of(clips, workspace)}
    chosen = {}
    for clip in clips:
        made_by, vectors = looks.get(clip.clip_id, (None, None))
        known = frames_of(clip, frames, samples, vectors, cuts)
        numbers = choose(config.method, known, request_for(clip, config, made_by, query_vector))
        chosen[clip.clip_id] = [int(pts) for pts in known.edges[numbers]]
    return chosen


def request_for(
    clip: Clip, config: KeyframesConfig, made_by: VideoVectors | None, query_vector: QueryVector
) -> FrameRequest:
    """What the options ask of a clip, in its ticks; `made_by` tells of its vectors, if any."""
    alike, query = COPY_LIKENESS, None
    if made_by is not None and config.method == "semantic-walk":
        alike = WALK_LIKENESS[made_by.backend]
    if made_by is not None and config.method == "query":
        query = query_vector(ModelChoice(made_by.model, made_by.pretrained))
    if config.most_alike is not None:
        alike = config.most_alike
    return FrameRequest(config.count, config.step_s / float(clip.time_base), alike, query)


def looks_decide(config: KeyframesConfig) -> bool:
    """Whether the video's vectors are needed."""
    return config.method in ("semantic-walk", "cluster", "scene-driven", "query")


def shots_decide(config: KeyframesConfig) -> bool:
    """Whether the video's cuts are needed."""
    return config.method not in ("uniform", "middle", "sharpest")


def model_is_there(config: KeyframesConfig, others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where a query cannot be compared with the vectors."""
    if config.method == "query":
        check_choice(image_text_model(others, "keyframes.method query"))


def seats(config: KeyframesConfig) -> Resources:
    """The model of a query sits in one worker if there is a GPU."""
    return model_resources() if config.method == "query" else Resources()


def longest(clip: Clip, _config: KeyframesConfig) -> float:
    """Seconds after which decoding is taken to be stuck; all clips of a batch may come at once."""
    return 3600 + 10 * clip.end_s


KEYFRAMES_STAGE = MapStage(
    name="keyframes",
    summary="Take full-size stills of the kept clips from the source.",
    reads=KEPT,
    writes=KEYFRAMES,
    config=KeyframesConfig,
    open=open_query,
    run=keyframes,
    lookups=(
        *(Lookup(SOURCES), Lookup(VIDEOS), Lookup(SCANS)),
        *(Lookup(VECTORS, when=looks_decide), Lookup(CUTS, when=shots_decide)),
    ),
    check=model_is_there,
    rows_per_part=64,
    cost=Cost(
        resources=seats,
        advice="a smaller keyframes.count, or stricter filter.rules",
        time_limit=longest,
    ),
    version=Version(number=2),
)
