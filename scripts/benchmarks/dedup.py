"""Measures how well copies of shots are found, and how often another shot is taken for a copy.

Shots are what the adaptive detector makes of each video. Copies are encoded anew, small and at low
quality, from a moment between two samples on, each with one more change. The limit is chosen on
the shots of each video's first half and reported on those of its second half.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from statistics import median

import cv2
import imageio_ffmpeg
import numpy as np
import pyarrow as pa

from vidcurate.clips.windows import window
from vidcurate.deduplication.choice import Link
from vidcurate.deduplication.content import content_arrays
from vidcurate.deduplication.links import find_links
from vidcurate.media.scan.files import read_frames, read_samples
from vidcurate.media.scan.scanner import ScanOptions, scan_video
from vidcurate.media.shots.detectors import DetectorOptions, detect
from vidcurate.records import SIGNATURES, Clip, Signature
from vidcurate.stages.selection.dedup import DedupConfig
from vidcurate.stages.selection.signatures import signature


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to change a copy: a filter of ffmpeg, its speed, and which part of a shot is taken."""

    name: str
    change: str = "null"
    speed: Fraction = Fraction(1)
    part: tuple[float, float] = (0.0, 1.0)


CAPTION = "caption"
KINDS = (
    Kind("re-encoded"),
    Kind("resized to 240", "scale=240:-2"),
    Kind("cropped 10 %", "crop=iw*0.9:ih*0.9"),
    Kind("cropped 20 %", "crop=iw*0.8:ih*0.8"),
    Kind("letterboxed", "pad=iw:ih*4/3:0:(oh-ih)/2"),
    Kind("mirrored", "hflip"),
    Kind("captioned", CAPTION),
    Kind("1.25 x as fast", "setpts=PTS/1.25", Fraction(5, 4)),
    Kind("2 x as fast", "setpts=PTS/2", Fraction(2)),
    Kind("trimmed by 10 %", part=(0.05, 0.95)),
    Kind("middle half", part=(0.25, 0.75)),
    Kind("mirrored, middle half", "hflip", part=(0.25, 0.75)),
    Kind("1.25 x, middle half", "setpts=PTS/1.25", Fraction(5, 4), (0.25, 0.75)),
)
ENCODE = ("-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "32", "-threads", "1")
WIDTH = 480
# Copies begin so long after their video, so that their samples are other frames.
FROM_S = Fraction(37, 100)
MIN_SHOT_S = 1.0
# Links are looked for from here on, so that a limit can be chosen.
LOWEST = 0.6


@dataclass(frozen=True, slots=True)
class Scanned:
    """A video's signals."""

    frames: pa.Table
    samples: pa.Table
    time_base: Fraction
    frame_rate: Fraction


@dataclass(frozen=True, slots=True)
class Case:
    """Shots and their copies of one kind, and the links found between their signatures.

    The i-th signature is that of a shot, the (n + i)-th that of its copy, which begins
    `offsets_s[i]` after it.
    """

    kind: str
    offsets_s: Sequence[float]
    links: Sequence[Link]

    @property
    def n_shots(self) -> int:
        """How many shots there are."""
        return len(self.offsets_s)


def scanned(path: Path, folder: Path) -> Scanned:
    """Scan a video into a folder."""
    files = folder / f"{path.stem}.frames", folder / f"{path.stem}.samples"
    scan = scan_video(path, ScanOptions(), *files)
    samples = read_samples(files[1], ("pts", "jpeg"))
    return Scanned(read_frames(files[0]), samples, scan.time_base, scan.frame_rate)


def make_copy(video: Path, change: str, seconds: int, file: Path) -> Path:
    """A changed copy of a video's beginning."""
    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    head = [program, "-v", "error", "-y", "-nostdin", "-threads", "1", "-ss", str(float(FROM_S))]
    source = ["-t", str(seconds), "-i", f"file:{video}"]
    even = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
    chain = ["-vf", f"scale={WIDTH}:-2,{change},{even}"]
    if change == CAPTION:
        overlay = file.with_suffix(".png")
        draw_caption(overlay)
        graph = f"[0:v]scale={WIDTH}:-2[v];[1:v][v]scale2ref[c][v];[v][c]overlay,{even}"
        chain = ["-i", f"file:{overlay}", "-filter_complex", graph]
    command = [*head, *source, *chain, "-fps_mode", "passthrough", *ENCODE, f"file:{file}"]
    subprocess.run(command, check=True)
    return file


def draw_caption(file: Path) -> None:
    """Two lines of outlined text over the lower part of a transparent picture."""
    picture = np.zeros((270, WIDTH, 4), np.uint8)
    for number, text in enumerate(("THE BEST MOMENTS OF", "this summer, part 2")):
        place = int(WIDTH * 0.08), int(270 * (0.8 + 0.1 * number))
        for colour, width in (((0, 0, 0, 255), 6), ((255, 255, 255, 255), 2)):
            cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, colour, width)
    cv2.imwrite(str(file), picture)


def shots(video: Scanned, seconds: int) -> list[tuple[Fraction, Fraction]]:
    """Start and end of the shots of a video's beginning, in seconds; gradual changes left out."""
    cuts = detect(video.frames, video.time_base, video.frame_rate, DetectorOptions())
    pts = video.frames["pts"].to_numpy()
    starts = [int(pts[0]), *(cut.end_pts for cut in cuts)]
    ends = [*(cut.start_pts + 1 for cut in cuts), int(pts[-1]) + 1]
    spans = [(a * video.time_base, b * video.time_base) for a, b in zip(starts, ends, strict=True)]
    return [s for s in spans if s[1] - s[0] >= MIN_SHOT_S and s[0] >= FROM_S and s[1] <= seconds]


def signed(video: Scanned, name: str, start_s: Fraction, end_s: Fraction) -> Signature | None:
    """The signature of a span; None where it holds too few frames."""
    start, end = (int(t / video.time_base) for t in (start_s, end_s))
    length = float(end_s - start_s)
    clip = Clip(name, name, start, end, video.time_base, float(start_s), float(end_s), length, 0)
    frames = window(video.frames, clip)
    return signature(clip, frames, window(video.samples, clip)) if frames.num_rows > 1 else None


def pairs(
    video: Scanned, copy: Scanned, spans: Sequence[tuple[Fraction, Fraction]], kind: Kind
) -> Iterator[tuple[Signature, Signature]]:
    """Each shot's signature and that of its copy."""
    for number, (start, end) in enumerate(spans):
        first, last = (start + Fraction(share) * (end - start) for share in kind.part)
        own = signed(video, f"{number}", start, end)
        moved = ((t - FROM_S) / kind.speed for t in (first, last))
        other = signed(copy, f"{number} copy", *moved)
        if own and other:
            yield own, other


def case(kind: Kind, found: Sequence[tuple[Signature, Signature]]) -> Case:
    """What is linked among shots and their copies."""
    offsets_s = [kind.part[0] * own.duration_s for own, _ in found]
    rows = SIGNATURES.to_arrow([pair[side] for side in (0, 1) for pair in found])
    return Case(
        kind.name, offsets_s, list(find_links(content_arrays(rows), LOWEST)) if found else ()
    )


def is_right(link: Link, n_shots: int) -> bool:
    """Whether a link is that of a shot and its copy."""
    return abs(link.first - link.second) == n_shots


def is_beside(link: Link, n_shots: int) -> bool:
    """Whether a link is that of neighbouring shots, or their copies."""
    return abs(link.first % n_shots - link.second % n_shots) == 1


def rates(cases: Sequence[Case], limit: float) -> tuple[float, float]:
    """Precision and recall over cases."""
    kept = [(is_right(k, c.n_shots), k) for c in cases for k in c.links if k.similarity >= limit]
    right = sum(len({k.first % c.n_shots for k in right_links(c, limit)}) for c in cases)
    n_wrong = sum(not is_true for is_true, _ in kept)
    return right / max(1, right + n_wrong), right / max(1, sum(c.n_shots for c in cases))


def right_links(found: Case, limit: float) -> list[Link]:
    """The links of shots and their copies."""
    return [k for k in found.links if k.similarity >= limit and is_right(k, found.n_shots)]


def offset_error_s(found: Case, link: Link) -> float:
    """How far the place of a part in its shot is from the right one."""
    from_copy = link if link.first >= found.n_shots else link.turned()
    return abs(from_copy.offset_s - found.offsets_s[from_copy.second])


def best_limit(cases: Sequence[Case]) -> float:
    """The limit with the highest harmonic mean of precision and recall."""
    limits = [round(float(limit), 3) for limit in np.arange(LOWEST, 1.0, 0.005)]
    return max(limits, key=lambda limit: harmonic(*rates(cases, limit)))


def harmonic(precision: float, recall: float) -> float:
    """F1."""
    return 2 * precision * recall / max(1e-9, precision + recall)


def report(cases: Sequence[Case], limit: float) -> None:
    """Print a line for each kind."""
    print(
        f"limit {limit:.3f}\n{'copies':24}{'shots':>6}{'recall':>9}{'precision':>11}  wrong links"
    )
    for kind in [*dict.fromkeys(c.kind for c in cases), "all"]:
        own = [c for c in cases if kind in (c.kind, "all")]
        precision, recall = rates(own, limit)
        wrong = [
            is_beside(k, c.n_shots)
            for c in own
            for k in c.links
            if k.similarity >= limit and not is_right(k, c.n_shots)
        ]
        places = Counter("neighbours" if near else "others" for near in wrong)
        summary = ", ".join(f"{count} {name}" for name, count in places.items()) or "none"
        n_shots = sum(c.n_shots for c in own)
        off_s = [offset_error_s(c, k) for c in own for k in right_links(c, limit)]
        rates_told = f"{recall:>9.3f}{precision:>11.3f}{median(off_s or [0.0]):>12.2f} s"
        print(f"{kind:24}{n_shots:>6}{rates_told}  {summary}", flush=True)


def main() -> None:
    """Choose the limit on one half of the shots; report it, and the default, on the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--seconds", type=int, default=300, help="how much of a video is copied")
    given = parser.parse_args()
    halves: tuple[list[Case], list[Case]] = [], []
    for path in given.videos:
        with tempfile.TemporaryDirectory() as name:
            for half, found in video_cases(path, given.seconds, Path(name)):
                halves[half].append(found)
    first, second = halves
    default = DedupConfig().min_similarity
    limit = best_limit(first)
    print(f"best limit for the first halves {limit:.3f}, for the second {best_limit(second):.3f}")
    for value in dict.fromkeys((limit, default)):
        report(second, value)


def video_cases(path: Path, seconds: int, folder: Path) -> Iterator[tuple[int, Case]]:
    """Each kind of copy of a video's shots, those of the first half and those of the second."""
    video = scanned(path, folder)
    spans = shots(video, seconds)
    print(f"{path.name}: {len(spans)} shots", file=sys.stderr)
    middle = len(spans) // 2
    for change, kinds in groupby(sorted(KINDS, key=change_of), change_of):
        copy = scanned(make_copy(path, change, seconds, folder / "copy.mp4"), folder)
        for kind in kinds:
            for half, part in enumerate((spans[:middle], spans[middle:])):
                yield half, case(kind, list(pairs(video, copy, part, kind)))


def change_of(kind: Kind) -> str:
    """The filter that makes a kind of copy."""
    return kind.change


if __name__ == "__main__":
    main()
