"""keyframes: full-size images of the kept clips, decoded by exact time from the source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from vidcurate.clips.frame_choice import FrameRequest, choose_frames
from vidcurate.clips.frame_facts import FRAME_COLUMNS, SAMPLE_COLUMNS, clip_frame_facts
from vidcurate.clips.grouping import clips_by_video
from vidcurate.clips.vectors import Vectors, vectors_of
from vidcurate.media.io.content import video_path
from vidcurate.models.device import model_resources
from vidcurate.models.vision.clip_embedder import check_choice, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import (
    CUTS,
    KEYFRAMES,
    PARTITIONS,
    SCANS,
    SOURCES,
    VECTORS,
    VIDEOS,
    Clip,
    ClipKeyframes,
    Keyframe,
    VideoVectors,
)
from vidcurate.stage import Cost, Lookup, MapStage, Resources, Version, Workspace
from vidcurate.stages.sources.embed import image_text_model
from vidcurate.stages.sources.scan import require_every_frame

ENDINGS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
# Cosines, by what made the vectors. ShareGPT4Video's is for CLIP; those by appearance were chosen
# by eye on pairs of frames.
WALK_SIMILARITY = {"open_clip": 0.93, "appearance": 0.9}
COPY_SIMILARITY = 0.99
BEST_QUALITY = 100


class Counted(Choice):
    """A method that takes up to so many keyframes."""

    count: int = option(
        3, "Keyframes of a clip; fewer if the clip has no more good frames", ge=1, le=256
    )


class Unlike(Choice):
    """A method that leaves out near-copies by the vectors of embed."""

    max_similarity: float | None = option(
        None,
        "A frame that is at least this similar to one that was taken is left out as a copy (a "
        "cosine); none is 0.99, and for semantic-walk ShareGPT4Video's 0.93, or 0.9 for backend "
        "appearance",
        ge=-1,
        le=1,
    )


class Middle(Choice):
    """One keyframe."""

    name: Literal["middle"] = "middle"


class WithoutVectors(Counted):
    """Keyframes spread over the clip, by what scan recorded."""

    name: Literal["uniform", "sharpest", "redundancy", "codec"] = "uniform"


class ByVectors(Counted, Unlike):
    """Keyframes that differ, by the vectors of embed."""

    name: Literal["cluster", "scene-driven"] = "cluster"


class SemanticWalk(Unlike):
    """Each keyframe that differs from the one before, as many as there are."""

    name: Literal["semantic-walk"] = "semantic-walk"
    step_s: float = option(2.0, "Time between the frames that are compared", unit="seconds", ge=0)
    last: Literal["always", "far"] = option(
        "always",
        "Take the last frame always, or only where it is step_s or more after the one before, as "
        "ShareGPT4Video does",
    )


class Query(Counted, Unlike):
    """The keyframes that a text describes best."""

    name: Literal["query"] = "query"
    query: str = option("", "The text")

    @model_validator(mode="after")
    def require_text(self) -> Self:
        """Refuse a query without words; raises ValueError."""
        if not self.query.strip():
            raise ValueError("method query needs query, the text that keyframes are compared with")
        return self


class Compressed(Choice):
    """Files that lose a little."""

    name: Literal["jpeg", "webp"] = "jpeg"
    quality: int = option(90, "Quality of the files", ge=1, le=100)


class Png(Choice):
    """Files that lose nothing."""

    name: Literal["png"] = "png"


class KeyframesConfig(StageConfig):
    """Which keyframes are taken, and how they are stored."""

    method: WithoutVectors | Middle | ByVectors | SemanticWalk | Query = choice(
        WithoutVectors,
        "uniform: evenly over the clip; middle: one; sharpest: the sharpest sample of each part. "
        "The others leave out near-copies and frames that are black, blurred or in a transition. "
        "redundancy: more where the picture changes; codec: only frames that are coded without "
        "others. By the vectors of embed: semantic-walk: each that differs from the last one "
        "taken, and the first and last; cluster: the nearest to the centres of k-means; "
        "scene-driven: spread over the shots in a clip by length; query: the nearest to a text",
    )
    format: Compressed | Png = choice(Compressed, "File format of the keyframes")
    max_side: int | None = option(
        None,
        "Shrink keyframes to this long side; none keeps their size",
        unit="pixels",
        ge=16,
    )


# The vector of the query by the model that made a video's vectors.
QueryVector = Callable[[ModelChoice], Vectors]


def open_query(config: KeyframesConfig, _workspace: Workspace) -> QueryVector:
    """Return the function that embeds the query by a model, opened when a video first names it."""
    query = config.method.query if isinstance(config.method, Query) else ""

    def query_vector(choice: ModelChoice) -> Vectors:
        return np.asarray(open_clip_embedder(choice).text_vectors([query])[0], np.float32)

    return lru_cache(maxsize=1)(query_vector)


def keyframes(
    clips: Sequence[Clip], config: KeyframesConfig, query_vector: QueryVector, workspace: Workspace
) -> Iterator[list[ClipKeyframes]]:
    """Write the keyframes of each clip, at exact frames of the source.

    Raises MediaError where the source cannot be decoded at a wanted time, or the video lacks the
    vectors that the method needs.
    """
    from vidcurate.media.io.frames import read_images
    from vidcurate.media.io.images import write_image

    quality = config.format.quality if isinstance(config.format, Compressed) else BEST_QUALITY
    for video_id, clips_of_video in clips_by_video(clips):
        wanted = choose_all(clips_of_video, config, query_vector, workspace)
        video = workspace.lookup(VIDEOS)[video_id]
        path = video_path(workspace.lookup(SOURCES)[video_id])
        every = sorted({pts for chosen in wanted.values() for pts in chosen})
        sizes: dict[int, tuple[int, int]] = {}
        offsets = workspace.lookup(SCANS)[video_id].clock_offsets
        for pts, image in read_images(path, video, every, offsets):
            file = workspace.files / file_name(video_id, pts, config)
            sizes[pts] = write_image(image, file, config.format.name, quality, config.max_side)
        for clip in clips_of_video:
            yield [keyframes_row(clip, wanted[clip.clip_id], sizes, config)]


def keyframes_row(
    clip: Clip, chosen: Sequence[int], sizes: dict[int, tuple[int, int]], config: KeyframesConfig
) -> ClipKeyframes:
    """Make one clip's row."""
    chosen_frames = tuple(
        Keyframe(
            pts, float(pts * clip.time_base), file_name(clip.video_id, pts, config), *sizes[pts]
        )
        for pts in chosen
    )
    return ClipKeyframes(clip.clip_id, clip.video_id, config.method.name, chosen_frames)


def file_name(video_id: str, pts: int, config: KeyframesConfig) -> str:
    """Name a keyframe's file after its video and time."""
    return f"{video_id}-{pts}.{ENDINGS[config.format.name]}"


def choose_all(
    clips: Sequence[Clip], config: KeyframesConfig, query_vector: QueryVector, workspace: Workspace
) -> dict[str, list[int]]:
    """Choose the times of the keyframes of each of a video's clips, in ticks of real frames.

    Raises MediaError for a video without the vectors that the method needs.
    """
    from vidcurate.media.scan.files import read_frames, read_samples

    video_id = clips[0].video_id
    scan = workspace.lookup(SCANS)[video_id]
    frames = read_frames(workspace.file_of(SCANS, scan.frames_file), FRAME_COLUMNS)
    samples = read_samples(workspace.file_of(SCANS, scan.samples_file), SAMPLE_COLUMNS)
    cuts = workspace.lookup(CUTS)[video_id] if needs_cuts(config) else None
    looks: dict[str, tuple[VideoVectors, Vectors]] = {}
    if needs_vectors(config):
        looks = {clip.clip_id: (video, own) for clip, video, own in vectors_of(clips, workspace)}
    chosen = {}
    for clip in clips:
        made_by, vectors = looks.get(clip.clip_id, (None, None))
        known = clip_frame_facts(clip, frames, samples, vectors, cuts)
        frames_wanted = request_for(clip, config, made_by, query_vector)
        numbers = choose_frames(config.method.name, known, frames_wanted)
        chosen[clip.clip_id] = [int(pts) for pts in known.edges[numbers]]
    return chosen


def request_for(
    clip: Clip, config: KeyframesConfig, made_by: VideoVectors | None, query_vector: QueryVector
) -> FrameRequest:
    """Convert the options to a request in a clip's ticks; `made_by` is the row of its vectors."""
    method, query = config.method, None
    alike, step = COPY_SIMILARITY, 0.0
    if isinstance(method, SemanticWalk):
        step = method.step_s / float(clip.time_base)
        alike = WALK_SIMILARITY[made_by.backend] if made_by is not None else alike
    if made_by is not None and isinstance(method, Query):
        query = query_vector(ModelChoice(made_by.model, made_by.pretrained))
    if isinstance(method, Unlike) and method.max_similarity is not None:
        alike = method.max_similarity
    least_last = step if isinstance(method, SemanticWalk) and method.last == "far" else 0.0
    count = method.count if isinstance(method, Counted) else 1
    return FrameRequest(count, step, alike, query, least_last)


def needs_vectors(config: KeyframesConfig) -> bool:
    """Check whether the video's vectors are needed."""
    return isinstance(config.method, Unlike)


def needs_cuts(config: KeyframesConfig) -> bool:
    """Check whether the video's cuts are needed."""
    return config.method.name not in ("uniform", "middle", "sharpest")


def check_method(config: KeyframesConfig, others: Mapping[str, StageConfig]) -> None:
    """Check that a query can be compared with the vectors, and that scan measured every change.

    Raises UsageError.
    """
    if config.method.name == "redundancy":
        require_every_frame(others, "keyframes.method redundancy", ", or take another method")
    if isinstance(config.method, Query):
        check_choice(image_text_model(others, "keyframes.method query"))


def resources(config: KeyframesConfig) -> Resources:
    """Put the model of a query into one worker if there is a GPU."""
    return model_resources() if isinstance(config.method, Query) else Resources()


def time_limit_s(clip: Clip, _config: KeyframesConfig) -> float:
    """Return the seconds after which decoding counts as stuck, for all clips of a batch."""
    return 3600 + 10 * clip.end_s


KEYFRAMES_STAGE = MapStage(
    name="keyframes",
    summary="Write full-size keyframes of the kept clips from the source.",
    reads=PARTITIONS,
    writes=KEYFRAMES,
    config=KeyframesConfig,
    open=open_query,
    run=keyframes,
    lookups=(
        *(Lookup(SOURCES), Lookup(VIDEOS), Lookup(SCANS)),
        *(Lookup(VECTORS, when=needs_vectors), Lookup(CUTS, when=needs_cuts)),
    ),
    check=check_method,
    rows_per_part=64,
    cost=Cost(
        resources=resources,
        advice="a smaller keyframes.count, or stricter filter.rules",
        time_limit=time_limit_s,
    ),
    version=Version(number=2),
)
