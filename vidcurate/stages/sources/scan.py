"""scan: the one decode of a video, which records signals of every frame, samples and proxies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from vidcurate.errors import MediaError
from vidcurate.media.io.content import video_path
from vidcurate.options import StageConfig, option
from vidcurate.records import SCANS, SOURCES, VIDEOS, Scan, Video
from vidcurate.stage import Cost, Incomplete, Lookup, MapStage, Version, Workspace
from vidcurate.store.digests import sha256_of

Metric = Literal[
    "content", "edges", "histogram", "hash", "threshold", "koala", "learned", "transnet"
]


class ScanConfig(StageConfig):
    """What is recorded while a video is decoded."""

    metrics: tuple[Metric, ...] = option(
        ("learned",),
        "Signals that are recorded for shot detectors: content, edges, histogram, hash, threshold, "
        "koala, learned, transnet; repeat for more",
        flag="--metric",
    )
    sample_interval_s: float = option(
        1.0, "Time between two samples, and between two proxies", unit="seconds", ge=0.1, le=60
    )
    max_proxy_side: int = option(
        448, "Larger proxies are shrunk to this long side", unit="pixels", ge=64, le=2048
    )
    proxy_quality: int = option(80, "JPEG quality of proxies", ge=1, le=100)


@dataclass(frozen=True, slots=True)
class ScanTool:
    """The data set, and TransNetV2 where its metric is recorded."""

    workspace: Workspace
    network: Callable[[Any], Any] | None


def open_networks(config: ScanConfig, workspace: Workspace) -> ScanTool:
    """Load the networks that the metrics need, once per worker."""
    from vidcurate.models.vision.transnet import open_transnet

    return ScanTool(workspace, open_transnet() if "transnet" in config.metrics else None)


def check_networks(config: ScanConfig, _others: Mapping[str, StageConfig]) -> None:
    """Refuse a metric whose network is not installed; raises MissingExtraError."""
    from vidcurate.models.vision.transnet import require_transnet

    if "transnet" in config.metrics:
        require_transnet()


def scan(
    videos: Sequence[Video], config: ScanConfig, tool: ScanTool, _workspace: Workspace
) -> Iterator[Incomplete[Scan]]:
    """Scan each video, and report what of it could not be decoded.

    Raises MediaError for a video without a frame that can be decoded.
    """
    from vidcurate.media.scan.scanner import ScanOptions, scan_video

    options = ScanOptions(**config.model_dump())
    for video in videos:
        path = video_path(tool.workspace.lookup(SOURCES)[video.video_id])
        names = {part: f"{video.video_id}.{part}.arrow" for part in ("frames", "samples")}
        frames, samples = (tool.workspace.files / name for name in names.values())
        before = path.stat()
        found = scan_video(path, options, frames, samples, tool.network, video.field_order)
        digest = sha256_of(path)  # while the system still has it in memory
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise MediaError("the video was written to while it was scanned: ingest it again")
        facts = asdict(replace(found, losses=()))
        del facts["losses"]
        row = Scan(
            video_id=video.video_id,
            **facts,
            frames_file=names["frames"],
            samples_file=names["samples"],
            source_sha256=digest,
        )
        yield Incomplete([row], found.losses)


def time_limit_s(video: Video, _config: ScanConfig) -> float:
    """Return the seconds after which a scan counts as stuck: at least ten times the video's length.

    Headers lie: a video is believed to hold between a kilobyte and ten megabytes a second.
    """
    length_s = min(video.duration_s, video.size_bytes / 1e3)
    return 60 + 10 * max(length_s, video.size_bytes / 1e7)


SCAN = MapStage(
    name="scan",
    summary="Decode each video once; record signals, samples and low-resolution proxies.",
    reads=VIDEOS,
    writes=SCANS,
    config=ScanConfig,
    open=open_networks,
    run=scan,
    lookups=(Lookup(SOURCES),),
    rows_per_part=1,
    check=check_networks,
    cost=Cost(
        advice="fewer scan.metrics, or a larger scan.sample_interval_s", time_limit=time_limit_s
    ),
    version=Version(number=7),
)
