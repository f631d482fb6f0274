"""Takes single shots out of films, small, as the material that test films are composed of."""

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import transnet
from numpy.typing import NDArray

from vidcurate.media.container import open_film
from vidcurate.media.decode import Faults, decode
from vidcurate.media.scan import ScanOptions, read_frames, scan_film
from vidcurate.media.signals import METRICS

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

Alarms = NDArray[np.bool_]


def alarms(film: Path, predictions: tuple[NDArray[np.float32], ...] | None) -> Alarms:
    """Frames that may belong to a transition, or show next to nothing.

    Where TransNetV2 has seen the film, a tenth of its certainty is enough, and PySceneDetect's
    metrics need to be far off; by themselves they alarm at less than their own thresholds.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frames.arrow"
        scan_film(film, ScanOptions(sample_interval_s=60.0), file, Path(folder) / "samples.arrow")
        table = read_frames(file, SIGNALS)
        signals = {name: np.array(table[name].to_numpy()) for name in SIGNALS}
    change = (signals["delta_hue"] + signals["delta_sat"] + signals["delta_lum"]) / 3.0
    correlation = signals["histogram_correlation"]
    if predictions is None:
        found = (change > 20.0) | (correlation < 0.8)  # noqa: PLR2004 - see above
    else:
        found = (change > 30.0) & (correlation < 0.6)  # noqa: PLR2004 - see above
        for values in predictions:
            found |= values > 0.1  # noqa: PLR2004 - see above
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


def write_shots(film: Path, kept: list[tuple[int, int]], folder: Path) -> int:
    """Write the spans of a film as small films; how many."""
    starts, ends = {a: n for n, (a, _) in enumerate(kept)}, {b for _, b in kept}
    out: av.container.OutputContainer | None = None
    with open_film(film) as (container, stream):
        for index, (_, frame) in enumerate(decode(container, stream, Faults())):
            if index in ends and out is not None:
                close(out)
                out = None
            if index in starts:
                out = opened(folder / f"{film.stem}-{starts[index]:03d}.mp4", frame)
            if out is not None:
                video = out.streams.video[0]
                image = frame.reformat(video.width, video.height, "yuv420p", interpolation="AREA")
                image.pts, image.time_base = index, Fraction(1, 25)
                out.mux(video.encode(image))
    if out is not None:
        close(out)
    return len(kept)


def opened(file: Path, frame: av.VideoFrame) -> av.container.OutputContainer:
    """An open film of a frame's shape, nearly lossless."""
    scale = min(1.0, LONG_SIDE / max(frame.width, frame.height))
    out = av.open(str(file), "w")
    video = out.add_stream("libx264", Fraction(25), options={"crf": "12", "preset": "ultrafast"})
    video.width = round(frame.width * scale / 2) * 2
    video.height = round(frame.height * scale / 2) * 2
    video.pix_fmt = "yuv420p"
    return out


def close(out: av.container.OutputContainer) -> None:
    """Write what the encoder still holds."""
    out.mux(out.streams.video[0].encode(None))
    out.close()


def main() -> None:
    """Prepare all films into two folders that share no film."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="train/ and validation/ are written here")
    parser.add_argument("--train", nargs="*", type=Path, default=[])
    parser.add_argument("--validation", nargs="*", type=Path, default=[])
    parser.add_argument("--predictions", type=Path, help="a folder where TransNetV2's are kept")
    parser.add_argument("--transnet", action="store_true", help="run TransNetV2 where none is kept")
    options = parser.parse_args()
    for part in ("train", "validation"):
        folder = options.folder / part
        folder.mkdir(parents=True, exist_ok=True)
        for film in getattr(options, part):
            found = spans(alarms(film, seen_by_transnet(film, options)))
            print(f"{part} {film.name}: {write_shots(film, found, folder)} shots", flush=True)


def seen_by_transnet(
    film: Path, options: argparse.Namespace
) -> tuple[NDArray[np.float32], ...] | None:
    """TransNetV2's probabilities of a film, kept or new; None without it."""
    kept = None if options.predictions is None else options.predictions / f"{film.name}.npz"
    if kept is not None and kept.exists():
        with np.load(kept) as arrays:
            return arrays["single"], arrays["every"]
    if not options.transnet:
        return None
    found = transnet.predictions(transnet.network(1), film)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, single=found[0], every=found[1])
    return found


if __name__ == "__main__":
    main()
