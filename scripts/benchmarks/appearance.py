"""Measures how well appearance vectors tell shots apart and know copies again, and what they cost.

Shots are what the adaptive detector makes of the video, so its mistakes count against the vectors.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from vidcurate.media.scan.scanner import ScanOptions, read_frames, read_samples, scan_video
from vidcurate.media.shots.detectors import DetectorOptions, detect
from vidcurate.media.visual.appearance import Appearance, mirrored

Values = NDArray[np.float32]
Pairs = NDArray[np.bool_]

# How each copy differs; all are encoded anew, at 480 pixels across and low quality.
COPIES = {
    "re-encoded": "null",
    "240 pixels": "scale=240:-2",
    "cropped 5 %": "crop=iw*0.95:ih*0.95",
    "cropped 10 %": "crop=iw*0.9:ih*0.9",
    "cropped 20 %": "crop=iw*0.8:ih*0.8",
    "letterboxed": "pad=iw:ih*4/3:0:(oh-ih)/2",
    "squeezed to 4:3": "scale=480:360,setsar=1",
    "brightened": "lutyuv=y=clip(val*1.15+12\\,0\\,255)",
    "less colour": "hue=s=0.6",
    "under a banner": "drawbox=x=0:y=ih*0.85:w=iw:h=ih*0.12:color=white:t=fill",
    "mirrored": "hflip",
}
ENCODE = ("-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "32", "-threads", "1")
NEIGHBOURS_S = (0.7, 1.6)
LONGEST_GAP_S = 5.0


@dataclass(frozen=True, slots=True)
class Video:
    """A video's vectors, with the time and the shot of each, and CPU seconds spent."""

    times_s: NDArray[np.float64]
    shots: NDArray[np.int64]
    vectors: Values
    scan_s: float
    embed_s: float


def read_video(path: Path, folder: Path) -> Video:
    """Scan a video and describe its proxies."""
    files = folder / "frames.arrow", folder / "samples.arrow"
    began = time.process_time()
    scan = scan_video(path, ScanOptions(), *files)
    scanned = time.process_time()
    samples = read_samples(files[1], ("pts", "jpeg"))
    vectors = Appearance().image_vectors(samples["jpeg"].to_pylist())
    ended = time.process_time()
    cuts = detect(read_frames(files[0]), scan.time_base, scan.frame_rate, DetectorOptions())
    pts = samples["pts"].to_numpy()
    shots = np.searchsorted([cut.end_pts for cut in cuts], pts, "right")
    times_s = pts * float(scan.time_base)
    return Video(times_s, shots, vectors, scanned - began, ended - scanned)


def area(same: Values, other: Values) -> float:
    """How often a pair of one kind is liker than one of the other: area under the ROC curve."""
    order = np.sort(other)
    below = np.searchsorted(order, same, "left") + np.searchsorted(order, same, "right")
    return float(below.mean() / 2 / len(order))


def equal_error(same: Values, other: Values) -> tuple[float, float]:
    """The rate at which as many same pairs are missed as others pass, and the likeness there."""
    marks = np.sort(np.concatenate([same, other]))
    missed = np.searchsorted(np.sort(same), marks) / len(same)
    passed = 1 - np.searchsorted(np.sort(other), marks) / len(other)
    place = int(np.argmin(np.abs(missed - passed)))
    return float((missed[place] + passed[place]) / 2), float(marks[place])


def report_shots(video: Video) -> float:
    """Print how well shots are told apart; the likeness that 1 in 1000 other pairs passes."""
    first, second = np.triu_indices(len(video.vectors), 1)
    likeness = (video.vectors @ video.vectors.T)[first, second]
    same = video.shots[first] == video.shots[second]
    gap_s = video.times_s[second] - video.times_s[first]
    near = (gap_s > NEIGHBOURS_S[0]) & (gap_s < NEIGHBOURS_S[1])
    kinds: dict[str, tuple[Pairs, Pairs]] = {
        "one shot, up to 5 s apart, and any other": (same & (gap_s < LONGEST_GAP_S), ~same),
        "neighbours, about 1 s apart": (same & near, ~same & near),
    }
    for name, (one, other) in kinds.items():
        rate, mark = equal_error(likeness[one], likeness[other])
        low, middle = np.quantile(likeness[one], (0.05, 0.5))
        print(
            f"  {name}: AUC {area(likeness[one], likeness[other]):.3f}, equal error {rate:.3f} at "
            f"{mark:.3f}; same shot {one.sum()} pairs, median {middle:.3f}, 5 % below {low:.3f}; "
            f"other shot {other.sum()} pairs, median {np.median(likeness[other]):.3f}, "
            f"5 % above {np.quantile(likeness[other], 0.95):.3f}"
        )
    return float(np.quantile(likeness[~same], 0.999))


def make_copy(video: Path, change: str, seconds: int, file: Path) -> None:
    """A changed copy of a video's beginning."""
    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    chain = f"scale=480:-2,{change},scale=trunc(iw/2)*2:trunc(ih/2)*2"
    head = [program, "-v", "error", "-y", "-nostdin", "-threads", "1", "-t", str(seconds)]
    source = ["-i", f"file:{video}", "-vf", chain, "-fps_mode", "passthrough"]
    subprocess.run([*head, *source, *ENCODE, f"file:{file}"], check=True)


def report_copy(name: str, video: Video, copy: Video, mark: float) -> None:
    """Print how like the proxies of a copy are to those of the video at the same time."""
    vectors = mirrored(copy.vectors) if name == "mirrored" else copy.vectors
    likeness = vectors @ video.vectors.T
    apart_s = np.abs(copy.times_s[:, None] - video.times_s[None])
    own = likeness[np.arange(len(likeness)), apart_s.argmin(axis=1)]
    own = own[apart_s.min(axis=1) < 0.05]  # noqa: PLR2004 - sampled at the same frame
    best = likeness.argmax(axis=1)
    right = video.shots[best] == video.shots[apart_s.argmin(axis=1)]
    low, middle = np.quantile(own, (0.05, 0.5))
    print(
        f"  {name:16} median {middle:.3f}, 5 % below {low:.3f}; over {mark:.3f}: "
        f"{(own >= mark).mean():4.0%}; likest proxy is of the same shot: {right.mean():4.0%}",
        flush=True,
    )


def main() -> None:
    """Measure on each video by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--seconds", type=int, default=180, help="how much of a video is copied")
    arguments = parser.parse_args()
    for path in arguments.videos:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            video = read_video(path, folder)
            print(
                f"{path.name}: {len(video.vectors)} proxies, {video.shots[-1] + 1} shots; "
                f"takes {video.embed_s / video.scan_s:.1%} of the scan's CPU time, "
                f"{1000 * video.embed_s / len(video.vectors):.2f} ms a vector",
                flush=True,
            )
            mark = report_shots(video)
            for kind, change in COPIES.items():
                make_copy(path, change, arguments.seconds, folder / "copy.mp4")
                report_copy(kind, video, read_video(folder / "copy.mp4", folder), mark)


if __name__ == "__main__":
    main()
