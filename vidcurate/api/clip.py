"""A clip of a data set: its row, its texts, and its frames, decoded from its source on demand."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidcurate.analysis.clip_details import ClipDetails, clip_details
from vidcurate.analysis.view import read_consistently
from vidcurate.clips.windows import window
from vidcurate.clips.words import SCHEMA, read_words, words_in
from vidcurate.errors import UsageError
from vidcurate.media.io.content import video_path
from vidcurate.records import (
    CAPTIONS,
    DECISIONS,
    KEYFRAMES,
    REFINED,
    SCANS,
    SOURCES,
    TRANSCRIPTS,
    VIDEOS,
    Clip,
    Source,
    Video,
    version_tables,
)
from vidcurate.store.dataset import Dataset

if TYPE_CHECKING:
    from vidcurate.api.dataset import VideoDataset

Image = NDArray[np.uint8]
Size = int | tuple[int, int]


@dataclass(frozen=True)
class DatasetClip:
    """One clip: a span of a video, whose frames are decoded when they are asked for."""

    dataset: "VideoDataset"
    row: Clip

    @property
    def id(self) -> str:
        """The clip's id."""
        return self.row.clip_id

    @cached_property
    def video(self) -> Video:
        """Container facts of the clip's video: its row in the table videos."""
        return self.dataset.row(VIDEOS, self.row.video_id)

    @cached_property
    def source(self) -> Source:
        """The clip's video as a source, with its paths: its row in the table sources."""
        return self.dataset.row(SOURCES, self.row.video_id)

    @property
    def captions(self) -> dict[str, str]:
        """The clip's texts by the table that holds them, best first: what a person wrote.

        Those of caption versions come last.
        """
        review = self.dataset.reviews.get(self.id)
        written = review.caption if review else None
        refined = self.dataset.find_row(REFINED, self.id)
        first = self.dataset.find_row(CAPTIONS, self.id)
        versions = version_tables(self.dataset.tables).values()
        others = {table.name: self.dataset.find_row(table, self.id) for table in versions}
        rows = {REFINED.name: refined, CAPTIONS.name: first, **others}
        texts = {name: row.text for name, row in rows.items() if row is not None}
        return texts if written is None else {DECISIONS.name: written, **texts}

    @property
    def caption(self) -> str | None:
        """The best of the clip's texts; None where it has none."""
        return next(iter(self.captions.values()), None)

    @cached_property
    def frame_pts(self) -> NDArray[np.int64]:
        """The exact time of each of the clip's frames, in ticks of the video's time base."""
        from vidcurate.media.scan.files import read_frames  # noqa: PLC0415 - slow to import

        scan = self.dataset.row(SCANS, self.row.video_id)
        frames = read_frames(self.dataset.file_of(SCANS, scan.frames_file), ("pts",))
        return np.asarray(window(frames, self.row)["pts"].to_numpy(), np.int64)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """When each of the clip's frames is shown, in seconds from the clip's start."""
        ticks = self.frame_pts - self.row.start_pts
        return np.asarray(ticks * float(self.row.time_base), np.float64)

    def frames(
        self,
        count: int | None = None,
        *,
        fps: float | Fraction | None = None,
        times: Sequence[float] | None = None,
        size: Size | None = None,
    ) -> Image:
        """Frames as an array of shape (T, height, width, 3), RGB, 8 bits a channel.

        `count` takes so many, each from the middle of an equal part of the clip (the same frame
        more than once where the clip has fewer). `fps` takes those shown at that rate from the
        clip's start. `times` takes those shown at these seconds from the clip's start. Without any
        of them all frames are taken, which for a long clip is much memory. Frames are upright, with
        square pixels, deinterlaced, in the colours of an ordinary display; they are exactly those
        at which the scan met these times. `size` is the longest side in pixels, for frames that
        are larger, or the exact (width, height).

        Raises UsageError for more than one choice of frames and for times outside of the clip, and
        MediaError where the source is gone, has changed, or cannot be decoded there.
        """
        from vidcurate.media.io.frames import read_images  # noqa: PLC0415 - slow to import

        wanted = self.frame_pts[self._numbers(count, fps, times)]
        offsets = self.dataset.row(SCANS, self.row.video_id).clock_offsets
        path = video_path(self.source)
        found = {
            pts: sized(image, size)
            for pts, image in read_images(path, self.video, np.unique(wanted).tolist(), offsets)
        }
        return np.stack([found[pts] for pts in wanted.tolist()])

    def keyframes(self, *, size: Size | None = None) -> list[Image]:
        """The clip's stored keyframes as arrays of shape (height, width, 3), RGB, in time order.

        Empty before the stage keyframes has run on the clip. `size` is as for `frames`. Raises
        MediaError for a file that is gone.
        """
        from vidcurate.media.io.images import read_image  # noqa: PLC0415 - slow to import

        row = self.dataset.find_row(KEYFRAMES, self.id)
        files = [self.dataset.file_of(KEYFRAMES, k.file) for k in row.keyframes] if row else []
        return [sized(read_image(file), size) for file in files]

    def words(self) -> pa.Table:
        """The words that are said in the clip, as `transcribe` has them, in their order.

        Columns `start_s` and `end_s` in seconds on the video's clock, `word` with the space before
        it, `probability` and `segment`, the number of the sentence. A word belongs to the clip that
        holds its middle. Empty where the video has no transcript. Raises MediaError for a file that
        is gone.
        """
        transcript = self.dataset.find_row(TRANSCRIPTS, self.row.video_id)
        if transcript is None:
            return SCHEMA.empty_table()
        words = read_words(self.dataset.file_of(TRANSCRIPTS, transcript.words_file))
        return words_in(words, self.row.start_s, self.row.end_s)

    def details(self, strip: str | os.PathLike[str] | None = None) -> ClipDetails:
        """All that is known of the clip, and what made each part, as `vidcurate show` tells it.

        A strip of its frames is written to the file `strip`, or to the cache's folder. Raises
        UsageError where the folder of `strip` is not there.
        """
        dataset = Dataset(self.dataset.path)
        file = None if strip is None else Path(strip)
        return read_consistently(dataset, lambda: clip_details(dataset, self.id, file))

    def _numbers(
        self, count: int | None, fps: float | Fraction | None, times: Sequence[float] | None
    ) -> NDArray[np.int64]:
        """The numbers of the frames that are wanted, counted from the clip's first."""
        if sum(choice is not None for choice in (count, fps, times)) > 1:
            raise UsageError("choose frames by one of count, fps and times")
        n_frames = len(self.frame_pts)
        if count is not None:
            if count < 1:
                raise UsageError(f"count is {count}: at least one frame")
            return ((2 * np.arange(count) + 1) * n_frames) // (2 * count)
        if fps is not None:
            if fps <= 0:
                raise UsageError(f"fps is {fps}: above 0")
            return self._shown_at(steps(Fraction(fps), self._length))
        if times is not None:
            return self._shown_at([Fraction(time) for time in times])
        return np.arange(n_frames)

    @property
    def _length(self) -> Fraction:
        """The clip's exact length in seconds."""
        return (self.row.end_pts - self.row.start_pts) * self.row.time_base

    def _shown_at(self, times: Sequence[Fraction]) -> NDArray[np.int64]:
        """The frame that is shown at each time, in seconds from the clip's start."""
        outside = [time for time in times if not 0 <= time < self._length]
        if outside:
            raise UsageError(
                f"clip {self.id} has no frame at {float(outside[0]):g} s: it is "
                f"{float(self._length):g} s long"
            )
        # A float near a frame's own time, such as 0.1 for the exact 1/10, means that frame.
        near = Fraction(1, 1_000_000)
        ticks = [self.row.start_pts + int((time + near) / self.row.time_base) for time in times]
        return np.searchsorted(self.frame_pts, ticks, "right") - 1


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A clip that a search found; `score` is the cosine of its vector and the query's, -1 to 1."""

    score: float
    clip: DatasetClip


def steps(fps: Fraction, length: Fraction) -> list[Fraction]:
    """The times at a rate that lie within a length, in seconds, from 0."""
    return [number / fps for number in range(-(-length * fps // 1))]


def sized(image: Image, size: Size | None) -> Image:
    """An image of at most a longest side, or of an exact (width, height)."""
    from vidcurate.media.io.images import resize_image, shrink_image  # noqa: PLC0415 - slow to import

    return resize_image(image, *size) if isinstance(size, tuple) else shrink_image(image, size)
