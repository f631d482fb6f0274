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
from vidcurate.records import AESTHETIC, CLIPS, VECTORS, Aesthetic, Clip
from vidcurate.stage import BY_CONTENT, Lookup, MapStage, StageConfig, Version, Workspace, option
from vidcurate.stages.sources.embed import image_text_model
from vidcurate.store.digests import content_hash


class AestheticConfig(StageConfig):
    """Which head judges."""

    head: str = option(
        "sac+logos+ava1-l14-linearMSE", f"A head of LAION's ({', '.join(HEADS)}), or its file"
    )
    sha256: str = option("", "Refuse a head's file with another hash", neutral=True)


def checked_head(config: AestheticConfig) -> AestheticHead:
    """The head that the options name, of the hash wanted.

    Raises UsageError where it cannot be had.
    """
    file = head_file(config.head)
    if config.sha256:
        check_sha256(file, config.sha256)
    return read_head(file)


def aesthetic(
    clips: Sequence[Clip], config: AestheticConfig, head: AestheticHead, workspace: Workspace
) -> Iterator[list[Aesthetic]]:
    """The score of each of a clip's frames, about one a second, their minimum and their mean.

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
    """The head that scores the vectors."""
    return checked_head(config)


def head_fits(config: AestheticConfig, others: Mapping[str, StageConfig]) -> None:
    """Name what keeps the head from judging the vectors, before a video is decoded.

    Raises UsageError.
    """
    choice = image_text_model(others, "aesthetic")
    check_choice(choice)
    check_head_fits(config.head, choice)
    wanted, made = len(checked_head(config).weight), dimension_of(choice)
    if made not in (wanted, None):
        raise UsageError(
            f"the head {config.head} judges vectors of {wanted} numbers, and embed.model "
            f"{choice.model} makes them of {made}: choose one to match the other"
        )


def head_content(config: AestheticConfig) -> str:
    """What a head's own file holds: another under the same path judges otherwise."""
    return "" if config.head in HEADS else content_hash(Path(config.head))


def head_named(config: AestheticConfig) -> Mapping[str, str]:
    """The option that names a head's own file, if it does."""
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
    check=head_fits,
    rows_per_part=512,
    version=Version(depends=head_content, contents=head_named),
)
