"""What scan and embed recorded about a clip's frames, by frame number."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.spans import Ticks, cuts_between, shot_spans
from vidcurate.clips.vectors import Vectors
from vidcurate.clips.windows import column_numbers, window
from vidcurate.records import Clip, VideoCuts

Numbers = NDArray[np.int64]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Part = tuple[int, int]

FRAME_COLUMNS = ("pts", "is_keyframe", "luma_spread", "black_share", "luma_delta")
SAMPLE_COLUMNS = ("pts", "sharpness")

BLACK_SHARE = 0.98
# Standard deviation of luma in 8-bit levels; even a title on one tone has more.
BLANK_SPREAD = 2.0
# A blurred frame has less than this share of the sharpness that is usual in its shot.
BLURRED = 0.25


@dataclass(frozen=True, slots=True)
class ClipFrames:
    """What is known about a clip's frames.

    `edges` are the times of all frames and the clip's end, in ticks. One value a frame: `change`,
    by how much luma differs from the frame before, in 8-bit levels, 0 for the first; `is_intra`,
    coded without another; `is_poor`, no keyframe (poor_frames). `samples` are the frames that
    scan sampled, with their `sharpness` and `vectors`, shape (samples, dimension), of dimension 0
    where none are asked for. `sections` are the shots, first frame and end, in order.
    """

    edges: Ticks
    change: Values
    is_intra: Flags
    is_poor: Flags
    samples: Numbers
    sharpness: Values
    vectors: Vectors
    sections: Sequence[Part]

    @property
    def whole(self) -> Part:
        """The range of all frames."""
        return 0, len(self.change)

    def good_samples(self, part: Part) -> Numbers:
        """Find the samples in a part that are not poor, by position among all samples."""
        inside = np.arange(*np.searchsorted(self.samples, part))
        return inside[~self.is_poor[self.samples[inside]]]


def clip_frame_facts(
    clip: Clip,
    frames: pa.Table,
    samples: pa.Table,
    vectors: Vectors | None = None,
    cuts: VideoCuts | None = None,
) -> ClipFrames:
    """Gather the facts of a clip's frames from its video's; without cuts the clip is one shot.

    `vectors` are those of vectors.vectors_of, which lends a clip without a sample a neighbour's.
    """
    frames, samples = window(frames, clip), window(samples, clip)
    edges = np.append(frames["pts"].to_numpy(), clip.end_pts)
    numbers = np.searchsorted(edges, samples["pts"].to_numpy())
    sharpness = column_numbers(samples, "sharpness")
    blank = column_numbers(frames, "black_share") >= BLACK_SHARE
    blank |= column_numbers(frames, "luma_spread") < BLANK_SPREAD
    change = column_numbers(frames, "luma_delta")
    change[0] = 0.0  # is from the shot before
    sections = [(0, len(change))]
    if cuts:
        own = VideoCuts(clip.video_id, cuts_between(cuts, int(edges[0]), int(edges[-2])))
        sections = [(span.first, span.end) for span in shot_spans(own, edges[:-1])] or sections
    none = np.zeros((len(numbers), 0), np.float32)
    return ClipFrames(
        edges=edges,
        change=change,
        is_intra=frames["is_keyframe"].to_numpy(zero_copy_only=False),
        is_poor=poor_frames(blank, sections, numbers, sharpness),
        samples=numbers,
        sharpness=sharpness,
        vectors=none if vectors is None else vectors[: len(numbers)],
        sections=sections,
    )


def poor_frames(
    is_blank: Flags, sections: Sequence[Part], samples: Numbers, sharpness: Values
) -> Flags:
    """Mark frames that are blank, in a transition, or far less sharp than their shot; never all.

    Between samples sharpness is interpolated.
    """
    poor = np.ones(len(is_blank), np.bool_)
    for first, end in sections:
        own = slice(*np.searchsorted(samples, [first, end]))
        poor[first:end] = is_blank[first:end]
        if len(samples[own]):
            likely = np.interp(np.arange(first, end), samples[own], sharpness[own])
            poor[first:end] |= likely < BLURRED * np.median(sharpness[own])
    return poor & ~poor.all()


def equal_parts(clip: ClipFrames, section: Part, count: int) -> list[Part]:
    """Divide a section into parts of equal time, some of which may hold no frame."""
    start, end = (int(clip.edges[number]) for number in section)
    times = [start + (end - start) * part // max(count, 1) for part in range(count + 1)]
    return list(pairwise(np.searchsorted(clip.edges, times).tolist()))


def central(clip: ClipFrames, part: Part) -> list[int]:
    """Find the frame nearest to the middle of a part that is not poor, if there is one."""
    good = part[0] + np.flatnonzero(~clip.is_poor[slice(*part)])
    off = np.abs(2 * clip.edges[good] - clip.edges[list(part)].sum())
    return [int(number) for number in good[np.argsort(off, kind="stable")][:1]]
