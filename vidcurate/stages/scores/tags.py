"""tags: what a clip shows, by ImageNet's labels or by any words compared with its vectors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import field_validator

from vidcurate.clips.vectors import Vectors, vectors_of
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.device import model_resources
from vidcurate.models.vision.clip_embedder import check_choice, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.models.vision.image_classifier import Probabilities
from vidcurate.models.vision.imagenet import MODEL, Tagger, open_imagenet, require_imagenet
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import CLIPS, SCANS, TAGS, VECTORS, Clip, Tags
from vidcurate.stage import BY_CONTENT, Cost, Lookup, MapStage, Resources, Version, Workspace
from vidcurate.stages.sources.embed import image_text_model

LIST_ENDING = ".txt"
PLACE = "{}"


class EfficientNetConfig(Choice):
    """ImageNet's thousand labels, by a network."""

    name: Literal["efficientnet"] = "efficientnet"
    max_frames: int = option(
        4, "Proxies of a clip that are judged, evenly spread", unit="frames", ge=1, le=1000
    )


class OpenClipTagsConfig(Choice):
    """The user's labels, by the model that made the vectors."""

    name: Literal["open_clip"] = "open_clip"
    labels: tuple[str, ...] = option(
        (), "Labels, or a .txt file with one label a line; repeat for more", flag="--label"
    )
    prompt: str = option("a photo of {}", "The sentence that each label is put into")

    @field_validator("prompt")
    @classmethod
    def require_placeholder(cls, prompt: str) -> str:
        """Refuse a prompt without a place for the label; raises ValueError."""
        if PLACE not in prompt:
            raise ValueError(f"the prompt needs {PLACE} where the label goes")
        return prompt


class TagsConfig(StageConfig):
    """What names the things that are seen, and with which words."""

    backend: EfficientNetConfig | OpenClipTagsConfig = choice(
        EfficientNetConfig,
        "efficientnet: ImageNet's thousand labels; open_clip: your labels, by embed's model",
    )
    count: int = option(5, "Labels of a clip that are kept, the likeliest first", ge=1, le=1000)

    @property
    def labels(self) -> tuple[str, ...]:
        """The user's labels and files of labels."""
        return self.backend.labels if isinstance(self.backend, OpenClipTagsConfig) else ()


@dataclass(frozen=True, slots=True)
class LabelVectors:
    """Labels, and their vectors multiplied by the model's scale of cosines."""

    labels: tuple[str, ...]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Taggers:
    """Functions that open the image network, or the labels' vectors by a video's model."""

    tagger: Callable[[], Tagger]
    words: Callable[[ModelChoice], LabelVectors]


def open_taggers(config: TagsConfig, _workspace: Workspace) -> Taggers:
    """Return functions that open a model when a clip first needs it, by the video's row."""
    labels = read_labels(config)
    prompt = config.backend.prompt if isinstance(config.backend, OpenClipTagsConfig) else PLACE

    def words(choice: ModelChoice) -> LabelVectors:
        embedder = open_clip_embedder(choice)
        vectors = embedder.text_vectors([prompt.replace(PLACE, label) for label in labels])
        return LabelVectors(labels, np.asarray(embedder.logit_scale * vectors, np.float32))

    return Taggers(lru_cache(open_imagenet), lru_cache(maxsize=1)(words))


def tags(
    clips: Sequence[Clip], config: TagsConfig, taggers: Taggers, workspace: Workspace
) -> Iterator[list[Tags]]:
    """Find the labels of the highest mean probability over each clip's frames.

    Raises MediaError for a damaged proxy, and for a video without vectors.
    """
    if isinstance(config.backend, EfficientNetConfig):
        max_frames = config.backend.max_frames
        yield from tags_by_images(clips, config, max_frames, taggers.tagger(), workspace)
        return
    for clip, video, vectors in vectors_of(clips, workspace):
        words = taggers.words(ModelChoice(video.model, video.pretrained))
        found = softmax(vectors @ words.vectors.T)
        yield [tags_row(clip, config, video.model, words.labels, found)]


def tags_by_images(
    clips: Sequence[Clip], config: TagsConfig, max_frames: int, tagger: Tagger, workspace: Workspace
) -> Iterator[list[Tags]]:
    """Tag each clip by a network that reads its proxies."""
    from vidcurate.media.scan.proxies import clip_proxies

    for clip in clips:
        scan = workspace.lookup(SCANS)[clip.video_id]
        file = workspace.file_of(SCANS, scan.samples_file)
        proxies = clip_proxies(file, clip, max_frames)
        found = tagger.probabilities([proxy.image for proxy in proxies])
        yield [tags_row(clip, config, MODEL, tagger.labels, found)]


def tags_row(
    clip: Clip, config: TagsConfig, model: str, labels: Sequence[str], found: Probabilities
) -> Tags:
    """Make a clip's row from the probabilities of labels in each frame, shape (frames, labels).

    Raises MediaError where one is not a number.
    """
    mean = found.mean(axis=0)
    if not np.isfinite(mean).all():
        raise MediaError("the model gave a probability that is not a number")
    best = np.argsort(-mean, kind="stable")[: config.count]
    return Tags(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        backend=config.backend.name,
        model=model,
        n_frames=len(found),
        top_name=labels[best[0]],
        top_probability=float(mean[best[0]]),
        names=tuple(labels[number] for number in best),
        probabilities=tuple(mean[best].tolist()),
    )


def softmax(logits: Vectors) -> Probabilities:
    """Convert each row to probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def read_labels(config: TagsConfig) -> tuple[str, ...]:
    """Return the labels of the options and their files, each once.

    Raises UsageError for a file that cannot be read.
    """
    found: list[str] = []
    for label in config.labels:
        found += lines_of(Path(label)) if label.endswith(LIST_ENDING) else [label]
    return tuple(dict.fromkeys(label.strip() for label in found if label.strip()))


def lines_of(file: Path) -> list[str]:
    """Return the lines of a text file.

    Raises UsageError where it cannot be read.
    """
    try:
        return file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the labels in {file}: {error}") from error


def check_labels(config: TagsConfig, others: Mapping[str, StageConfig]) -> None:
    """Check that model and labels can be loaded, before a video is decoded; raises UsageError."""
    if uses_images(config):
        require_imagenet()
        return
    check_choice(image_text_model(others, "tags with the backend open_clip"))
    labels = read_labels(config)
    if len(labels) <= 1:
        raise UsageError(
            f"tags compares two labels or more, and tags.labels gives {len(labels)}: "
            "name them, or a .txt file with one a line"
        )


def uses_images(config: TagsConfig) -> bool:
    """Check whether images are read, not vectors."""
    return isinstance(config.backend, EfficientNetConfig)


def reads_vectors(config: TagsConfig) -> bool:
    """Check whether vectors are read."""
    return not uses_images(config)


def label_text(config: TagsConfig) -> str:
    """Return all labels: another list under the same name gives other tags."""
    return "\n".join(read_labels(config))


def content_options(config: TagsConfig) -> Mapping[str, str]:
    """Return the option whose files hold labels, if any."""
    has_file = any(label.endswith(LIST_ENDING) for label in config.labels)
    return {"labels": BY_CONTENT} if has_file else {}


def resources(config: TagsConfig) -> Resources:
    """Put an image-text model into one worker if there is a GPU."""
    return Resources() if uses_images(config) else model_resources()


TAGS_STAGE = MapStage(
    name="tags",
    summary="Name what each clip shows, by ImageNet's labels or by yours.",
    reads=CLIPS,
    writes=TAGS,
    config=TagsConfig,
    open=open_taggers,
    run=tags,
    lookups=(Lookup(SCANS, when=uses_images), Lookup(VECTORS, when=reads_vectors)),
    check=check_labels,
    cost=Cost(
        resources=resources,
        advice="a smaller tags.max_frames, or filter.rules on cheaper scores",
        is_expensive=True,
    ),
    version=Version(depends=label_text, contents=content_options),
)
