"""Makes the films that a scan is measured on from one real film: 1080p60, 4K, and HEVC of 10 bit.

They are enlarged, with grain, at the bit rates of web video. At 60 frames a second the film runs
two and a half times as fast, so that every picture is a new one.
"""

import argparse
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vidcurate.media.io.ffmpeg import find_ffmpeg

GRAIN = "noise=alls=4:allf=t"
START_S, LENGTH_S = "120", "20"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a film is made: ffmpeg's filters and its options of the encoder."""

    filters: str
    encoder: tuple[str, ...]


RECIPES: Mapping[str, Recipe] = {
    "1080p60.mp4": Recipe(
        f"setpts=PTS/2.5,fps=60,scale=1920:1080:flags=lanczos,{GRAIN}",
        ("-c:v", "libx264", "-preset", "fast", "-b:v", "8M"),
    ),
    "4k.mp4": Recipe(
        f"scale=3840:2160:flags=lanczos,{GRAIN}",
        ("-c:v", "libx264", "-preset", "fast", "-b:v", "20M"),
    ),
    "hevc_10bit.mp4": Recipe(
        f"scale=1920:1080:flags=lanczos,{GRAIN},format=yuv420p10le",
        ("-c:v", "libx265", "-preset", "fast", "-b:v", "5M", "-x265-params", "log-level=error"),
    ),
}


def make_film(source: Path, film: Path, recipe: Recipe) -> None:
    """Make one film from 20 s of another; the file appears when it is whole."""
    part = film.with_suffix(".partial.mp4")
    head = ("-nostdin", "-v", "error", "-y", "-ss", START_S, "-i", f"file:{source}", "-an")
    tail = ("-t", LENGTH_S, f"file:{part}")
    program = find_ffmpeg(("libx264", "libx265")).path
    subprocess.run([program, *head, "-vf", recipe.filters, *recipe.encoder, *tail], check=True)
    part.replace(film)


def main() -> None:
    """Make those films that are not there yet, and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a film of 170 s and more, as Big Buck Bunny")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, recipe in RECIPES.items():
        film = arguments.folder / name
        if not film.exists():
            make_film(arguments.source, film, recipe)
        print(film)


if __name__ == "__main__":
    main()
