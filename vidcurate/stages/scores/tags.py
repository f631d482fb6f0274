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
from vidcurate.records import CLIPS, SCANS, TAGS, VECTORS, Clip, Tags
from vidcurate.stage import (
    BY_CONTENT,
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

LIST_ENDING = ".txt"
PLACE = "{}"


class TagsConfig(StageConfig):
    """Who names what is seen, and with which words."""

    backend: Literal["efficientnet", "open_clip"] = option(
        "efficientnet",
        "efficientnet: ImageNet's thousand labels; open_clip: your labels, by embed's model",
    )
    labels: tuple[str, ...] = option(
        (),
        "open_clip: labels, or a .txt file with one a line; repeat for more",
        flag="--label",
    )
    prompt: str = option("a photo of {}", "open_clip: the sentence that a label is put into")
    count: int = option(5, "Labels kept of a clip, likeliest first", ge=1, le=1000)
    max_frames: int = option(
        4,
        "efficientnet: proxies judged of a clip at most, evenly spread",
        unit="frames",
        ge=1,
        le=1000,
    )

    @field_validator("prompt")
    @classmethod
    def prompt_has_a_place(cls, prompt: str) -> str:
        """Without a place for the label all sentences are one."""
        if PLACE not in prompt:
            raise ValueError(f"the prompt needs {PLACE} where the label goes")
        return prompt


@dataclass(frozen=True, slots=True)
class LabelVectors:
    """Labels, and their vectors at the length by which the model multiplies cosines."""

    labels: tuple[str, ...]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Taggers:
    """What opens the network that looks at pictures, or the labels' vectors by a video's model."""

    tagger: Callable[[], Tagger]
    words: Callable[[ModelChoice], LabelVectors]


def open_taggers(config: TagsConfig, _workspace: Workspace) -> Taggers:
    """A model is opened when the first clip needs it: only the video's row names open_clip's."""
    labels = labels_of(config)

    def words(choice: ModelChoice) -> LabelVectors:
        embedder = open_clip_embedder(choice)
        vectors = embedder.text_vectors([config.prompt.replace(PLACE, label) for label in labels])
        return LabelVectors(labels, np.asarray(embedder.logit_scale * vectors, np.float32))

    return Taggers(lru_cache(open_imagenet), lru_cache(maxsize=1)(words))


def tags(
    clips: Sequence[Clip], config: TagsConfig, taggers: Taggers, workspace: Workspace
) -> Iterator[list[Tags]]:
    """The labels of the highest mean probability over each clip's frames.

    Raises MediaError for a damaged proxy, and for a video without vectors.
    """
    if config.backend == "efficientnet":
        yield from by_pictures(clips, config, taggers.tagger(), workspace)
        return
    for clip, video, vectors in vectors_of(clips, workspace):
        words = taggers.words(ModelChoice(video.model, video.pretrained))
        found = softmax(vectors @ words.vectors.T)
        yield [row_of(clip, config, video.model, words.labels, found)]


def by_pictures(
    clips: Sequence[Clip], config: TagsConfig, tagger: Tagger, workspace: Workspace
) -> Iterator[list[Tags]]:
    """The tags of each clip by a network that looks at its proxies."""
    from vidcurate.media.visual.proxies import clip_proxies

    for clip in clips:
        scan = workspace.lookup(SCANS)[clip.video_id]
        file = workspace.file_of(SCANS, scan.samples_file)
        proxies = clip_proxies(file, clip, config.max_frames)
        found = tagger.probabilities([proxy.image for proxy in proxies])
        yield [row_of(clip, config, MODEL, tagger.labels, found)]


def row_of(
    clip: Clip, config: TagsConfig, model: str, labels: Sequence[str], found: Probabilities
) -> Tags:
    """A clip's row, from the probabilities of labels in each frame, shape (frames, labels).

    Raises MediaError where one is not a number.
    """
    mean = found.mean(axis=0)
    if not np.isfinite(mean).all():
        raise MediaError("the model gave a probability that is not a number")
    best = np.argsort(-mean, kind="stable")[: config.count]
    return Tags(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        backend=config.backend,
        model=model,
        n_frames=len(found),
        top_name=labels[best[0]],
        top_probability=float(mean[best[0]]),
        names=tuple(labels[number] for number in best),
        probabilities=tuple(mean[best].tolist()),
    )


def softmax(logits: Vectors) -> Probabilities:
    """Each row as probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def labels_of(config: TagsConfig) -> tuple[str, ...]:
    """The labels that the options give, those of files among them, each once.

    Raises UsageError for a file that cannot be read.
    """
    found: list[str] = []
    for label in config.labels:
        found += lines_of(Path(label)) if label.endswith(LIST_ENDING) else [label]
    return tuple(dict.fromkeys(label.strip() for label in found if label.strip()))


def lines_of(file: Path) -> list[str]:
    """The lines of a text file.

    Raises UsageError where it cannot be read.
    """
    try:
        return file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the labels in {file}: {error}") from error


def can_tag(config: TagsConfig, others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError for a model or labels that are not there, before a video is decoded."""
    if config.backend == "efficientnet":
        require_imagenet()
        return
    check_choice(image_text_model(others, "tags with the backend open_clip"))
    labels = labels_of(config)
    if len(labels) <= 1:
        raise UsageError(
            f"tags compares two labels or more, and tags.labels gives {len(labels)}: "
            "name them, or a .txt file with one a line"
        )


def looks(config: TagsConfig) -> bool:
    """Whether pictures are judged, and not vectors."""
    return config.backend == "efficientnet"


def reads_vectors(config: TagsConfig) -> bool:
    """Whether vectors are judged."""
    return not looks(config)


def words_given(config: TagsConfig) -> str:
    """The labels: another list under the same name gives other tags."""
    return "\n".join(labels_of(config))


def labels_named(config: TagsConfig) -> Mapping[str, str]:
    """The labels, where files hold some."""
    has_file = any(label.endswith(LIST_ENDING) for label in config.labels)
    return {"labels": BY_CONTENT} if has_file else {}


def seats(config: TagsConfig) -> Resources:
    """An image-text model sits in one worker if there is a GPU."""
    return Resources() if looks(config) else model_resources()


TAGS_STAGE = MapStage(
    name="tags",
    summary="Name what each clip shows, by ImageNet's labels or by yours.",
    reads=CLIPS,
    writes=TAGS,
    config=TagsConfig,
    open=open_taggers,
    run=tags,
    lookups=(Lookup(SCANS, when=looks), Lookup(VECTORS, when=reads_vectors)),
    check=can_tag,
    cost=Cost(
        resources=seats,
        advice="a smaller tags.max_frames, or filter.rules on cheaper scores",
        is_expensive=True,
    ),
    version=Version(depends=words_given, contents=labels_named),
)
