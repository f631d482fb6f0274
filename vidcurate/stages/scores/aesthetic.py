"""aesthetic: how beautiful people would find a clip, by LAION's heads on the video's vectors."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vidcurate.clips.vectors import vectors_of
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.vision.aesthetic_head import (
    HEADS,
    AestheticHead,
    check_head_fits,
    head_file,
    read_head,
)
from vidcurate.models.vision.clip_embedder import check_choice, dimension_of
from vidcurate.models.weights import check_sha256
from vidcurate.options import StageConfig, option
from vidcurate.records import AESTHETIC, CLIPS, VECTORS, Aesthetic, Clip
from vidcurate.stage import BY_CONTENT, Lookup, MapStage, Version, Workspace
from vidcurate.stages.sources.embed import image_text_model
from vidcurate.store.digests import content_hash


class AestheticConfig(StageConfig):
    """Which head judges."""

    head: str = option(
        "sac+logos+ava1-l14-linearMSE",
        f"Name of a LAION head ({', '.join(HEADS)}), or a file with one",
    )
    sha256: str = option("", "Refuse a head whose file has another hash", neutral=True)


def load_head(config: AestheticConfig) -> AestheticHead:
    """Load the head that the options name, and check its hash.

    Raises UsageError where it cannot be had.
    """
    file = head_file(config.head)
    if config.sha256:
        check_sha256(file, config.sha256)
    return read_head(file)


def aesthetic(
    clips: Sequence[Clip], config: AestheticConfig, head: AestheticHead, workspace: Workspace
) -> Iterator[list[Aesthetic]]:
    """Score each of a clip's frames, about one a second, with their minimum and mean.

    Raises MediaError for a video without vectors, or with those of another model.
    """
    for clip, video, vectors in vectors_of(clips, workspace):
        if video.dimension != len(head.weight):
            raise MediaError(
                f"the video's vectors have {video.dimension} numbers, and the head judges those of "
                f"{len(head.weight)}: choose the head or embed.model to match"
            )
        scores = head.scores(vectors)
        row = Aesthetic(
            clip_id=clip.clip_id,
            video_id=clip.video_id,
            head=config.head,
            model=video.model,
            n_frames=len(scores),
            score_min=float(scores.min()),
            score_mean=float(scores.mean()),
            frame_scores=tuple(scores.tolist()),
        )
        yield [row]


def open_head(config: AestheticConfig, _workspace: Workspace) -> AestheticHead:
    """Load the head that scores the vectors."""
    return load_head(config)


def check_head(config: AestheticConfig, others: Mapping[str, StageConfig]) -> None:
    """Check that the head can score the vectors, before a video is decoded.

    Raises UsageError.
    """
    choice = image_text_model(others, "aesthetic")
    check_choice(choice)
    check_head_fits(config.head, choice)
    wanted, made = len(load_head(config).weight), dimension_of(choice)
    if made not in (wanted, None):
        raise UsageError(
            f"the head {config.head} judges vectors of {wanted} numbers, and embed.model "
            f"{choice.model} makes them of {made}: choose one to match the other"
        )


def head_content(config: AestheticConfig) -> str:
    """Hash a head's own file: another one under the same path gives other scores."""
    return "" if config.head in HEADS else content_hash(Path(config.head))


def content_options(config: AestheticConfig) -> Mapping[str, str]:
    """Return the option that names a head's own file, if it does."""
    return {} if config.head in HEADS else {"head": BY_CONTENT}


AESTHETIC_STAGE = MapStage(
    name="aesthetic",
    summary="Score how beautiful people would find each clip, from its vectors.",
    reads=CLIPS,
    writes=AESTHETIC,
    config=AestheticConfig,
    open=open_head,
    run=aesthetic,
    lookups=(Lookup(VECTORS),),
    check=check_head,
    rows_per_part=512,
    version=Version(depends=head_content, contents=content_options),
)
