"""The pictures of a page: each is made once, and stands in the file or in a folder beside it."""

import base64
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from vidcurate.analysis.strips import HEIGHT, clip_strip
from vidcurate.errors import MediaError
from vidcurate.records import Clip
from vidcurate.store.storage import Location, list_names

PICTURE = re.compile(r"\d{6,}\.jpg")
Media = Literal["inside", "links", "none"]


class Pictures:
    """Pictures by their keys, as sections ask for them.

    A template shows one by `picture(key, alt)` of macros.html.j2, a script by
    `report.picture(key)`. `missing` says of clips why they have none.
    """

    def __init__(self, media: Media, samples: Mapping[str, Callable[[], Path]]) -> None:
        self.media: Media = media
        self.samples = samples
        self.missing: dict[str, str] = {}
        self.jpegs: dict[str, bytes] = {}

    def strip(self, clip: Clip, count: int = 5, height: int = HEIGHT) -> str | None:
        """Return the key of a clip's strip; None where pictures are not wanted or not there."""
        key = f"{clip.clip_id}-{count}x{height}"
        if self.media == "none" or key in self.jpegs:
            return key if key in self.jpegs else None
        if clip.video_id not in self.samples:
            self.missing[clip.clip_id] = "its video is not scanned"
            return None
        try:
            jpeg = clip_strip(self.samples[clip.video_id](), clip, count, height)
        except (MediaError, OSError) as error:
            # A page with a gap, which it tells, is better than none.
            self.missing[clip.clip_id] = str(error)
            return None
        return self.add(key, jpeg)

    def add(self, key: str, jpeg: bytes) -> str | None:
        """Take in a JPEG file; returns its key, or None where pictures are not wanted."""
        if self.media == "none":
            return None
        self.jpegs[key] = jpeg
        return key

    def addresses(self, folder: str) -> dict[str, str]:
        """Return where the page finds each picture: in itself, or in a folder beside it."""
        if self.media == "links":
            names = file_names(self.jpegs)
            return {key: f"{folder}/{name}" for key, name in names.items()}
        return {
            key: "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
            for key, jpeg in self.jpegs.items()
        }

    def write(self, folder: Location) -> None:
        """Write the pictures that a page links to."""
        folder.mkdir(parents=True, exist_ok=True)
        named = file_names(self.jpegs)
        for key, name in named.items():
            (folder / name).write_bytes(self.jpegs[key])
        for name in {*list_names(folder)} - {*named.values()}:
            if PICTURE.fullmatch(name):  # of an earlier report, which had more
                (folder / name).unlink()


def file_names(keys: Mapping[str, bytes]) -> dict[str, str]:
    """Name a file for each key; keys hold ids, which are safe in file names."""
    return {key: f"{number:06d}.jpg" for number, key in enumerate(keys)}
