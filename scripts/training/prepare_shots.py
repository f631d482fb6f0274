"""Takes single shots out of videos, small, as the material that test videos are composed of.

Photographs become shots too, by a camera that moves over them.
"""

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_video
from vidcurate.media.scan.files import read_frames
from vidcurate.media.scan.scanner import ScanOptions, scan_video
from vidcurate.media.scan.signals import METRICS
from vidcurate.media.shots.transnet import Network

LONG_SIDE = 320
MARGIN = 6
SHORTEST, LONGEST = 24, 400
SIGNALS = (
    *METRICS["content"],
    "histogram_correlation",
    "luma_mean",
    "luma_spread",
)
DARKEST, FLATTEST = 24.0, 8.0
MOVE_FRAMES, MOVE_SIZE = 120, (320, 180)

Alarms = NDArray[np.bool_]


def alarms(video: Path, network: Network | None) -> Alarms:
    """Frames that may belong to a transition, or show next to nothing.

    Where TransNetV2 sees the video, a tenth of its certainty is enough, and PySceneDetect's metrics
    need to be far off; by themselves they alarm at less than their own thresholds.
    """
    columns = SIGNALS if network is None else (*SIGNALS, *METRICS["transnet"])
    metrics = ("content", "histogram") if network is None else ("content", "histogram", "transnet")
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "frames.arrow", Path(folder) / "samples.arrow"
        scan_video(video, ScanOptions(metrics, sample_interval_s=60.0), *files, network)
        table = read_frames(files[0], columns)
        signals = {name: np.array(table[name].to_numpy()) for name in columns}
    change = (signals["delta_hue"] + signals["delta_sat"] + signals["delta_lum"]) / 3.0
    correlation = signals["histogram_correlation"]
    if network is None:
        found = (change > 20.0) | (correlation < 0.8)  # noqa: PLR2004 - see above
    else:
        found = (change > 30.0) & (correlation < 0.6)  # noqa: PLR2004 - see above
        for name in METRICS["transnet"]:
            found |= signals[name] > 0.1  # noqa: PLR2004 - see above
    empty = (signals["luma_mean"] < DARKEST) | (signals["luma_spread"] < FLATTEST)
    return np.asarray(found | empty)


def spans(alarmed: Alarms) -> list[tuple[int, int]]:
    """First frame and frame after the last of each shot, a margin away from all alarms."""
    edges = np.flatnonzero(np.diff(alarmed.astype(np.int8), prepend=1, append=1)).reshape(-1, 2)
    kept = []
    for first, end in edges.tolist():
        first, end = first + MARGIN, end - MARGIN  # noqa: PLW2901 - the span proper
        if end - first >= SHORTEST:
            kept.append((first, min(end, first + LONGEST)))
    return kept


def write_shots(video: Path, kept: list[tuple[int, int]], folder: Path) -> int:
    """Write the spans of a video as small videos; how many."""
    starts, ends = {a: n for n, (a, _) in enumerate(kept)}, {b for _, b in kept}
    out: av.container.OutputContainer | None = None
    with open_video(video) as (container, stream):
        for index, (_, frame) in enumerate(decode_video(container, stream, Faults())):
            if index in ends and out is not None:
                close(out)
                out = None
            if index in starts:
                out = opened(
                    folder / f"{video.stem}-{starts[index]:03d}.mp4", frame.width, frame.height
                )
            if out is not None:
                stream_out = out.streams.video[0]
                image = frame.reformat(
                    stream_out.width, stream_out.height, "yuv420p", interpolation="AREA"
                )
                image.pts, image.time_base = index, Fraction(1, 25)
                out.mux(stream_out.encode(image))
    if out is not None:
        close(out)
    return len(kept)


def opened(file: Path, width: int, height: int) -> av.container.OutputContainer:
    """An open video, nearly lossless, whose long side is at most 320 pixels."""
    scale = min(1.0, LONG_SIDE / max(width, height))
    out = av.open(str(file), "w")
    video = out.add_stream("libx264", Fraction(25), options={"crf": "12", "preset": "ultrafast"})
    video.width, video.height = round(width * scale / 2) * 2, round(height * scale / 2) * 2
    video.pix_fmt = "yuv420p"
    return out


def close(out: av.container.OutputContainer) -> None:
    """Write what the encoder still holds."""
    out.mux(out.streams.video[0].encode(None))
    out.close()


def write_move(photo: Path, folder: Path, rng: np.random.Generator) -> None:
    """Write a shot of a camera that moves over a photograph, in or out or to one side."""
    picture = cv2.imread(str(photo))
    if picture is None:
        raise SystemExit(f"{photo} is no picture that OpenCV reads: leave it out")
    height, width = picture.shape[:2]
    (from_x, to_x), (from_y, to_y) = rng.random((2, 2)).tolist()
    from_share, to_share = rng.uniform(0.4, 1.0, 2).tolist()
    out = opened(folder / f"{photo.stem.replace('-', '_')}-000.mp4", *MOVE_SIZE)
    for k in range(MOVE_FRAMES):
        done = k / (MOVE_FRAMES - 1)
        share = from_share + (to_share - from_share) * done
        scale = share * min(width / MOVE_SIZE[0], height / MOVE_SIZE[1])
        wide, tall = (max(2.0, side * scale) for side in MOVE_SIZE)
        left = (width - wide) * (from_x + (to_x - from_x) * done)
        top = (height - tall) * (from_y + (to_y - from_y) * done)
        cell = picture[round(top) : round(top + tall), round(left) : round(left + wide)]
        image = np.asarray(cv2.resize(cell, MOVE_SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = k, Fraction(1, 25)
        out.mux(out.streams.video[0].encode(frame))
    close(out)


def main() -> None:
    """Prepare all videos into two folders that share no video."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="train/ and validation/ are written here")
    parser.add_argument("--train", nargs="*", type=Path, default=[])
    parser.add_argument("--validation", nargs="*", type=Path, default=[])
    parser.add_argument("--photos", nargs="*", type=Path, default=[], help="for train/ only")
    parser.add_argument("--transnet", action="store_true", help="ask TransNetV2 too; slow")
    options = parser.parse_args()
    network = opened_network() if options.transnet else None
    for part in ("train", "validation"):
        folder = options.folder / part
        folder.mkdir(parents=True, exist_ok=True)
        for video in getattr(options, part):
            found = spans(alarms(video, network))
            print(f"{part} {video.name}: {write_shots(video, found, folder)} shots", flush=True)
    for number, photo in enumerate(options.photos):
        write_move(photo, options.folder / "train", np.random.default_rng(number))


def opened_network() -> Network:
    """TransNetV2, of which the package is optional."""
    from vidcurate.models.vision.transnet import open_transnet  # noqa: PLC0415 - optional

    return open_transnet()


if __name__ == "__main__":
    main()
