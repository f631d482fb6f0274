"""The clips that an export is asked for, as columns: what decides their files, once a kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.clips.rendition import Box, Size
from vidcurate.exporting.clips_table import clips_table
from vidcurate.exporting.rendition import inside_bars
from vidcurate.exporting.tables.reviews import written_texts
from vidcurate.records import CAPTIONS, QUALITY, REFINED, SOURCES, VIDEOS
from vidcurate.stage import DatasetView
from vidcurate.store.table import positions, take_nullable

FROM_VIDEO = ("display_width", "display_height", "frame_rate", "audio_codec")
BARS = tuple(f"letterbox_{edge}" for edge in ("left", "top", "right", "bottom"))
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Example:
    """A clip that stands for others of its kind."""

    clip_id: str
    video: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Kinds:
    """Clips of equal picture and equal length at a rate, which all have the same fate.

    `of_clip` is the kind of each clip, `first` a clip of each kind, `clips` how many it has.
    """

    of_clip: Ints
    first: Ints
    clips: Ints

    def members(self, kinds: Sequence[int], at_most: int) -> Ints:
        """Return the numbers of some clips of some kinds."""
        return np.flatnonzero(np.isin(self.of_clip, np.asarray(kinds)))[:at_most]


@dataclass(frozen=True)
class ClipFacts:
    """Clips in the order of a table: spans, pictures, rates and texts.

    `ticks` are lengths in the `time_base` of each, `rate` the average rate of its video; both are
    pairs of numerator and denominator. `pictures` are kinds of picture, with what bars leave of
    it, and `picture` is that of each clip. `captions` are null where there is none.
    """

    clip_ids: pa.ChunkedArray
    videos: pa.ChunkedArray
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    ticks: Ints
    time_base: Ints
    n_frames: Ints
    rate: Ints
    pictures: tuple[tuple[Size, Box | None], ...]
    picture: Ints
    has_audio: NDArray[np.bool_]
    captions: pa.Array

    def __len__(self) -> int:
        """Return how many clips there are."""
        return len(self.ticks)

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """How long each clip is."""
        return self.ticks * self.time_base[:, 0] / self.time_base[:, 1]

    def duration(self, clip: int) -> Fraction:
        """Return the exact length of a clip in seconds."""
        return int(self.ticks[clip]) * Fraction(*self.time_base[clip].tolist())

    def own_rate(self, clip: int) -> Fraction:
        """Return the average rate of a clip's video."""
        return Fraction(*self.rate[clip].tolist())

    def frames_at(self, fps: Fraction | None) -> Ints:
        """Return how many frames each clip has at a constant rate; its own without one.

        These are the numbers of k with k / fps less than its length.
        """
        if fps is None:
            return self.n_frames
        numerator = self.ticks.astype(object) * self.time_base[:, 0] * fps.numerator
        denominator = self.time_base[:, 1].astype(object) * fps.denominator
        return np.asarray(-(-numerator // denominator), np.int64)

    def kinds(self, fps: Fraction | None) -> Kinds:
        """Put clips of equal picture and equal length together; of equal rate too without one."""
        columns = [self.picture, self.frames_at(fps), *([] if fps else self.rate.T)]
        key = np.zeros(len(self), np.int64)
        for column in columns:
            key = np.unique(np.stack([key, column]), axis=1, return_inverse=True)[1].reshape(-1)
        _, first, of_clip, clips = np.unique(
            key, return_index=True, return_inverse=True, return_counts=True
        )
        return Kinds(of_clip, first, clips)

    def example(self, clip: int) -> Example:
        """Name a clip."""
        return Example(
            self.clip_ids[clip].as_py(),
            self.videos[clip].as_py(),
            round(float(self.start_s[clip]), 3),
            round(float(self.end_s[clip]), 3),
        )


def clip_facts(
    clips: pa.Table,
    videos: pa.Table,
    sources: pa.Table,
    quality: pa.Table | None = None,
    texts: Sequence[pa.Table] = (),
) -> ClipFacts:
    """Join the clips to be exported with their videos, bars and captions.

    `quality` is given where bars are cropped. `texts` are tables of captions, of which a later one
    goes before an earlier one.
    """
    of_video = positions(clips["video_id"], videos["video_id"])
    named = positions(clips["video_id"], sources["video_id"])
    names = pc.replace_substring_regex(sources["path"], "(?s)^.*/", "")
    sides = np.stack([numbers(videos[f"display_{side}"]) for side in ("width", "height")], axis=1)
    pictures, picture = picture_kinds(sides[of_video.to_numpy()], bars_of(clips, quality))
    captions: pa.Array = pa.nulls(clips.num_rows, pa.large_string())
    for table in texts:
        own = take_nullable(table["text"], positions(clips["clip_id"], table["clip_id"]))
        captions = pc.coalesce(own, captions)
    return ClipFacts(
        clip_ids=clips["clip_id"],
        videos=names.take(named),
        start_s=numbers(clips["start_s"]),
        end_s=numbers(clips["end_s"]),
        ticks=numbers(clips["end_pts"]) - numbers(clips["start_pts"]),
        time_base=fractions(clips["time_base"]),
        n_frames=numbers(clips["n_frames"]),
        rate=fractions(videos["frame_rate"])[of_video.to_numpy()],
        pictures=pictures,
        picture=picture,
        has_audio=numbers(pc.is_valid(videos["audio_codec"]))[of_video.to_numpy()],
        captions=captions,
    )


def read_clip_facts(view: DatasetView, *, crops_bars: bool) -> ClipFacts:
    """Read the clips to be exported from a data set, with the captions that are there."""
    has_bars = crops_bars and view.has(QUALITY)
    return clip_facts(
        view.scan(clips_table(view)),
        view.scan(VIDEOS, ["video_id", *FROM_VIDEO]),
        SOURCES.one_row_a_key(view.scan(SOURCES)).select(["video_id", "path"]),
        view.scan(QUALITY, ["clip_id", *BARS]) if has_bars else None,
        [
            *(view.scan(t, ["clip_id", "text"]) for t in (CAPTIONS, REFINED) if view.has(t)),
            written_texts(view),
        ],
    )


def bars_of(clips: pa.Table, quality: pa.Table | None) -> NDArray[np.float64]:
    """Return the shares of width or height that bars take of each clip; 0 where none is known."""
    if quality is None:
        return np.zeros((clips.num_rows, len(BARS)))
    row = positions(clips["clip_id"], quality["clip_id"])
    taken = [quality[name].combine_chunks().take(row).fill_null(0.0) for name in BARS]
    return np.stack([np.asarray(one) for one in taken], axis=1)


def picture_kinds(
    sides: Ints, bars: NDArray[np.float64]
) -> tuple[tuple[tuple[Size, Box | None], ...], Ints]:
    """Return the different pictures, with what bars leave of them, and which each clip has."""
    known: dict[tuple[Size, Box | None], int] = {}
    rows, which = np.unique(np.hstack([sides, bars]), axis=0, return_inverse=True)
    number = np.zeros(len(rows), np.int64)
    for at, (width, height, *shares) in enumerate(rows.tolist()):
        size = Size(int(width), int(height))
        number[at] = known.setdefault((size, inside_bars(size, shares)), len(known))
    return tuple(known), number[which.reshape(-1)]


def numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column without nulls as an array of its own type."""
    return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False))


def fractions(column: pa.ChunkedArray) -> Ints:
    """Return a column of fractions as pairs."""
    return np.stack([numbers(pc.struct_field(column, part)) for part in ("num", "den")], axis=1)
