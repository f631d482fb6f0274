"""Overlaid marks, found without a model: edges that stay while the picture moves.

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
from vidcurate.media.io.images import decode_image
from vidcurate.media.scan.files import read_samples
from vidcurate.media.scan.proxies import DAMAGED, evenly_spread
from vidcurate.records import Clip

# Horizontal and vertical Sobel of pictures: shape (pictures, 2, height, width), 8 a grey level.
Gradients = NDArray[np.int16]
Flags = NDArray[np.bool_]
Values = NDArray[np.float32]

MAX_PICTURES = 48
# Four and 0.3 find a third more marks over 244 web clips than six and 0.15, of which 15 in 20 keep
# too little moving to be judged at all, and take no more clean ones for marked (5 %).
MIN_PICTURES = 4
# A clip of fewer that differ shows what stays in a scene as well: its video, if it can, says more.
ENOUGH_PICTURES = 12
# Correlation of two pictures' edges, above which one says nothing that the other does not; edges
# are cut at STRONG, so that a mark over a pale picture does not make all of them the same.
MAX_SIMILARITY, STRONG = 0.3, 64
FLAT = 2.0  # root of mean square; a picture with less is black or a fade
# An edge that stays: at least this steep, and this far above the median's error.
MIN_STEP, MIN_RATIO = 12.0, 3.0
# The standard error of a median is this times the mean absolute deviation over the root of count.
MEDIAN_ERROR = 1.86
LINE = 0.4  # of the width or height: a longer one is the border of bars or of an inset picture
LETTER_GAP = (7, 13)  # height, width in pixels of a proxy: gaps inside one mark are smaller
# Edges that stay elsewhere, as a share of the picture: above it, part of the scene is static.
STILL_ELSEWHERE = 0.01
MAX_AREA = 0.25  # of the picture: what spreads over more is a scene in which little moves
# Pixels of a mark's edges, times how densely they fill its box, at which a mark is as likely as
# not; chosen on Big Buck Bunny.
HALF_SURE = 24.0
MIN_PRESENCE = 0.25


@dataclass(frozen=True, slots=True)
class OverlayMark:
    """The edges most like a mark; without a box there are none. `score` is 0..1.

    `edges` are the median gradients at its pixels, shape (2, pixels), and `at` where these lie in
    the flattened picture.
    """

    score: float
    box: Box | None
    edges: Values
    at: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MarkDetection:
    """A clip's mark, and whose pictures showed it: the clip's or the video's.

    Without a mark neither could be judged, as too little moves.
    """

    mark: OverlayMark | None
    judged_by: str | None
    n_pictures: int


NO_MARK = OverlayMark(0.0, None, np.zeros((2, 0), np.float32), np.zeros(0, np.int64))


@dataclass
class MarkDetector:
    """Finds marks in clips; what it learns of a video serves all clips of it that follow."""

    file: Path | None = None
    samples: pa.Table = field(default_factory=lambda: pa.table({}))
    video_mark: OverlayMark | None = None

    def detect(self, samples_file: Path, clip: Clip) -> MarkDetection:
        """Return the likelier of the clip's own mark and the video's, if the clip shows that.

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
            least = MIN_PICTURES if self.video_mark is None else ENOUGH_PICTURES
            found = [(find_mark(own, least), "clip"), (visible_mark(self.video_mark, own), "video")]
        judged = [(mark, by) for mark, by in found if mark is not None]
        mark, by = max(judged, key=lambda pair: pair[0].score, default=(None, None))
        return MarkDetection(mark, by, len(own))


def gradients(rows: pa.Table) -> Gradients:
    """Return the gradients of proxies; of many, evenly spread ones.

    Raises MediaError for a damaged proxy.
    """
    jpegs = rows["jpeg"].take(evenly_spread(rows.num_rows, MAX_PICTURES)).to_pylist()
    return np.stack([gradient(jpeg) for jpeg in jpegs])


def gradient(jpeg: bytes) -> Gradients:
    """Return the Sobel gradients of a JPEG's luma: shape (2, height, width).

    Raises MediaError where it is damaged.
    """
    luma = decode_image(jpeg, cv2.IMREAD_GRAYSCALE, DAMAGED)
    both = [cv2.Sobel(luma, cv2.CV_16S, *axis) for axis in ((1, 0), (0, 1))]
    return np.asarray(np.stack(both), np.int16)


def find_mark(pictures: Gradients, least: int = MIN_PICTURES) -> OverlayMark | None:
    """Find the edges most like a mark; None where too few pictures differ, or part is static."""
    chosen = distinct_pictures(pictures)
    if len(chosen) < least:
        return None
    persistent, edges = persistent_edges(pictures[chosen])
    _, _, height, width = pictures.shape
    closed = cv2.morphologyEx(
        persistent.reshape(height, width).astype(np.uint8),
        cv2.MORPH_CLOSE,
        np.ones(LETTER_GAP, np.uint8),
    )
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(closed)
    label_at = np.where(persistent, np.asarray(labels).ravel(), 0)
    sizes = np.bincount(label_at, minlength=count)
    sizes[0] = 0
    if not sizes.any():
        return NO_MARK
    largest = int(sizes.argmax())
    left, top, wide, high = (int(value) for value in boxes[largest][:4])
    elsewhere = sizes.sum() - sizes[largest]
    if elsewhere > STILL_ELSEWHERE * persistent.size or wide * high > MAX_AREA * persistent.size:
        return None
    strength = sizes[largest] ** 2 / (wide * high)
    at = np.flatnonzero(label_at == largest)
    box = Box(left / width, top / height, (left + wide) / width, (top + high) / height)
    return OverlayMark(float(strength / (strength + HALF_SURE)), box, edges[:, at], at)


def distinct_pictures(pictures: Gradients) -> list[int]:
    """Return the numbers of pictures that differ from one another, without flat ones."""
    # Every second pixel each way is enough to compare pictures.
    part = np.clip(pictures[:, :, ::2, ::2], -STRONG, STRONG)
    edges = part.reshape(len(pictures), -1).astype(np.float32)
    lengths = np.linalg.norm(edges, axis=1)
    edges /= np.maximum(lengths, 1)[:, None]
    similarity = edges @ edges.T
    kept: list[int] = []
    for number in np.flatnonzero(lengths >= FLAT * np.sqrt(edges.shape[1])):
        if (similarity[number, kept] < MAX_SIMILARITY).all():
            kept.append(int(number))
    return kept


def persistent_edges(pictures: Gradients) -> tuple[Flags, Values]:
    """Return for each pixel whether its edge stays, and the median gradients, shape (2, pixels).

    Medians are expensive, so they are computed only where sums allow an edge that stays.
    """
    n_pictures, _, height, width = pictures.shape
    flat = pictures.reshape(n_pictures, 2, -1)
    # Picture by picture, as numpy is slow to sum over the first of several axes.
    total, apart = np.zeros(flat.shape[1:], np.int32), np.zeros(flat.shape[2], np.int32)
    for picture in flat:
        total += picture
        apart += np.abs(picture).sum(axis=0, dtype=np.int32)
    together = np.abs(total).sum(axis=0)
    at = np.flatnonzero(together >= np.maximum(apart // 4, MIN_STEP * n_pictures / 2))
    # With the pictures last, so that what is sorted lies side by side.
    values = np.ascontiguousarray(flat[:, :, at].transpose(1, 2, 0), np.float32)
    medians = last_medians(values)
    deviation = last_medians(np.abs(values - medians[:, :, None]).sum(axis=0))
    steps = np.abs(medians).sum(axis=0)
    error = MEDIAN_ERROR * deviation / np.sqrt(n_pictures)
    persistent, edges = np.zeros(height * width, bool), np.zeros((2, height * width), np.float32)
    persistent[at] = (steps >= MIN_STEP) & (steps >= MIN_RATIO * error)
    edges[:, at] = medians
    return without_lines(persistent.reshape(height, width)).ravel(), edges


def last_medians(values: Values) -> Values:
    """Return the medians along the last axis: sorting few values is quicker than numpy's median."""
    ranked, n_values = np.sort(values, axis=-1), values.shape[-1]
    return np.asarray((ranked[..., (n_values - 1) // 2] + ranked[..., n_values // 2]) / 2)


def without_lines(persistent: Flags) -> Flags:
    """Remove the borders of bars and inset pictures, and the ringing next to them."""
    lines = persistent.mean(axis=1, keepdims=True) >= LINE
    columns = persistent.mean(axis=0, keepdims=True) >= LINE
    kernel = np.ones((7, 7), np.uint8)
    for flags in (lines, columns):
        persistent = persistent & (cv2.dilate(flags.astype(np.uint8), kernel) == 0)
    return persistent


def visible_mark(mark: OverlayMark | None, pictures: Gradients) -> OverlayMark | None:
    """Return the video's mark if the pictures of one clip show it, else NO_MARK."""
    if mark is None or mark.box is None:
        return mark
    values = pictures.reshape(len(pictures), 2, -1)[:, :, mark.at]
    along = (values * mark.edges).sum(axis=1) / (mark.edges**2).sum(axis=0)
    # Cut, so that a strong edge of the scene does not count for more than one of the mark.
    return mark if float(np.clip(along, -1, 1).mean()) >= MIN_PRESENCE else NO_MARK
