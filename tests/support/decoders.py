"""Packages that stand for a decoder that hangs, crashes or miscounts, found as the real one is."""

from pathlib import Path


def put_decord(folder: Path, word: str, does: str) -> Path:
    """A folder with a module decord that does something where a file's path holds a word."""
    folder.mkdir(exist_ok=True)
    text = f'''
"""Reads as decord does, but for files whose path holds a word."""

import os
import time

import av


class VideoReader:
    def __init__(self, file: str, num_threads: int) -> None:
        with av.open(file) as container:
            self.frames = list(container.decode(video=0))
        if {word!r} in file:
            {does}

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> object:
        return self.frames[number]
'''
    (folder / "decord.py").write_text(text, "utf-8")
    return folder
