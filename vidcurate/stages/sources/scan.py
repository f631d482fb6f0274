"""scan: the one decode of a video, which records signals of every frame, samples and proxies."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from vidcurate.errors import MediaError, UsageError, quantity
from vidcurate.media.io.content import video_path
from vidcurate.options import StageConfig, option
from vidcurate.records import SCANS, SOURCES, VIDEOS, Scan, Video
from vidcurate.stage import (
    Cost,
    DatasetView,
    Finish,
    Incomplete,
    Lookup,
    MapStage,
    Resources,
    Version,
    Workspace,
)
from vidcurate.store.digests import sha256_of

if TYPE_CHECKING:
    from vidcurate.media.io.devices import Device

Metric = Literal[
    "content", "edges", "histogram", "hash", "threshold", "koala", "learned", "transnet"
]
Decoder = Literal["none", "auto", "cuda", "vaapi", "videotoolbox"]
NONE, AUTO = "none", "auto"
# Of the reasons why a device did not decode, so many are told after a run.
SHOWN_FAULTS = 3
# Workers that share a GPU in a cluster, each with a decoder of its own there.
DECODERS_PER_GPU = 8


class ScanConfig(StageConfig):
    """What is recorded while a video is decoded."""

    metrics: tuple[Metric, ...] = option(
        ("learned",),
        "Signals that are recorded for shot detectors: content, edges, histogram, hash, threshold, "
        "koala, learned, transnet; repeat for more",
        flag="--metric",
    )
    decode: Literal["all", "reference", "keyframes"] = option(
        "all",
        "Frames that are decoded: all; reference, without those that no other refers to; "
        "keyframes, and windows where a transition is suspected. Times stay exact, and what the "
        "others would tell is null",
    )
    sample_interval_s: float = option(
        1.0, "Time between two samples, and between two proxies", unit="seconds", ge=0.1, le=60
    )
    max_proxy_side: int = option(
        448, "Larger proxies are shrunk to this long side", unit="pixels", ge=64, le=2048
    )
    proxy_quality: int = option(80, "JPEG quality of proxies", ge=1, le=100)
    hwaccel: Decoder = option(
        "none",
        "Device that decodes h264, hevc, vp8 and vp9; auto takes the first that opens. The CPU "
        "decodes what the device does not, and what is recorded is the same",
        neutral=True,
    )


@dataclass(frozen=True, slots=True)
class ScanTool:
    """The data set, TransNetV2 where its metric is recorded, and the devices that decode.

    `device_fault` says why there is none, where one is named.
    """

    workspace: Workspace
    network: Callable[[Any], Any] | None
    devices: tuple["Device", ...] = ()
    device_fault: str | None = None


def open_decoders(config: ScanConfig, workspace: Workspace) -> ScanTool:
    """Load the networks that the metrics need, and open devices, once per worker."""
    from vidcurate.media.io.devices import devices_that_open, opening_fault
    from vidcurate.models.vision.transnet import open_transnet

    network = open_transnet() if "transnet" in config.metrics else None
    named = config.hwaccel not in (NONE, AUTO)
    return ScanTool(
        workspace,
        network,
        () if config.hwaccel == NONE else devices_that_open(config.hwaccel),
        opening_fault(config.hwaccel) if named else None,
    )


def check_machine(config: ScanConfig, _others: Mapping[str, StageConfig]) -> str | None:
    """Refuse what this machine or a scan in part lacks, and tell where `auto` finds no device.

    Raises MissingExtraError and UsageError.
    """
    from vidcurate.media.io.devices import devices_that_open, opening_fault
    from vidcurate.models.vision.transnet import require_transnet

    not_learned = [name for name in config.metrics if name != "learned"]
    if not_learned:
        require_every_frame({"scan": config}, f"the metric {not_learned[0]}")
    if config.hwaccel != NONE:
        require_every_frame({"scan": config}, f"scan.hwaccel {config.hwaccel}")
    if "transnet" in config.metrics:
        require_transnet()
    if config.hwaccel == NONE or devices_that_open(config.hwaccel):
        return None
    fault = opening_fault(config.hwaccel)
    if config.hwaccel == AUTO:
        return f"scan.hwaccel: auto is the CPU here, since no device opens ({fault})"
    others = ", ".join(device.name for device in devices_that_open(AUTO))
    raise UsageError(
        f"scan.hwaccel: {fault}. Devices that open here: {others or 'none'}. "
        "Give scan --hwaccel auto, which takes the CPU where none opens, or none"
    )


def decoding_resources(config: ScanConfig) -> Resources:
    """The resources of a worker: a cluster hides a GPU from those that take no share of it."""
    if config.hwaccel == NONE:
        return Resources()
    from vidcurate.media.io.devices import devices_that_open

    is_cuda = any(device.name == "cuda" for device in devices_that_open(config.hwaccel))
    return Resources(gpus=1 / DECODERS_PER_GPU if is_cuda else 0)


def require_every_frame(others: Mapping[str, StageConfig], what: str, instead: str = "") -> None:
    """Refuse what needs every frame where scan leaves some out; raises UsageError."""
    scanned = others["scan"]
    assert isinstance(scanned, ScanConfig)
    if scanned.decode != "all":
        raise UsageError(
            f"{what} needs every frame, and scan.decode {scanned.decode} leaves some out: set "
            f"scan.decode to all{instead}"
        )


def scan(
    videos: Sequence[Video], config: ScanConfig, tool: ScanTool, _workspace: Workspace
) -> Iterator[Incomplete[Scan]]:
    """Scan each video, and report what of it could not be decoded.

    Raises MediaError for a video without a frame that can be decoded.
    """
    from vidcurate.media.scan.scanner import ScanOptions, scan_video
    from vidcurate.media.scan.sparse import scan_in_part

    options = ScanOptions(**config.model_dump(exclude={"hwaccel", "decode"}))
    for video in videos:
        path = video_path(tool.workspace.lookup(SOURCES)[video.video_id])
        names = {part: f"{video.video_id}.{part}.arrow" for part in ("frames", "samples")}
        frames, samples = (tool.workspace.files / name for name in names.values())
        before = path.stat()
        order = video.field_order
        if config.decode == "all":
            found = scan_video(path, options, frames, samples, tool.network, order, tool.devices)
        else:
            found = scan_in_part(path, config.decode, options, frames, samples, order)
        if tool.device_fault:
            found = replace(found, decoder_fault=tool.device_fault)
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


def decoder_message(config: ScanConfig, view: DatasetView) -> str:
    """Tell which videos the CPU decoded although a device was asked for, and why."""
    if config.hwaccel == NONE:
        return ""
    rows = view.scan(SCANS, ["decoder", "decoder_fault"])
    faults = Counter(fault for fault in rows["decoder_fault"].to_pylist() if fault)
    if not faults:
        return ""
    shown = [f"{fault} ({n})" for fault, n in faults.most_common(SHOWN_FAULTS)]
    others = ", and other reasons" if len(faults) > SHOWN_FAULTS else ""
    return (
        f"the CPU decoded {faults.total()} of {quantity(rows.num_rows, 'video')} and not a device: "
        f"{'; '.join(shown)}{others}"
    )


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
    open=open_decoders,
    run=scan,
    lookups=(Lookup(SOURCES),),
    rows_per_part=1,
    check=check_machine,
    finish=Finish(run=decoder_message, at_once=True),
    cost=Cost(
        resources=decoding_resources,
        advice="fewer scan.metrics, or a larger scan.sample_interval_s",
        time_limit=time_limit_s,
    ),
    version=Version(number=13),
)
