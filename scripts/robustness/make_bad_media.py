"""Makes a folder of damaged and hostile files, to see that a run survives them.

    python scripts/robustness/make_bad_media.py FOLDER [--seed N] [--port N] [--kind NAME ...]

The files lie in FOLDER/videos; what some of them point at lies in FOLDER/outside. The same seed and
port give the same files. The manifest, a JSON line for each file, is printed.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from scripts.robustness.bad_damage import Case, damaged, lying
from scripts.robustness.bad_oddities import archives, crowded, named, pictures, sizes, special
from scripts.robustness.bad_references import referring
from scripts.robustness.bad_videos import VIDEOS, make_videos

PORT = 8099


def cases(
    folder: Path, seed: int, port: int, videos: Sequence[str] = tuple(VIDEOS)
) -> Iterator[Case]:
    """Every bad file; `videos` are the sound videos that are damaged."""
    sound = make_videos(folder / "sound")
    outside = folder / "outside" / "secret.ts"
    outside.parent.mkdir(exist_ok=True)
    outside.write_bytes(sound["h264.ts"])
    return chain(
        damaged({name: sound[name] for name in videos}, seed),
        lying(sound),
        referring(sound, outside, port),
        named(sound),
        archives(sound),
        pictures(),
        special(folder),
        sizes(),
        crowded(sound),
    )


def write(found: Iterator[Case], folder: Path) -> list[Case]:
    """Make the files of cases in a folder; the cases that were made."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []

    for case in found:
        case.write(Path(os.fsdecode(bytes(folder) + b"/" + case.name)))
        made.append(case)
    return made


def main() -> None:
    """Make the files and print the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=PORT, help="what network references name")
    parser.add_argument("--kind", action="append", help="only files of this kind")
    options = parser.parse_args()
    folder = options.folder.absolute()
    found = cases(folder, options.seed, options.port)
    chosen = (c for c in found if not options.kind or c.kind in options.kind)
    for case in write(chosen, folder / "videos"):
        name = case.name.decode("utf-8", "backslashreplace")
        print(json.dumps({"file": name, "kind": case.kind, "expected": case.expected}))


if __name__ == "__main__":
    main()
