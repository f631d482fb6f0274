"""What the header of a clip file states, which is what trainers choose clips by."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from vidcurate.media.io.container import open_container, video_stream


class Header(NamedTuple):
    """Size, number of frames and average rate as a header states them; 0 where it does not."""

    width: int
    height: int
    n_frames: int
    fps: Fraction


def read_header(file: Path) -> Header:
    """Read a file's header, without decoding; raises MediaError for a file that is no video."""
    with open_container(file) as container:
        stream = video_stream(container, file)
        size = stream.codec_context
        return Header(size.width, size.height, stream.frames, stream.average_rate or Fraction(0))
