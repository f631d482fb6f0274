"""Encodes labelled films anew, as the web does, so that packets of many encoders can be learned.

Frames stay what they are, so that labels hold: they lie beside the films as labels.jsonl.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from scripts.benchmarks.edits import LABELS, Film, films_of, labels_for, row_of
from scripts.training.encodings import WEB_ENCODINGS, Encoding, Grid
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_video

LONG_SIDE = 320


@dataclass(slots=True)
class Output:
    """A film that is written in one encoding; `ends` are the first frames after transitions."""

    file: Path
    encoding: Encoding
    ends: Sequence[int]
    container: OutputContainer = field(init=False)
    stream: VideoStream = field(init=False)
    grid: Grid | None = field(init=False)

    def open(self, rate: Fraction, size: tuple[int, int]) -> OutputContainer:
        """Open the file to write."""
        self.container = av.open(str(self.file), "w")
        stream = self.container.add_stream(self.encoding.codec, rate, self.encoding.options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", 1
        rng, step = np.random.default_rng(len(self.ends)), self.encoding.grid
        self.grid = Grid(rng, step, self.encoding.in_pieces) if step else None
        self.stream = stream
        return self.container

    def write(self, frame: VideoFrame, number: int) -> None:
        """Encode a frame."""
        begun = max((end for end in self.ends if end <= number), default=-1)
        asked = self.grid is not None and self.grid.asks(number, begun)
        frame.pict_type = PictureType.I if asked else PictureType.NONE
        self.container.mux(self.stream.encode(frame))


def encode(film: Film, folder: Path) -> list[str]:
    """Write a film in all encodings; the names of the files."""
    ends = [one.end for one in film.truth]
    outputs = [
        Output(folder / f"{film.path.stem}-{name}.mkv", encoding, ends)
        for name, encoding in WEB_ENCODINGS.items()
    ]
    with ExitStack() as opened, open_video(film.path) as (container, stream):
        rate = stream.average_rate or Fraction(25)
        longest = max(stream.width, stream.height)
        width, height = (
            max(2, round(side * LONG_SIDE / longest / 2) * 2)
            for side in (stream.width, stream.height)
        )
        for output in outputs:
            opened.enter_context(output.open(rate, (width, height)))
        for number, (_, frame) in enumerate(decode_video(container, stream, Faults())):
            small = frame.reformat(width, height, "yuv420p")
            small.pts, small.time_base = number, 1 / rate
            for output in outputs:
                output.write(small, number)
        for output in outputs:
            output.container.mux(output.stream.encode(None))
    return [output.file.name for output in outputs]


def main() -> None:
    """Encode films, each with a line of labels for each of its encodings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the films are written here")
    parser.add_argument("films", type=Path, nargs="+", help="labelled films, or folders of them")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with (options.folder / LABELS).open("w", encoding="utf-8") as lines:
        for film in films_of(options.films):
            row = row_of(film.path, labels_for(film.path.parent), len(film.times))
            for name in encode(film, options.folder):
                lines.write(json.dumps(row | {"file": name}) + "\n")
            print(f"{film.path.name}: {len(film.times)} frames", flush=True)


if __name__ == "__main__":
    main()
