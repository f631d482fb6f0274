"""alignment: how well a clip's caption, or any sentence, fits its pictures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from vidcurate.clips.vectors import unit_rows, vectors_of
from vidcurate.errors import MediaError
from vidcurate.models.device import seats as model_seats
from vidcurate.models.vision.clip_embedder import ClipEmbedder, check_choice, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.records import ALIGNMENT, CAPTIONS, KEPT, VECTORS, Alignment, Clip
from vidcurate.stage import Cost, Lookup, MapStage, Resources, StageConfig, Workspace, option
from vidcurate.stages.sources.embed import image_text_model


class AlignmentConfig(StageConfig):
    """Which text is compared."""

    sentence: str = option("", "Compare this sentence with every clip, in place of its caption")


@dataclass(frozen=True, slots=True)
class Desk:
    """What opens the model that made a video's vectors, once, and where those lie."""

    embedder: Callable[[ModelChoice], ClipEmbedder]
    workspace: Workspace


def open_desk(_config: AlignmentConfig, workspace: Workspace) -> Desk:
    """The model is opened when the first video names it."""
    return Desk(lru_cache(maxsize=1)(open_clip_embedder), workspace)


def alignment(
    clips: Sequence[Clip], config: AlignmentConfig, desk: Desk, _workspace: Workspace
) -> Iterator[list[Alignment]]:
    """Cosines of each clip's text with its own vector and with those of its frames.

    The clip's vector is the mean of its frames' at length one. Raises MediaError for a clip without
    a caption, and for a video without vectors.
    """
    for clip, video, vectors in vectors_of(clips, desk.workspace):
        embedder = desk.embedder(ModelChoice(video.model, video.pretrained))
        text = config.sentence or caption_of(clip, desk.workspace)
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
    """Whether there is no sentence for all."""
    return not config.sentence


def model_is_there(_config: AlignmentConfig, others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where no image-text model makes the vectors."""
    check_choice(image_text_model(others, "alignment"))


def seats(_config: AlignmentConfig) -> Resources:
    """The model sits in one worker if there is a GPU."""
    return model_seats()


ALIGNMENT_STAGE = MapStage(
    name="alignment",
    summary="Measure how well each caption fits its clip.",
    reads=KEPT,
    writes=ALIGNMENT,
    config=AlignmentConfig,
    open=open_desk,
    run=alignment,
    lookups=(Lookup(VECTORS), Lookup(CAPTIONS, when=reads_captions)),
    check=model_is_there,
    cost=Cost(resources=seats),
)
