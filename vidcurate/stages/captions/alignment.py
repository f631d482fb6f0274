"""alignment: measures how well a clip's caption, or any sentence, fits its frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from vidcurate.clips.vectors import unit_rows, vectors_of
from vidcurate.errors import MediaError
from vidcurate.models.device import model_resources
from vidcurate.models.vision.clip_embedder import ClipEmbedder, check_choice, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.options import StageConfig, option
from vidcurate.records import ALIGNMENT, CAPTIONS, PARTITIONS, VECTORS, Alignment, Clip
from vidcurate.stage import Cost, Lookup, MapStage, Resources, Workspace
from vidcurate.stages.sources.embed import image_text_model


class AlignmentConfig(StageConfig):
    """Which text is compared."""

    sentence: str = option(
        "", "Compare this sentence with every clip, instead of the clip's caption"
    )


OpenedEmbedder = Callable[[ModelChoice], ClipEmbedder]


def open_embedder_once(_config: AlignmentConfig, _workspace: Workspace) -> OpenedEmbedder:
    """A function that opens the model which made a video's vectors, and keeps it open."""
    return lru_cache(maxsize=1)(open_clip_embedder)


def alignment(
    clips: Sequence[Clip], config: AlignmentConfig, open_model: OpenedEmbedder, workspace: Workspace
) -> Iterator[list[Alignment]]:
    """Measure the cosines of each clip's text with its own vector and with those of its frames.

    The clip's vector is the mean of its frames' vectors, scaled to length one. Raises MediaError
    for a clip without a caption, and for a video without vectors.
    """
    for clip, video, vectors in vectors_of(clips, workspace):
        embedder = open_model(ModelChoice(video.model, video.pretrained))
        text = config.sentence or caption_of(clip, workspace)
        words = embedder.text_vectors([text])[0]
        by_frame = vectors @ words
        row = Alignment(
            clip_id=clip.clip_id,
            video_id=clip.video_id,
            text_from="sentence" if config.sentence else "caption",
            is_cut=embedder.are_cut([text])[0],
            model=video.model,
            pretrained=video.pretrained,
            n_frames=len(vectors),
            clip_cosine=float(unit_rows(vectors.mean(axis=0, keepdims=True))[0] @ words),
            frame_min=float(by_frame.min()),
            frame_mean=float(by_frame.mean()),
            frame_max=float(by_frame.max()),
        )
        yield [row]


def caption_of(clip: Clip, workspace: Workspace) -> str:
    """A clip's caption.

    Raises MediaError where it has none.
    """
    found = workspace.lookup(CAPTIONS).get(clip.clip_id)
    if found is None:
        raise MediaError("the clip has no caption: see rows captions --failed")
    return found.text


def reads_captions(config: AlignmentConfig) -> bool:
    """Whether each clip is compared with its own caption."""
    return not config.sentence


def model_is_there(_config: AlignmentConfig, others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where no image-text model makes the vectors."""
    check_choice(image_text_model(others, "alignment"))


def worker_resources(_config: AlignmentConfig) -> Resources:
    """With a GPU one worker holds the model."""
    return model_resources()


ALIGNMENT_STAGE = MapStage(
    name="alignment",
    summary="Measure how well each caption fits its clip.",
    reads=PARTITIONS,
    writes=ALIGNMENT,
    config=AlignmentConfig,
    open=open_embedder_once,
    run=alignment,
    lookups=(Lookup(VECTORS), Lookup(CAPTIONS, when=reads_captions)),
    check=model_is_there,
    cost=Cost(resources=worker_resources),
)
