"""scan: the one decode of a film, which leaves signals of every frame, samples and proxies."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Literal

from vidcurate.media.content import film_path
from vidcurate.records import SCANS, SOURCES, VIDEOS, Scan, Video
from vidcurate.stage import Beside, MapStage, StageConfig, Workspace, option, use_workspace

Metric = Literal["content", "edges", "histogram", "hash", "threshold", "learned"]


class ScanConfig(StageConfig):
    """What is recorded while a film is decoded."""

    metrics: tuple[Metric, ...] = option(
        ("content", "histogram", "threshold"),
        "Signals recorded for shot detectors: content, edges, histogram, hash, threshold, learned",
        flag="--metric",
    )
    sample_interval_s: float = option(
        1.0, "Time between samples and proxies", unit="seconds", ge=0.1, le=60
    )
    proxy_long_side: int = option(
        448, "Long side of proxies; none is enlarged", unit="pixels", ge=64, le=2048
    )
    proxy_quality: int = option(80, "JPEG quality of proxies", ge=1, le=100)


def scan(videos: Sequence[Video], config: ScanConfig, workspace: Workspace) -> Iterator[list[Scan]]:
    """The scan of each film.

    Raises MediaError for a film of which no frame can be decoded.
    """
    from vidcurate.media.scan import ScanOptions, scan_film

    options = ScanOptions(**config.model_dump())
    for video in videos:
        path = film_path(workspace.beside(SOURCES)[video.video_id])
        names = {part: f"{video.video_id}.{part}.arrow" for part in ("frames", "samples")}
        files = [workspace.files / name for name in names.values()]
        found = scan_film(path, options, *files)
        yield [
            Scan(
                video_id=video.video_id,
                **asdict(found),
                frames_file=names["frames"],
                samples_file=names["samples"],
            )
        ]


SCAN = MapStage(
    name="scan",
    summary="Decode each film once; record signals, samples and low-resolution proxies.",
    reads=VIDEOS,
    writes=SCANS,
    config=ScanConfig,
    open=use_workspace,
    run=scan,
    beside=(Beside(SOURCES),),
    rows_per_part=1,
)
