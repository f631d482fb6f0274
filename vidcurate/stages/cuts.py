"""cuts: the transitions of each film, from the signals that scan recorded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from vidcurate.errors import UsageError
from vidcurate.records import CUTS, SCANS, FilmCuts, Scan
from vidcurate.stage import MapStage, StageConfig, Workspace, option, use_workspace
from vidcurate.stages.scan import ScanConfig

Detector = Literal["adaptive", "content", "histogram", "hash", "threshold", "learned", "fixed"]

METRIC_OF = {"adaptive": "content"}


class CutsConfig(StageConfig):
    """Which detector decides, and how much change it asks for. Defaults are PySceneDetect's."""

    detector: Detector = option(
        "adaptive", "PySceneDetect's detectors, our network (learned), or cuts at fixed times"
    )
    min_scene_s: float | None = option(
        None, "Least time between two cuts; none is 15 frames", unit="seconds", ge=0
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
        12.0, "threshold: mean level below which the film is faded out", unit="levels", gt=0, le=255
    )
    learned_threshold: float = option(0.7, "learned: least confidence of a transition", ge=0, le=1)
    fixed_interval_s: float = option(10.0, "fixed: time between cuts", unit="seconds", gt=0)


def signals_are_recorded(config: CutsConfig, others: Mapping[str, StageConfig]) -> None:
    """Name a metric that the detector needs and the scan leaves out, before anything is decoded.

    Raises UsageError.
    """
    needed = METRIC_OF.get(config.detector, config.detector)
    scanned = others["scan"]
    assert isinstance(scanned, ScanConfig)
    if config.detector != "fixed" and needed not in scanned.metrics:
        metrics = " ".join(f"--metric {name}" for name in (*scanned.metrics, needed))
        raise UsageError(
            f"the detector {config.detector} needs the metric {needed}, which scan does not "
            f"record here: add it to scan.metrics, or run vidcurate scan {metrics}"
        )


def cuts(
    scans: Sequence[Scan], config: CutsConfig, workspace: Workspace
) -> Iterator[list[FilmCuts]]:
    """The cuts of each film, one row a film.

    Raises MediaError when the scan did not record a signal that the detector needs.
    """
    from vidcurate.media.detectors import DetectorOptions, detect
    from vidcurate.media.scan import read_frames

    options = DetectorOptions(**config.model_dump())
    for scan in scans:
        frames = read_frames(workspace.files_of(SCANS) / scan.frames_file)
        found = detect(frames, scan.time_base, scan.frame_rate, options)
        yield [FilmCuts(scan.video_id, found)]


CUTS_STAGE = MapStage(
    name="cuts",
    summary="Find the transitions between shots, from recorded signals, without decoding.",
    reads=SCANS,
    writes=CUTS,
    config=CutsConfig,
    open=use_workspace,
    run=cuts,
    check=signals_are_recorded,
    rows_per_part=64,
)
