"""cuts: the transitions of each video, from the signals that scan recorded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Self

from pydantic import field_validator, model_validator

from vidcurate.errors import UsageError
from vidcurate.options import Choice, StageConfig, choice, choices_of, option
from vidcurate.records import CUTS, SCANS, Scan, VideoCuts
from vidcurate.stage import MapStage, Version, Workspace
from vidcurate.stages.sources.scan import ScanConfig, require_every_frame

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
METRIC_OF = {"adaptive": "content"}


class PySceneDetect(Choice):
    """A detector of PySceneDetect."""

    min_scene_s: float | None = option(
        None, "Shortest time between two cuts; none is 15 frames", unit="seconds", ge=0
    )


class Content(PySceneDetect):
    """Cuts at large changes of colour."""

    name: Literal["content"] = "content"
    content_threshold: float = option(
        27.0,
        "Smallest change of hue, saturation and value that is a cut",
        unit="8-bit levels",
        gt=0,
    )


class Adaptive(PySceneDetect):
    """Cuts at changes that are large compared with those of the neighbouring frames."""

    name: Literal["adaptive"] = "adaptive"
    adaptive_threshold: float = option(
        3.0,
        "A cut changes this many times as much as its neighbouring frames do",
        gt=0,
    )
    adaptive_window: int = option(2, "Neighbours on each side", unit="frames", ge=1, le=120)
    min_adaptive_content: float = option(
        15.0,
        "Smallest change of hue, saturation and value at a cut",
        unit="8-bit levels",
        ge=0,
    )


class Histogram(PySceneDetect):
    """Cuts at changes of the luma histogram."""

    name: Literal["histogram"] = "histogram"
    histogram_threshold: float = option(
        0.20,
        "Smallest difference of luma histograms (1 minus correlation) that is a cut",
        gt=0,
        le=1,
    )


class Hash(PySceneDetect):
    """Cuts at changes of a perceptual hash."""

    name: Literal["hash"] = "hash"
    hash_threshold: float = option(
        0.35, "Smallest share of differing hash bits that is a cut", gt=0, le=1
    )


class Threshold(PySceneDetect):
    """Cuts at fades to and from black."""

    name: Literal["threshold"] = "threshold"
    fade_threshold: float = option(
        12.0,
        "Mean level of a frame below which the video is faded out",
        unit="levels",
        gt=0,
        le=255,
    )


class Learned(Choice):
    """Our network."""

    name: Literal["learned"] = "learned"
    learned_threshold: float = option(0.5, "Lowest confidence that is a transition", ge=0, le=1)


class TransNet(Choice):
    """TransNetV2."""

    name: Literal["transnet"] = "transnet"
    transnet_threshold: float = option(
        0.5,
        "Probability above which there is a transition; 0.4 finds more and is wrong more often",
        ge=0,
        le=1,
    )


class Koala(Choice):
    """Koala-36M's detector."""

    name: Literal["koala"] = "koala"
    koala_threshold: float = option(
        0.0, "Similarity score of two frames below which there is a cut", ge=-20, le=3
    )
    koala_mean_threshold: float = option(
        0.75, "Mean score of three pairs below which there may be a transition", ge=-20, le=3
    )
    min_koala_deviations: float = option(
        3.0,
        "How far the mean score of a transition lies below the scores before it",
        unit="deviations",
        ge=0,
    )
    max_koala_gap_frames: int = option(
        8, "Frames between two boundaries that are too few for a shot", unit="frames", ge=0, le=240
    )


class Both(Adaptive, Content, Histogram, Hash, Threshold, Learned, TransNet, Koala):
    """What two detectors agree on."""

    name: Literal["both"] = "both"  # type: ignore[assignment]
    both_of: tuple[Single, ...] = option(
        ("learned", "adaptive"),
        "The two detectors, the one with the better spans first. What both find has confidence "
        "1 - (1 - a)(1 - b), what one finds half its own",
        min_length=2,
        max_length=2,
    )
    max_apart_frames: int = option(
        2, "Distance up to which two transitions are one", unit="frames", ge=0, le=120
    )

    @field_validator("both_of")
    @classmethod
    def require_two_detectors(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse a detector that would agree with itself; raises ValueError."""
        if len(set(names)) < len(names):
            raise ValueError("name two different detectors")
        return names

    @model_validator(mode="after")
    def refuse_options_of_others(self) -> Self:
        """Refuse options of detectors that are not among the two; raises ValueError."""
        single = choices_of(CutsConfig)["detector"]
        taken = {name for word in self.both_of for name in single[word].model_fields}
        own = {"both_of", "max_apart_frames"}
        others = sorted(self.model_fields_set - taken - own)
        if others:
            raise ValueError(f"neither {' nor '.join(self.both_of)} takes {others[0]}")
        return self


class Fixed(Choice):
    """Cuts at fixed times."""

    name: Literal["fixed"] = "fixed"
    fixed_interval_s: float = option(10.0, "Time between two cuts", unit="seconds", gt=0)


class CutsConfig(StageConfig):
    """Which detector decides, and how much change it needs. Defaults are their authors'."""

    detector: (
        Adaptive
        | Content
        | Histogram
        | Hash
        | Threshold
        | Learned
        | TransNet
        | Koala
        | Both
        | Fixed
    ) = choice(
        Learned,
        "learned: the built-in network; adaptive, content, histogram, hash, threshold: "
        "PySceneDetect's detectors; transnet: TransNetV2; koala: Koala-36M's; both: what two of "
        "them agree on; fixed: cuts at fixed times",
    )
    min_confidence: float = option(
        0.0, "Transitions with a lower confidence are left out", ge=0, le=1
    )


def check_signals(config: CutsConfig, others: Mapping[str, StageConfig]) -> None:
    """Check that scan records what the detector needs, before anything is decoded.

    Raises UsageError.
    """
    scanned = others["scan"]
    assert isinstance(scanned, ScanConfig)
    detector = config.detector
    used = detector.both_of if isinstance(detector, Both) else (detector.name,)
    if set(used) - {"learned", "fixed"}:
        instead = ", or cuts.detector to learned or fixed"
        require_every_frame(others, f"the detector {detector.name}", instead)
    needed = [METRIC_OF.get(name, name) for name in used if name != "fixed"]
    missing = [name for name in needed if name not in scanned.metrics]
    if missing:
        metrics = " ".join(f"--metric {name}" for name in (*scanned.metrics, *missing))
        raise UsageError(
            f"the detector {detector.name} needs {' and '.join(missing)}, which scan does not "
            f"record here: add to scan.metrics, or run vidcurate scan {metrics}"
        )


def cuts(
    scans: Sequence[Scan], config: CutsConfig, _tool: None, workspace: Workspace
) -> Iterator[list[VideoCuts]]:
    """Find the cuts of each video, one row a video.

    Raises MediaError when the scan did not record a signal that the detector needs.
    """
    from vidcurate.media.scan.files import read_frames
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
    check=check_signals,
    rows_per_part=64,
    version=Version(number=5),
)
