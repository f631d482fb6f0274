"""cuts: the transitions of each video, from the signals that scan recorded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import field_validator

from vidcurate.errors import UsageError
from vidcurate.records import CUTS, SCANS, Scan, VideoCuts
from vidcurate.stage import MapStage, StageConfig, Version, Workspace, option
from vidcurate.stages.sources.scan import ScanConfig

Single = Literal[
    "adaptive",
    "content",
    "histogram",
    "hash",
    "threshold",
    "learned",
    "transnet",
    "koala",
]
Detector = Literal[Single, "both", "fixed"]

METRIC_OF = {"adaptive": "content"}


class CutsConfig(StageConfig):
    """Which detector decides, and how much change it asks for. Defaults are their authors'."""

    detector: Detector = option(
        "learned",
        "Our network (learned), PySceneDetect's detectors, TransNetV2, Koala-36M's, what two of "
        "them agree on (both), or cuts at fixed times",
    )
    least_confidence: float = option(
        0.0, "Leave out transitions that are less sure, by any detector", ge=0, le=1
    )
    both_of: tuple[Single, ...] = option(
        ("learned", "adaptive"),
        "both: the two detectors, the one with the better spans first. What both find has "
        "confidence 1 - (1 - a)(1 - b), what one finds half its own",
        min_length=2,
        max_length=2,
    )
    agree_frames: int = option(
        2, "both: how near two transitions are that are one", unit="frames", ge=0, le=120
    )
    min_scene_s: float | None = option(
        None,
        "PySceneDetect's: least time between two cuts; none is 15 frames",
        unit="seconds",
        ge=0,
    )
    content_threshold: float = option(
        27.0, "content: least change of hue, saturation and value", unit="8-bit levels", gt=0
    )
    adaptive_threshold: float = option(
        3.0, "adaptive: least ratio of a frame's change to its neighbours'", gt=0
    )
    adaptive_window: int = option(
        2, "adaptive: neighbours on each side", unit="frames", ge=1, le=120
    )
    adaptive_min_content: float = option(
        15.0, "adaptive: least change of hue, saturation and value", unit="8-bit levels", ge=0
    )
    histogram_threshold: float = option(
        0.20, "histogram: 1 less the correlation of luma histograms", gt=0, le=1
    )
    hash_threshold: float = option(0.35, "hash: share of hash bits that differ", gt=0, le=1)
    fade_threshold: float = option(
        12.0,
        "threshold: mean level below which the video is faded out",
        unit="levels",
        gt=0,
        le=255,
    )
    learned_threshold: float = option(0.5, "learned: least confidence of a transition", ge=0, le=1)
    transnet_threshold: float = option(
        0.5,
        "transnet: probability of a transition, above; 0.4 finds more and errs more",
        ge=0,
        le=1,
    )
    koala_threshold: float = option(
        0.0, "koala: score of likeness of two frames below which there is a cut", ge=-20, le=3
    )
    koala_mean_threshold: float = option(
        0.75, "koala: mean score of three below which there may be a transition", ge=-20, le=3
    )
    koala_deviations: float = option(
        3.0, "koala: how far that must lie below the scores before", unit="deviations", ge=0
    )
    koala_gap_frames: int = option(
        8, "koala: frames between two boundaries that are no shot", unit="frames", ge=0, le=240
    )
    fixed_interval_s: float = option(10.0, "fixed: time between cuts", unit="seconds", gt=0)

    @field_validator("both_of")
    @classmethod
    def two_are_different(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """A detector always agrees with itself."""
        if len(set(names)) < len(names):
            raise ValueError("name two different detectors")
        return names


def signals_are_recorded(config: CutsConfig, others: Mapping[str, StageConfig]) -> None:
    """Name metrics that the detector needs and the scan leaves out, before anything is decoded.

    Raises UsageError.
    """
    scanned = others["scan"]
    assert isinstance(scanned, ScanConfig)
    used = config.both_of if config.detector == "both" else (config.detector,)
    needed = [METRIC_OF.get(name, name) for name in used if name != "fixed"]
    missing = [name for name in needed if name not in scanned.metrics]
    if missing:
        metrics = " ".join(f"--metric {name}" for name in (*scanned.metrics, *missing))
        raise UsageError(
            f"the detector {config.detector} needs {' and '.join(missing)}, which scan does not "
            f"record here: add to scan.metrics, or run vidcurate scan {metrics}"
        )


def cuts(
    scans: Sequence[Scan], config: CutsConfig, _tool: None, workspace: Workspace
) -> Iterator[list[VideoCuts]]:
    """The cuts of each video, one row a video.

    Raises MediaError when the scan did not record a signal that the detector needs.
    """
    from vidcurate.media.scan.scanner import read_frames
    from vidcurate.media.shots.detectors import DetectorOptions, detect

    options = DetectorOptions(**config.model_dump())
    for scan in scans:
        frames = read_frames(workspace.file_of(SCANS, scan.frames_file))
        found = detect(frames, scan.time_base, scan.frame_rate, options)
        yield [VideoCuts(scan.video_id, found)]


CUTS_STAGE = MapStage(
    name="cuts",
    summary="Find the transitions between shots, from recorded signals, without decoding.",
    reads=SCANS,
    writes=CUTS,
    config=CutsConfig,
    run=cuts,
    check=signals_are_recorded,
    rows_per_part=64,
    version=Version(number=2),
)
