"""A data set as an object: its tables as Arrow, its clips with their frames, its status."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.balance import balance_of
from vidcurate.analysis.clip_search import Pooling, SearchQuery, find_clips
from vidcurate.analysis.decisions import deciding, new_decision, new_step, read_decisions
from vidcurate.analysis.rows import status_rows, table_rows
from vidcurate.analysis.status import funnel
from vidcurate.analysis.view import (
    present_plan,
    present_scope,
    present_tables,
    read_consistently,
    reader,
    require_dataset,
)
from vidcurate.api.clip import DatasetClip, SearchHit
from vidcurate.clips.reviews import ClipReview, reviews_of
from vidcurate.errors import UsageError
from vidcurate.pipeline.counts import StageCount
from vidcurate.records import CLIPS, Decision
from vidcurate.report.build import DEFAULT_NAME, WrittenReport, write_report
from vidcurate.report.data import ReportOptions
from vidcurate.report.pictures import Media
from vidcurate.stages.registry import stages_with
from vidcurate.stages.selection.partition import BalanceReport
from vidcurate.store.cache import local_copy
from vidcurate.store.dataset import DROPPED, FAILED, Dataset
from vidcurate.store.storage import Location, location
from vidcurate.store.table import Table, positions

if TYPE_CHECKING:
    from vidcurate.api.calls import RunResult
    from vidcurate.exporting.forecast.checking import Contract

R = TypeVar("R")
LOG = logging.getLogger("vidcurate")
# Rows become records so many at a time while clips are gone through.
ROWS_AT_ONCE = 1024


class VideoDataset:
    """A data set that is there; it is only read, except by `run`, `export` and `decide`.

    Tables are read when they are first asked for and kept; `refresh` reads them again after another
    process has changed them. A data set can be pickled, as for the workers of a data loader.
    """

    def __init__(self, path: Location | str | os.PathLike[str]) -> None:
        self.path: Location = location(path) if isinstance(path, str | Path) else path  # type: ignore[assignment]
        self._names: tuple[str, ...] = ()
        self._tables: dict[str, pa.Table] = {}
        self._reviews: dict[str, ClipReview] | None = None

    def __repr__(self) -> str:
        """Where it lies, and how many clips it has."""
        return f"<VideoDataset {self.path}: {len(self)} clips>"

    def __fspath__(self) -> str:
        """Where it lies, so that an open data set can be named where a path can."""
        return str(self.path)

    def __getstate__(self) -> dict[str, Any]:
        """Where it lies; whoever gets it reads the tables again."""
        return {"path": self.path, "_names": (), "_tables": {}, "_reviews": None}

    def __len__(self) -> int:
        """How many clips there are, kept or not."""
        return int(self._read(CLIPS.name).num_rows) if CLIPS.name in self.tables else 0

    def __bool__(self) -> bool:
        """A data set is true also before it has clips."""
        return True

    def __iter__(self) -> Iterator[DatasetClip]:
        """Every clip, in the order of the table."""
        return self.clips()

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that are there, in the order of the data."""
        if not self._names:
            self._names = tuple(present_tables(present_plan(self._dataset)))
        return self._names

    def table(
        self,
        name: str,
        *,
        where: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The live rows of a table, by its name or that of its stage.

        `where` is a rule in the language of `filter`, over columns of this and of other tables,
        such as `quality.sharpness >= p10`; rows that it cannot decide are left out. `columns` names
        those to return: own ones, and those of other tables as `table.column` (null where the other
        table has no row).

        Raises UsageError for a table or a column that is not there, RuleError for a rule that
        cannot be read.
        """
        chosen = ",".join(columns) if columns else None
        dataset, table = self._dataset, table_name(name)
        return read_consistently(
            dataset, lambda: table_rows(dataset, present_plan(dataset), table, where, chosen)
        )

    def status(self) -> tuple[StageCount, ...]:
        """For each stage its inputs and what became of them: the funnel."""
        return tuple(read_consistently(self._dataset, lambda: funnel(self._dataset)))

    def balance(self) -> BalanceReport:
        """What each split has, and each class of each quota, as `partition` left them.

        Raises UsageError where it has not run.
        """
        return read_consistently(self._dataset, lambda: balance_of(self._dataset))

    def failures(self, stage: str, *, status: Literal["failed", "dropped"] = "failed") -> pa.Table:
        """The inputs of a stage that failed, or that it dropped, with the reasons.

        Columns are the input's key, `status`, `reason`, `seconds`, and for files and videos `path`.
        Raises UsageError for a stage that has not run.
        """
        if status not in (FAILED, DROPPED):
            raise UsageError(f"no status '{status}': {FAILED} or {DROPPED}")
        dataset, table = self._dataset, table_name(stage)
        return read_consistently(
            dataset,
            lambda: status_rows(dataset, present_plan(dataset), table, [status], None, None),
        )

    @property
    def decisions(self) -> list[Decision]:
        """What people decided about clips, in order, with what was undone since; a log."""
        return read_decisions(self._dataset)

    @property
    def reviews(self) -> Mapping[str, ClipReview]:
        """What stands of the decisions about each clip, by its id: verdict, caption, tags."""
        if self._reviews is None:
            self._reviews = reviews_of(self.decisions)
        return self._reviews

    def decide(
        self,
        action: Literal["accept", "reject", "caption", "tags"],
        clip_ids: str | Sequence[str],
        *,
        reviewer: str,
        reason: str | None = None,
        text: str | None = None,
        tags: Sequence[str] = (),
    ) -> str:
        """Decide about clips as a person does in `review`, in one step, whose name is returned.

        `filter` and `export` honour it from their next run on. `reason` says why clips are
        rejected, `text` is their caption ("" takes one back), and `tags` are all that they have
        from then on.

        Raises UsageError for an id that no clip has, and BusyError that names the review which
        holds the log.
        """
        if action not in ("accept", "reject", "caption", "tags"):
            raise UsageError(f"no action '{action}': accept, reject, caption or tags")
        step = new_step()
        made = [
            new_decision(
                action,
                clip_id,
                self.row(CLIPS, clip_id).video_id,
                reviewer,
                step=step,
                reason=reason,
                text=text,
                tags=tags,
            )
            for clip_id in ([clip_ids] if isinstance(clip_ids, str) else clip_ids)
        ]
        with deciding(self._dataset) as log:
            log.add(made)
        self.refresh()
        return step

    def clip(self, clip_id: str) -> DatasetClip:
        """One clip, by its id.

        Raises UsageError for an id that no clip has.
        """
        return DatasetClip(self, self.row(CLIPS, clip_id))

    def clips(self, where: str | None = None, *, table: str = "clips") -> Iterator[DatasetClip]:
        """The clips that have a row in a table (`kept`: those that passed the filter).

        `where` is a rule, as for `table`.
        """
        if where is None:
            ids = self._read(table_name(table))[CLIPS.key]
        else:
            ids = self.table(table, where=where, columns=[CLIPS.key])[CLIPS.key]
        every = self._read(CLIPS.name)
        wanted = every.take(positions(ids, every[CLIPS.key]))
        for start in range(0, wanted.num_rows, ROWS_AT_ONCE):
            for row in CLIPS.from_arrow(wanted.slice(start, ROWS_AT_ONCE)):
                yield DatasetClip(self, row)

    def search(
        self,
        text: str | None = None,
        *,
        image: str | os.PathLike[str] | None = None,
        clip_id: str | None = None,
        top: int = 10,
        pool: Pooling = "mean",
        temperature: float = 0.01,
    ) -> list[SearchHit]:
        """The `top` clips most like a text, an image's file or another clip, best first.

        It is an exact search over the vectors that `embed` made; a text needs an image-text model.
        `pool` is how a clip stands for its frames: mean takes all, softmax those that fit best, the
        fewer the lower the `temperature`.

        Raises UsageError where not exactly one query is given, where the data set has no vectors,
        and where its vectors know no text.
        """
        if image is not None and clip_id is not None:
            raise UsageError("search for one of text, image and clip_id")
        if image is not None and not Path(image).is_file():
            raise UsageError(f"{image} is not an image file")
        like = clip_id if image is None else os.fspath(image)
        found = find_clips(
            self._dataset, SearchQuery(text, like, pool, temperature), top, LOG.warning
        )
        return [SearchHit(row["score"], self.clip(row[CLIPS.key])) for row in found]

    def export(self, out: str | os.PathLike[str] | None = None, **options: Any) -> "RunResult":
        """Write the finished data set, by default to the folder `export` of this one.

        Takes the options of the stage `export` and of a run, and raises what they raise.
        """
        from vidcurate.api import functions  # noqa: PLC0415 - what runs stages builds on this module

        if out is not None:
            options["out"] = Path(out)
        return functions.export(self, **options)

    def report(
        self,
        out: str | os.PathLike[str] | None = None,
        *,
        media: Media = "inside",
        max_clips: int = ReportOptions.max_clips,
        title: str = "",
    ) -> WrittenReport:
        """Write a page that shows the data set, by default to the file `report.html` in it.

        `media` says where its pictures are: inside the file, as `links` to a folder beside it, or
        none. Above `max_clips` clips its tables and film sheets show a sample.

        Raises UsageError where `out` is a file that is no report, MissingExtraError where the extra
        `report` is not installed.
        """
        file = self.path / DEFAULT_NAME if out is None else location(Path(out))
        options = ReportOptions(media=media, max_clips=max_clips, title=title)
        return write_report(self._dataset, file, options)

    def check_export(self, **options: Any) -> "Contract":
        """Say what trainers would do with every clip; takes and raises what the function does."""
        from vidcurate.api import functions  # noqa: PLC0415 - what runs stages builds on this module

        return functions.check_export(self, **options)

    def run(self, config: Any = None, **options: Any) -> "RunResult":
        """Run stages on the videos that are here; takes and raises what `vidcurate.run` does."""
        from vidcurate.api import functions  # noqa: PLC0415 - what runs stages builds on this module

        return functions.run(None, config, self, **options)

    def refresh(self) -> None:
        """Forget the tables that were read, so that they are read again."""
        self._names = ()
        self._tables.clear()
        self._reviews = None

    def row(self, table: Table[R], key: str) -> R:
        """The row of a table that has a key, as a record.

        Raises UsageError where there is none.
        """
        found = self.find_row(table, key)
        if found is None:
            raise UsageError(f"no row of {table.name} has the {table.key} '{key}'")
        return found

    def find_row(self, table: Table[R], key: str) -> R | None:
        """The row of a table that has a key, as a record; None where there is none."""
        if table.name not in self.tables:
            return None
        rows = self._read(table.name)
        number = pc.index(rows[table.key], key).as_py()
        return None if number < 0 else table.from_arrow(rows.slice(number, 1))[0]

    def file_of(self, table: Table[Any], name: str) -> Path:
        """A file that a table's row names, on this machine."""
        made = {planned.stage.writes.name: planned for planned in present_plan(self._dataset)}
        return local_copy(made[table.name].output(self._dataset).files / name)

    @property
    def _dataset(self) -> Dataset:
        return Dataset(self.path)

    def _read(self, name: str) -> pa.Table:
        """A table's live rows, read once."""
        if name not in self._tables:
            dataset = self._dataset

            def look() -> pa.Table:
                plan = present_plan(dataset)
                return reader(dataset, plan, present_scope(dataset, plan))(name)

            self._tables[name] = read_consistently(dataset, look)
        return self._tables[name]


def open_dataset(path: str | os.PathLike[str]) -> VideoDataset:
    """A data set that is there, to be read; an address `s3://bucket/folder` is one too.

    Raises UsageError where the folder holds none.
    """
    require_dataset(Path(path))
    return VideoDataset(os.fspath(path))


def table_name(name: str) -> str:
    """A table by its name, or by that of the stage that writes it."""
    return next((s.writes.name for s in stages_with([name]) if s.name == name), name)
