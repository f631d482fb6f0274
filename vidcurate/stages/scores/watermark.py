"""watermark: how probably a mark lies over each clip, and where, from its proxies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import model_validator

from vidcurate.clips.regions import Box
from vidcurate.errors import MediaError
from vidcurate.models.device import model_resources
from vidcurate.models.vision.image_classifier import (
    ClassifierChoice,
    check_image_classifier,
    open_label_classifier,
)
from vidcurate.records import CLIPS, SCANS, WATERMARK, Clip, Watermark
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


class WatermarkConfig(StageConfig):
    """Who judges."""

    backend: Literal["edges", "transformers"] = option(
        "edges",
        "edges: what stays while the picture moves, without a model; "
        "transformers: any image classifier",
    )
    model: str = option("", "transformers: OWNER/NAME on the hub, or a folder")
    revision: str = option("", "transformers: a branch, tag or commit of the hub; newest if empty")
    label: str = option("watermark", "transformers: the model's label for a picture with a mark")
    max_frames: int = option(
        8, "transformers: proxies judged of a clip at most", unit="frames", ge=1, le=1000
    )

    @model_validator(mode="after")
    def model_is_named(self) -> "WatermarkConfig":
        """There are many classifiers."""
        if self.backend == "transformers" and not self.model:
            raise ValueError("backend transformers needs a model: OWNER/NAME or a folder")
        return self


@dataclass(frozen=True, slots=True)
class Detection:
    """What a backend says of a clip: a score of None is not to be judged, a box of None nowhere."""

    score: float | None
    judged_by: str | None
    n_frames: int
    box: Box | None = None


# Takes a video's samples file and one of its clips.
Detector = Callable[[Path, Clip], Detection]


def detector_by_edges() -> Detector:
    """The detector without a model."""
    from vidcurate.media.visual.watermark import MarkFinder

    finder = MarkFinder()

    def detect(samples_file: Path, clip: Clip) -> Detection:
        found = finder.judge(samples_file, clip)
        if found.mark is None:
            return Detection(None, None, found.n_pictures)
        return Detection(found.mark.score, found.judged_by, found.n_pictures, found.mark.box)

    return detect


def detector_by_model(config: WatermarkConfig) -> Detector:
    """The mean of a classifier's probabilities over the proxies of a clip."""
    from vidcurate.media.visual.proxies import clip_proxies

    probabilities = open_label_classifier(chosen(config), config.label)

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
    """How probably each clip is marked; box and place are those of what is most like a mark.

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
            backend=config.backend,
            model=config.model,
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
    """The detector of marks."""
    return detector_by_edges() if config.backend == "edges" else detector_by_model(config)


def chosen(config: WatermarkConfig) -> ClassifierChoice:
    """The classifier that the options name."""
    return ClassifierChoice(config.model, config.revision)


def judge_is_there(config: WatermarkConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError for a judge that cannot be had, before a video is decoded."""
    if config.backend == "transformers":
        check_image_classifier(chosen(config), config.label)


def weights_content(config: WatermarkConfig) -> str:
    """What a model's folder holds: another under the same path judges otherwise."""
    return content_hash(Path(config.model)) if config.model else ""


def weights_named(config: WatermarkConfig) -> Mapping[str, str]:
    """The option that names a model's folder, if it does."""
    return {"model": BY_CONTENT} if weights_content(config) else {}


def seats(config: WatermarkConfig) -> Resources:
    """A classifier sits in one worker if there is a GPU."""
    return model_resources() if config.backend == "transformers" else Resources()


WATERMARK_STAGE = MapStage(
    name="watermark",
    summary="Find what is laid over each clip: edges that stay while the picture moves.",
    reads=CLIPS,
    writes=WATERMARK,
    config=WatermarkConfig,
    open=open_detector,
    run=watermark,
    lookups=(Lookup(SCANS),),
    check=judge_is_there,
    rows_per_part=512,
    cost=Cost(resources=seats),
    version=Version(depends=weights_content, contents=weights_named, number=2),
)
