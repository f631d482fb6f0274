"""safety: how probably a clip is not safe for work, from a few of its proxies."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import model_validator

from vidcurate.errors import MediaError
from vidcurate.models.device import model_resources
from vidcurate.models.vision.image_classifier import (
    Classifier,
    ClassifierChoice,
    check_image_classifier,
    open_label_classifier,
)
from vidcurate.models.vision.nsfw import open_nsfw, require_nsfw
from vidcurate.records import CLIPS, SAFETY, SCANS, Clip, Safety
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
from vidcurate.store.digests import content_hash


class SafetyConfig(StageConfig):
    """Who judges, and how many pictures of a clip."""

    backend: Literal["opennsfw", "transformers"] = option(
        "opennsfw", "opennsfw: Yahoo's open_nsfw; transformers: any image classifier"
    )
    model: str = option("", "transformers: OWNER/NAME on the hub, or a folder")
    revision: str = option("", "transformers: a branch, tag or commit of the hub; newest if empty")
    label: str = option("nsfw", "transformers: the model's label for what is not safe")
    max_frames: int = option(
        8, "Proxies judged of a clip at most, evenly spread", unit="frames", ge=1, le=1000
    )

    @model_validator(mode="after")
    def model_is_named(self) -> "SafetyConfig":
        """There are many classifiers."""
        if self.backend == "transformers" and not self.model:
            raise ValueError("backend transformers needs a model: OWNER/NAME or a folder")
        return self


def safety(
    clips: Sequence[Clip], config: SafetyConfig, classifier: Classifier, workspace: Workspace
) -> Iterator[list[Safety]]:
    """The highest and the mean probability over the proxies of each clip.

    Raises MediaError for a damaged proxy, and where the model gives what is no number.
    """
    from vidcurate.media.visual.proxies import clip_proxies

    for clip in clips:
        scan = workspace.lookup(SCANS)[clip.video_id]
        file = workspace.file_of(SCANS, scan.samples_file)
        proxies = clip_proxies(file, clip, config.max_frames)
        found = classifier([proxy.image for proxy in proxies])
        if not np.isfinite(found).all():
            raise MediaError("the model gave a probability that is not a number")
        row = Safety(
            clip_id=clip.clip_id,
            video_id=clip.video_id,
            backend=config.backend,
            model=config.model,
            n_frames=len(found),
            nsfw_max=float(found.max()),
            nsfw_mean=float(found.mean()),
        )
        yield [row]


def open_classifier(config: SafetyConfig, _workspace: Workspace) -> Classifier:
    """The classifier of pictures."""
    if config.backend == "opennsfw":
        return open_nsfw()
    return open_label_classifier(chosen(config), config.label)


def chosen(config: SafetyConfig) -> ClassifierChoice:
    """The classifier that the options name."""
    return ClassifierChoice(config.model, config.revision)


def judge_is_there(config: SafetyConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError for a judge that cannot be had, before a video is decoded."""
    if config.backend == "opennsfw":
        require_nsfw()
    else:
        check_image_classifier(chosen(config), config.label)


def weights_content(config: SafetyConfig) -> str:
    """What a model's folder holds: another under the same path judges otherwise."""
    return content_hash(Path(config.model)) if config.model else ""


def weights_named(config: SafetyConfig) -> Mapping[str, str]:
    """The option that names a model's folder, if it does."""
    return {"model": BY_CONTENT} if weights_content(config) else {}


def seats(config: SafetyConfig) -> Resources:
    """A classifier sits in one worker if there is a GPU."""
    return model_resources() if config.backend == "transformers" else Resources()


SAFETY_STAGE = MapStage(
    name="safety",
    summary="Judge how probably each clip is not safe for work.",
    reads=CLIPS,
    writes=SAFETY,
    config=SafetyConfig,
    open=open_classifier,
    run=safety,
    lookups=(Lookup(SCANS),),
    check=judge_is_there,
    cost=Cost(
        resources=seats,
        advice="a smaller safety.max_frames, or filter.rules on cheaper scores",
        is_expensive=True,
    ),
    version=Version(depends=weights_content, contents=weights_named),
)
