"""What an export is to be, and one target of it in the making."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.exporting.folder.losses import (
    ListedClip,
)
from vidcurate.exporting.folder.manifest import (
    Previous,
)
from vidcurate.exporting.folder.subtitles import ClipSubtitles
from vidcurate.exporting.tables.table import SPLITS, clip_pieces
from vidcurate.exporting.target import Target, TargetOptions
from vidcurate.exporting.training import Training
from vidcurate.stage import DatasetView
from vidcurate.store.storage import Location


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What the finished data set is to be.

    `training` is what clip files were made for; `out` is None where it lies in the data set.
    `subtitles` are the formats in which the words of each clip lie beside its file.
    """

    targets: tuple[Target, ...]
    training: Training
    out: Path | None = None
    has_files: bool = True
    options: TargetOptions = field(default_factory=TargetOptions)
    subtitles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clips:
    """The exported clips and their videos, as the data set has them now."""

    view: DatasetView
    videos: pa.Table
    clips: pa.Table
    source_paths: bool
    subtitles: ClipSubtitles | None = None

    def pieces(self, clips: pa.Table) -> Iterator[pa.Table]:
        """Yield the rows of some of the clips, in their order."""
        return clip_pieces(
            self.view,
            self.videos,
            clips,
            source_paths=self.source_paths,
            subtitles=self.subtitles,
        )

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        return next(self.pieces(self.clips.slice(0, 0))).schema


@dataclass(frozen=True)
class Job:
    """One target's export in the making: `taken` clips in their order, and what became of all."""

    request: ExportRequest
    target: Target
    out: Location
    found: Clips
    taken: pa.Table
    judged: Sequence[ListedClip]
    previous: Previous | None

    @property
    def splits(self) -> list[str]:
        """The splits that have clips; the first one where there is no clip."""
        present = set(pc.unique(self.taken["split"]).to_pylist())
        return [split for split in SPLITS if split in present] or [SPLITS[0]]
