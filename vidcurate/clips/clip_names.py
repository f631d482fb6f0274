"""Which clip a row of a user's list means: by its id, or by a film and a span of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.clips.film_names import FilmNames, near_names
from vidcurate.store.list_cells import shown

MIN_OVERLAP = 0.9  # of a named span and a clip's, as intersection over union

Seconds = tuple[float, float]


class NoClipError(ValueError):
    """No clip here is the one that is meant."""


@dataclass(frozen=True, slots=True)
class ClipNames:
    """The clips of a table by id, and by film and span.

    `spans` has the ids, starts and ends in seconds of each video's clips; `table` is where
    messages send those who look for one.
    """

    table: str
    films: FilmNames
    video_of: Mapping[str, str]
    spans: Mapping[str, tuple[list[str], NDArray[np.float64], NDArray[np.float64]]]

    @classmethod
    def of(cls, table: str, clips: pa.Table, films: FilmNames) -> "ClipNames":
        """The clips of a table with columns clip_id, video_id, start_s and end_s."""
        clips = clips.sort_by([("video_id", "ascending"), ("start_s", "ascending")])
        ids, videos = (clips[name].to_pylist() for name in ("clip_id", "video_id"))
        starts, ends = (clips[name].to_numpy() for name in ("start_s", "end_s"))
        spans, first = {}, 0
        for count in pc.value_counts(clips["video_id"]).to_pylist():
            rows = slice(first, first + count["counts"])
            spans[count["values"]] = (ids[rows], starts[rows], ends[rows])
            first = rows.stop
        return cls(table, films, dict(zip(ids, videos, strict=True)), spans)

    def find(
        self,
        clip_id: str | None,
        film: str | None,
        span: Seconds | None,
        min_overlap: float = MIN_OVERLAP,
    ) -> tuple[str, float]:
        """The clip that is meant, and how much of both spans it shares: 1 for a clip by its id.

        A span stands in for an id that no clip has. Raises NoClipError where no clip is meant, and
        ValueError where too little is named, or an id is of another film.
        """
        if film is not None and span is not None and clip_id not in self.video_of:
            return self.at(film, span, min_overlap)
        if clip_id is None:
            raise ValueError("it needs a clip_id, or film, start_s and end_s")
        return clip_by_id(clip_id, film, self.video_of, self.films, self.table), 1.0

    def at(self, film: str, span: Seconds, min_overlap: float) -> tuple[str, float]:
        """The clip that shares most of a span of a film, and how much.

        Raises NoClipError where there is no such film, or too little is shared.
        """
        try:
            video_id = self.films.find(film)
        except ValueError as why:
            raise NoClipError(str(why)) from None
        if video_id not in self.spans:
            raise NoClipError(f"no clip of {film} is in {self.table}")
        ids, starts, ends = self.spans[video_id]
        start_s, end_s = span
        shared = np.clip(np.minimum(ends, end_s) - np.maximum(starts, start_s), 0, None)
        overlaps = shared / (np.maximum(ends, end_s) - np.minimum(starts, start_s))
        place = int(np.argmax(overlaps))
        overlap = float(overlaps[place])
        if overlap < min_overlap:
            nearest = f"; the nearest, {ids[place]}, shares {overlap:.2f}" if overlap else ""
            raise NoClipError(
                f"no clip of {film} in {self.table} shares {min_overlap:g} of {start_s:g} to "
                f"{end_s:g} s{nearest}"
            )
        return ids[place], overlap


def clip_by_id(
    clip_id: str, film: str | None, video_of: Mapping[str, str], films: FilmNames, table: str
) -> str:
    """A clip by its id, checked against the film that is named with it.

    Raises NoClipError where no clip has the id, and ValueError where it is of another film.
    """
    if clip_id not in video_of:
        near = near_names(clip_id, video_of, table)
        raise NoClipError(f"no clip in {table} has the id {shown(clip_id)}{near}")
    if film is not None and films.find(film) != video_of[clip_id]:
        raise ValueError(f"the clip {clip_id} is not of the film {film!r}")
    return clip_id
