"""watermark: how probably a mark is overlaid on each clip, and where, from its proxies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vidcurate.clips.regions import Box
from vidcurate.errors import MediaError
from vidcurate.models.device import model_resources
from vidcurate.models.vision.image_classifier import (
    ClassifierConfig,
    check_image_classifier,
    open_label_classifier,
)
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import CLIPS, SCANS, WATERMARK, Clip, Watermark
from vidcurate.stage import BY_CONTENT, Cost, Lookup, MapStage, Resources, Version, Workspace
from vidcurate.store.digests import content_hash


class WatermarkClassifierConfig(ClassifierConfig):
    """An image classifier."""

    label: str = option("watermark", "Label of the model for a picture with a mark")
    max_frames: int = option(8, "Proxies of a clip that are judged", unit="frames", ge=1, le=1000)


class EdgesConfig(Choice):
    """Edges that stay while the picture moves."""

    name: Literal["edges"] = "edges"


class WatermarkConfig(StageConfig):
    """What finds the marks."""

    backend: EdgesConfig | WatermarkClassifierConfig = choice(
        EdgesConfig,
        "edges: what stays while the picture moves, without a model; "
        "transformers: any image classifier",
    )


@dataclass(frozen=True, slots=True)
class Detection:
    """The result for a clip: score is None if it cannot be judged, box if there is no mark."""

    score: float | None
    judged_by: str | None
    n_frames: int
    box: Box | None = None


# Takes a video's samples file and one of its clips.
Detector = Callable[[Path, Clip], Detection]


def edge_detector() -> Detector:
    """Return the detector that needs no model."""
    from vidcurate.media.visual.watermark import MarkDetector

    detector = MarkDetector()

    def detect(samples_file: Path, clip: Clip) -> Detection:
        found = detector.detect(samples_file, clip)
        if found.mark is None:
            return Detection(None, None, found.n_pictures)
        return Detection(found.mark.score, found.judged_by, found.n_pictures, found.mark.box)

    return detect


def classifier_detector(config: WatermarkClassifierConfig) -> Detector:
    """Return the detector that averages a classifier's probabilities over proxies."""
    from vidcurate.media.scan.proxies import clip_proxies

    probabilities = open_label_classifier(config.choice, config.label)

    def detect(samples_file: Path, clip: Clip) -> Detection:
        proxies = clip_proxies(samples_file, clip, config.max_frames)
        found = probabilities([proxy.image for proxy in proxies])
        if not np.isfinite(found).all():
            raise MediaError("the model gave a probability that is not a number")
        return Detection(float(found.mean()), "clip", len(found))

    return detect


def watermark(
    clips: Sequence[Clip], config: WatermarkConfig, detect: Detector, workspace: Workspace
) -> Iterator[list[Watermark]]:
    """Measure how probably each clip has a mark; box and region are those of the likeliest mark.

    A score is 0..1. By edges, 0.5 is where a mark is as likely as not, and `judged_by` says whose
    pictures showed more: the clip's own, or those of the whole video, whose mark must then show in
    the clip too. Only pictures that differ count, so a short or still clip is judged by its video;
    where both are still the score is null, as what stays need not be a mark.
    Raises MediaError for a damaged proxy, and where a model gives what is no number.
    """
    for clip in clips:
        scan = workspace.lookup(SCANS)[clip.video_id]
        found = detect(workspace.file_of(SCANS, scan.samples_file), clip)
        box = found.box
        row = Watermark(
            clip_id=clip.clip_id,
            video_id=clip.video_id,
            backend=config.backend.name,
            model=model_name(config),
            n_frames=found.n_frames,
            score=found.score,
            judged_by=found.judged_by,
            area_share=box.area if box else None,
            left=box.left if box else None,
            top=box.top if box else None,
            right=box.right if box else None,
            bottom=box.bottom if box else None,
            region=box.region if box else None,
        )
        yield [row]


def open_detector(config: WatermarkConfig, _workspace: Workspace) -> Detector:
    """Open the detector of marks."""
    backend = config.backend
    if isinstance(backend, WatermarkClassifierConfig):
        return classifier_detector(backend)
    return edge_detector()


def model_name(config: WatermarkConfig) -> str:
    """The classifier's name, "" where there is none."""
    return config.backend.model if isinstance(config.backend, WatermarkClassifierConfig) else ""


def check_classifier(config: WatermarkConfig, _others: Mapping[str, StageConfig]) -> None:
    """Check that the classifier can be loaded, before a video is decoded; raises UsageError."""
    if isinstance(config.backend, WatermarkClassifierConfig):
        check_image_classifier(config.backend.choice, config.backend.label)


def weights_content(config: WatermarkConfig) -> str:
    """Hash a model's folder: another one under the same path gives other scores."""
    name = model_name(config)
    return content_hash(Path(name)) if name else ""


def content_options(config: WatermarkConfig) -> Mapping[str, str]:
    """Return the option that names a model's folder, if it does."""
    return {"model": BY_CONTENT} if weights_content(config) else {}


def resources(config: WatermarkConfig) -> Resources:
    """Put a classifier into one worker if there is a GPU."""
    return (
        model_resources() if isinstance(config.backend, WatermarkClassifierConfig) else Resources()
    )


WATERMARK_STAGE = MapStage(
    name="watermark",
    summary="Find what is overlaid on each clip: edges that stay while the picture moves.",
    reads=CLIPS,
    writes=WATERMARK,
    config=WatermarkConfig,
    open=open_detector,
    run=watermark,
    lookups=(Lookup(SCANS),),
    check=check_classifier,
    rows_per_part=512,
    cost=Cost(resources=resources),
    version=Version(depends=weights_content, contents=content_options, number=2),
)
