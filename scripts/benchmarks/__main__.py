"""One entry to every benchmark: `python -m scripts.benchmarks NAME`; without a name, the list.

A benchmark runs on Big Buck Bunny and on footage that installs from PyPI, or on `--media FILE...`.
Options that this entry does not know go to the benchmark itself.
"""

import argparse
import importlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

FOLDER = Path("demo")
VIDEO = FOLDER / "videos" / "big_buck_bunny.mp4"
Paths = Sequence[str]


def tool(name: str, *arguments: str) -> None:
    """Run one of our own scripts; its error ends this program."""
    done = subprocess.run([sys.executable, "-m", f"scripts.{name}", *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def video() -> list[str]:
    """Big Buck Bunny, fetched where it is missing."""
    tool("tools.fetch_video", str(VIDEO.parent))
    return [str(VIDEO)]


def fetched(purpose: str, name: str) -> list[str]:
    """The footage of one purpose, fetched where it is missing."""
    folder = FOLDER / name
    tool("tools.fetch_footage", purpose, str(folder))
    return [str(path) for path in sorted(folder.iterdir())]


def footage() -> list[str]:
    """Real footage that no model of ours was trained on."""
    return fetched("validation", "footage")


def voices() -> list[str]:
    """Recordings of speech."""
    return fetched("voices", "voices")


def on_videos(media: Paths) -> list[str]:
    """The arguments of a benchmark that takes videos."""
    return [*(media or video())]


def on_footage(media: Paths) -> list[str]:
    """The arguments of a benchmark that takes videos of ordinary scenes."""
    return [*(media or footage())]


def on_edits(media: Paths) -> list[str]:
    """Edited films whose transitions are labelled."""
    return [*(media or [*video(), *fetched("edits", "edits")])]


def on_one_video(media: Paths) -> list[str]:
    """The arguments of a benchmark that takes one video."""
    return [(media or video())[0]]


def on_media(media: Paths) -> list[str]:
    """The arguments of a benchmark that needs no media, or only what the user names."""
    return [*media]


def on_short_and_long(media: Paths) -> list[str]:
    """The videos that the user names; else Big Buck Bunny, and short videos cut out of it."""
    return [*media] or [*video(), "--pieces", "40"]


def on_shots(media: Paths) -> list[str]:
    """A folder of single shots, made from footage where it is missing, and one for the results."""
    shots = Path(media[0]) if media else FOLDER / "shots" / "validation"
    if not shots.exists():
        tool("training.prepare_shots", str(shots.parent), "--validation", *footage())
    return [str(shots), str(FOLDER / "cuts")]


def on_voices(media: Paths) -> list[str]:
    """Videos with sound, and recordings of speech."""
    return [*on_videos(media), "--voices", *voices()]


def on_all(media: Paths) -> list[str]:
    """Videos, footage and recordings of speech."""
    return [*on_videos(media), "--footage", *footage(), "--voices", *voices()]


BENCHMARKS: Mapping[str, Callable[[Paths], list[str]]] = MappingProxyType(
    {
        "scan": on_videos,
        "fast_scan": on_videos,
        "stages": on_videos,
        "scaling": on_one_video,
        "memory": on_one_video,
        "load": on_media,
        "ray": on_one_video,
        "cuts": on_shots,
        "edits": on_edits,
        "detectors": on_videos,
        "scores": on_all,
        "motion": on_videos,
        "text": on_footage,
        "watermark": on_videos,
        "safety": on_footage,
        "speech": on_voices,
        "transcribe": on_videos,
        "spoken": on_media,
        "neighbours": on_media,
        "consistency": on_videos,
        "aesthetic": on_media,
        "appearance": on_videos,
        "dedup": on_videos,
        "dedup_size": on_media,
        "search": on_media,
        "keyframes": on_videos,
        "clip_bytes": on_footage,
        "export": on_videos,
        "whole": on_short_and_long,
        "report": on_videos,
        "review": on_videos,
        "judge": on_media,
        "chat": on_media,
        "evaluate": on_media,
    }
)


def main() -> None:
    """Run one benchmark, or list them all."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmarks", add_help=False)
    parser.add_argument("name", nargs="?", choices=BENCHMARKS)
    parser.add_argument("--media", nargs="+", default=[])
    given, rest = parser.parse_known_args()
    if given.name is None:
        for name in BENCHMARKS:
            print(f"{name:<18}{summary(name)}")
        return
    module = importlib.import_module(f"scripts.benchmarks.{given.name}")
    wants_help = "-h" in rest or "--help" in rest
    arguments = [] if wants_help else BENCHMARKS[given.name](given.media)
    sys.argv = [f"{parser.prog} {given.name}", *arguments, *rest]
    module.main()


def summary(name: str) -> str:
    """The first line of a benchmark's docstring, without importing what it needs."""
    text = Path(__file__).with_name(f"{name}.py").read_text("utf-8")
    return text.removeprefix('"""').partition("\n")[0].removesuffix('"""')


if __name__ == "__main__":
    main()
