"""What clips are to be trained with: the video model's facts, and what a trainer does with a clip.

The arithmetic of a trainer is a pure function `Fate = fate(FileFacts, Training)` in its target.
"""

from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

from vidcurate.clips.rendition import FileFacts, Size

__all__ = ["Action", "Bucket", "Fate", "FileFacts", "Size", "Training", "VideoModel"]

# What a trainer does with a clip: takes all of it, takes its first frames or a part, speeds it up
# or down, shortens it to a length that the model can hold, or leaves it out.
Action = Literal["whole", "cut", "stretched", "shortened", "dropped"]


class Bucket(NamedTuple):
    """Clips that a trainer puts into one batch: their width, height and frames."""

    width: int
    height: int
    n_frames: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.n_frames}"


@dataclass(frozen=True, slots=True)
class Fate:
    """What a trainer does with one clip: in which bucket it lands, and what becomes of its frames.

    `reason` tells it in the trainer's arithmetic; it is empty where all of the clip is used.
    `bucket` is None where the clip is left out.
    """

    action: Action
    bucket: Bucket | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VideoModel:
    """What a video model takes: frames a second, sides, lengths and the length of a caption.

    Sides are multiples of `side_multiple`, lengths are `frame_step` * k + 1 frames. `size` and
    `n_frames` are what it was published with, `max_tokens` what its text encoder reads.
    """

    name: str
    fps: int
    side_multiple: int
    frame_step: int
    max_tokens: int
    size: Size
    n_frames: int

    def floor_frames(self, n_frames: int) -> int:
        """Return the longest length that the model can hold among so many frames; 0 if none."""
        return 0 if n_frames < 1 else (n_frames - 1) // self.frame_step * self.frame_step + 1


@dataclass(frozen=True, slots=True)
class Training:
    """The model that is trained, and the buckets that files are made for.

    `sizes` are the sizes that files have; none where they keep their own. `lengths` are the
    numbers of frames that are trained, the shortest first.
    """

    model: VideoModel
    sizes: tuple[Size, ...]
    lengths: tuple[int, ...]

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """Every size with every length."""
        return tuple(Bucket(*size, n) for size, n in product(self.sizes, self.lengths))
