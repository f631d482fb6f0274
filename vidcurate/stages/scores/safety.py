"""safety: how probably a clip is not safe for work, from a few of its proxies."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from vidcurate.errors import MediaError
from vidcurate.models.device import model_resources
from vidcurate.models.vision.image_classifier import (
    Classifier,
    ClassifierConfig,
    check_image_classifier,
    open_label_classifier,
)
from vidcurate.models.vision.nsfw import open_nsfw, require_nsfw
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import CLIPS, SAFETY, SCANS, Clip, Safety
from vidcurate.stage import BY_CONTENT, Cost, Lookup, MapStage, Resources, Version, Workspace
from vidcurate.store.digests import content_hash


class SafetyClassifierConfig(ClassifierConfig):
    """An image classifier."""

    label: str = option("nsfw", "Label of the model for what is not safe")


class OpenNsfwConfig(Choice):
    """Yahoo's open_nsfw."""

    name: Literal["opennsfw"] = "opennsfw"


class SafetyConfig(StageConfig):
    """Which model judges, and how many pictures of a clip."""

    backend: OpenNsfwConfig | SafetyClassifierConfig = choice(
        OpenNsfwConfig, "opennsfw: Yahoo's open_nsfw; transformers: any image classifier"
    )
    max_frames: int = option(
        8, "Proxies of a clip that are judged, evenly spread", unit="frames", ge=1, le=1000
    )


def safety(
    clips: Sequence[Clip], config: SafetyConfig, classifier: Classifier, workspace: Workspace
) -> Iterator[list[Safety]]:
    """Measure the highest and the mean probability over the proxies of each clip.

    Raises MediaError for a damaged proxy, and where the model gives what is no number.
    """
    from vidcurate.media.scan.proxies import clip_proxies

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
            backend=config.backend.name,
            model=model_name(config),
            n_frames=len(found),
            nsfw_max=float(found.max()),
            nsfw_mean=float(found.mean()),
        )
        yield [row]


def open_classifier(config: SafetyConfig, _workspace: Workspace) -> Classifier:
    """Open the classifier of images."""
    backend = config.backend
    if isinstance(backend, SafetyClassifierConfig):
        return open_label_classifier(backend.choice, backend.label)
    return open_nsfw()


def model_name(config: SafetyConfig) -> str:
    """The classifier's name, "" where there is none."""
    return config.backend.model if isinstance(config.backend, SafetyClassifierConfig) else ""


def check_classifier(config: SafetyConfig, _others: Mapping[str, StageConfig]) -> None:
    """Check that the classifier can be loaded, before a video is decoded; raises UsageError."""
    if isinstance(config.backend, SafetyClassifierConfig):
        check_image_classifier(config.backend.choice, config.backend.label)
    else:
        require_nsfw()


def weights_content(config: SafetyConfig) -> str:
    """Hash a model's folder: another one under the same path gives other scores."""
    name = model_name(config)
    return content_hash(Path(name)) if name else ""


def content_options(config: SafetyConfig) -> Mapping[str, str]:
    """Return the option that names a model's folder, if it does."""
    return {"model": BY_CONTENT} if weights_content(config) else {}


def resources(config: SafetyConfig) -> Resources:
    """Put a classifier into one worker if there is a GPU."""
    return model_resources() if isinstance(config.backend, SafetyClassifierConfig) else Resources()


SAFETY_STAGE = MapStage(
    name="safety",
    summary="Estimate the probability that each clip is not safe for work.",
    reads=CLIPS,
    writes=SAFETY,
    config=SafetyConfig,
    open=open_classifier,
    run=safety,
    lookups=(Lookup(SCANS),),
    check=check_classifier,
    cost=Cost(
        resources=resources,
        advice="a smaller safety.max_frames, or filter.rules on cheaper scores",
        is_expensive=True,
    ),
    version=Version(depends=weights_content, contents=content_options),
)
