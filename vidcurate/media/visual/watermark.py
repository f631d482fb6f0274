"""Marks laid over a video, found without a model: edges that stay while the picture moves.

Where pictures differ from one another, the median over time of an edge is nothing, but for edges
that are in most of them at the same place and in the same direction (Dekel et al. 2017, "On the
effectiveness of visible watermarks").
"""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.clips.regions import Box
from vidcurate.clips.vectors import clip_frames
from vidcurate.errors import MediaError
from vidcurate.media.scan.scanner import read_samples
from vidcurate.media.visual.proxies import spread
from vidcurate.records import Clip

# Horizontal and vertical Sobel of pictures: shape (pictures, 2, height, width), 8 a grey level.
Gradients = NDArray[np.int16]
Flags = NDArray[np.bool_]
Values = NDArray[np.float32]

MOST_PICTURES = 48
# Four and 0.3 find a third more marks over 244 web clips than six and 0.15, of which 15 in 20 keep
# too little moving to be judged at all, and take no more clean ones for marked (5 %).
LEAST_PICTURES = 4
# A clip of fewer that differ shows what stays in a scene as well: its video, if it can, says more.
ENOUGH_PICTURES = 12
# Correlation of two pictures' edges, above which one says nothing that the other does not; edges
# are cut at STRONG, so that a mark over a pale picture does not make all of them the same.
ALIKE, STRONG = 0.3, 64
FLAT = 2.0  # root of mean square; a picture with less is black or a fade
# An edge that stays: at least this steep, and this far above the median's error.
LEAST_STEP, LEAST_RATIO = 12.0, 3.0
# The standard error of a median is this times the mean absolute deviation over the root of count.
MEDIAN_ERROR = 1.86
LINE = 0.4  # of the width or height: a longer one is the border of bars or of an inset picture
LETTER_GAP = (7, 13)  # height, width in pixels of a proxy: gaps inside one mark are smaller
# Edges that stay elsewhere, as a share of the picture: above, the scene stands still in part.
STILL_ELSEWHERE = 0.01
LARGEST = 0.25  # of the picture: what spreads over more is a scene in which little moves
# Pixels of a mark's edges, times how densely they fill its box, at which a mark is as likely as
# not; chosen on Big Buck Bunny.
HALF_SURE = 24.0
LEAST_PRESENCE = 0.25


@dataclass(frozen=True, slots=True)
class Mark:
    """What is most like a mark; without a box nothing is. `score` is 0..1.

    `edges` are the median gradients at its pixels, shape (2, pixels), and `at` where these lie in
    the flattened picture.
    """

    score: float
    box: Box | None
    edges: Values
    at: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A clip's mark, and by which pictures it was judged: those of the clip or of the video.

    Without a mark neither could be judged, as too little moves.
    """

    mark: Mark | None
    judged_by: str | None
    n_pictures: int


NO_MARK = Mark(0.0, None, np.zeros((2, 0), np.float32), np.zeros(0, np.int64))


@dataclass
class MarkFinder:
    """Judges clips; what it learns of a video serves all clips of it that come in a row."""

    file: Path | None = None
    samples: pa.Table = field(default_factory=lambda: pa.table({}))
    video_mark: Mark | None = None

    def judge(self, samples_file: Path, clip: Clip) -> Judgement:
        """The likelier of the mark in the clip's own pictures and the video's mark, if it shows it.

        Raises MediaError for a video without proxies or with a damaged one.
        """
        if samples_file != self.file:
            samples = read_samples(samples_file, ("pts", "jpeg"))
            if samples.num_rows == 0:
                raise MediaError("the video has no proxy: scan it again")
            video_mark = find_mark(gradients(samples))
            self.file, self.samples, self.video_mark = samples_file, samples, video_mark
        rows = clip_frames(self.samples, clip)
        own = gradients(rows)
        if rows.num_rows == self.samples.num_rows:
            found = [(self.video_mark, "clip")]
        else:
            least = LEAST_PICTURES if self.video_mark is None else ENOUGH_PICTURES
            found = [(find_mark(own, least), "clip"), (shown(self.video_mark, own), "video")]
        judged = [(mark, by) for mark, by in found if mark is not None]
        mark, by = max(judged, key=lambda pair: pair[0].score, default=(None, None))
        return Judgement(mark, by, len(own))


def gradients(rows: pa.Table) -> Gradients:
    """The gradients of proxies; of many, evenly spread ones.

    Raises MediaError for a damaged proxy.
    """
    jpegs = rows["jpeg"].take(spread(rows.num_rows, MOST_PICTURES)).to_pylist()
    return np.stack([gradient(jpeg) for jpeg in jpegs])


def gradient(jpeg: bytes) -> Gradients:
    """The Sobel gradients of a JPEG's luma: shape (2, height, width).

    Raises MediaError where it is damaged.
    """
    data = np.frombuffer(jpeg, np.uint8)
    luma = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    if luma is None:
        raise MediaError("a proxy is damaged: scan the video again")
    both = [cv2.Sobel(luma, cv2.CV_16S, *axis) for axis in ((1, 0), (0, 1))]
    return np.asarray(np.stack(both), np.int16)


def find_mark(pictures: Gradients, least: int = LEAST_PICTURES) -> Mark | None:
    """What is most like a mark; None where fewer pictures than `least` differ, or part is still."""
    chosen = different(pictures)
    if len(chosen) < least:
        return None
    stays, edges = staying(pictures[chosen])
    _, _, height, width = pictures.shape
    closed = cv2.morphologyEx(
        stays.reshape(height, width).astype(np.uint8),
        cv2.MORPH_CLOSE,
        np.ones(LETTER_GAP, np.uint8),
    )
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(closed)
    label_at = np.where(stays, np.asarray(labels).ravel(), 0)
    sizes = np.bincount(label_at, minlength=count)
    sizes[0] = 0
    if not sizes.any():
        return NO_MARK
    largest = int(sizes.argmax())
    left, top, wide, high = (int(value) for value in boxes[largest][:4])
    elsewhere = sizes.sum() - sizes[largest]
    if elsewhere > STILL_ELSEWHERE * stays.size or wide * high > LARGEST * stays.size:
        return None
    strength = sizes[largest] ** 2 / (wide * high)
    at = np.flatnonzero(label_at == largest)
    box = Box(left / width, top / height, (left + wide) / width, (top + high) / height)
    return Mark(float(strength / (strength + HALF_SURE)), box, edges[:, at], at)


def different(pictures: Gradients) -> list[int]:
    """Numbers of pictures that differ from one another; flat ones are left out."""
    # Every second pixel each way is enough to tell pictures apart.
    part = np.clip(pictures[:, :, ::2, ::2], -STRONG, STRONG)
    edges = part.reshape(len(pictures), -1).astype(np.float32)
    lengths = np.linalg.norm(edges, axis=1)
    edges /= np.maximum(lengths, 1)[:, None]
    likeness = edges @ edges.T
    kept: list[int] = []
    for number in np.flatnonzero(lengths >= FLAT * np.sqrt(edges.shape[1])):
        if (likeness[number, kept] < ALIKE).all():
            kept.append(int(number))
    return kept


def staying(pictures: Gradients) -> tuple[Flags, Values]:
    """For each pixel whether its edge stays, and the median gradients, shape (2, pixels).

    Medians are dear, so they are taken only where sums leave room for an edge that stays.
    """
    n_pictures, _, height, width = pictures.shape
    flat = pictures.reshape(n_pictures, 2, -1)
    # Picture by picture, as numpy is slow to sum over the first of several axes.
    total, apart = np.zeros(flat.shape[1:], np.int32), np.zeros(flat.shape[2], np.int32)
    for picture in flat:
        total += picture
        apart += np.abs(picture).sum(axis=0, dtype=np.int32)
    together = np.abs(total).sum(axis=0)
    at = np.flatnonzero(together >= np.maximum(apart // 4, LEAST_STEP * n_pictures / 2))
    # With the pictures last, so that what is sorted lies side by side.
    values = np.ascontiguousarray(flat[:, :, at].transpose(1, 2, 0), np.float32)
    medians = np.median(values, axis=2)
    deviation = np.median(np.abs(values - medians[:, :, None]).sum(axis=0), axis=1)
    steps = np.abs(medians).sum(axis=0)
    error = MEDIAN_ERROR * deviation / np.sqrt(n_pictures)
    stays, edges = np.zeros(height * width, bool), np.zeros((2, height * width), np.float32)
    stays[at] = (steps >= LEAST_STEP) & (steps >= LEAST_RATIO * error)
    edges[:, at] = medians
    return without_lines(stays.reshape(height, width)).ravel(), edges


def without_lines(stays: Flags) -> Flags:
    """The same less the borders of bars and inset pictures, with what ringing adds beside them."""
    lines = stays.mean(axis=1, keepdims=True) >= LINE
    columns = stays.mean(axis=0, keepdims=True) >= LINE
    beside = np.ones((7, 7), np.uint8)
    for flags in (lines, columns):
        stays = stays & (cv2.dilate(flags.astype(np.uint8), beside) == 0)
    return stays


def shown(mark: Mark | None, pictures: Gradients) -> Mark | None:
    """The video's mark if the pictures of one clip show it, else none."""
    if mark is None or mark.box is None:
        return mark
    values = pictures.reshape(len(pictures), 2, -1)[:, :, mark.at]
    along = (values * mark.edges).sum(axis=1) / (mark.edges**2).sum(axis=0)
    # Cut, so that a strong edge of the scene does not count for more than one of the mark.
    return mark if float(np.clip(along, -1, 1).mean()) >= LEAST_PRESENCE else NO_MARK
