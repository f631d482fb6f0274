"""references: texts that captions are held against, from a list or another data set."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import field_validator

from vidcurate.clips.film_names import FilmNames, near_names
from vidcurate.errors import UsageError, quantity, suggest
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    CAPTIONS,
    CLIPS,
    KEPT,
    REFERENCES,
    REFINED,
    SOURCES,
    Reference,
)
from vidcurate.records.references import Kind
from vidcurate.stage import BY_CONTENT, Lookup, Outcome, TableStage, Version
from vidcurate.stages.sources.list_files import (
    PlacedRow,
    list_contents,
    list_outcome,
    list_path,
    placed_rows,
)
from vidcurate.store.dataset import Dataset, StoredTable
from vidcurate.store.list_cells import shown, span_cells, text_cell
from vidcurate.store.row_lists import ListRow
from vidcurate.store.storage import location
from vidcurate.store.table import Table, positions, take_nullable

TEXT = "text"
COLUMNS = (TEXT, "film", "clip_id", "start_s", "end_s", "kind")
KINDS: tuple[str, ...] = get_args(Kind)
DETAILED, SHORT = "detailed", "short"
ID_DIGITS = 16


class ReferencesConfig(StageConfig):
    """Which texts captions are held against."""

    file: str = option(
        "",
        "List of references: CSV, TSV, JSON lines, JSON or Parquet with a column text, clip_id or "
        "film with start_s and end_s, and, where known, kind: " + ", ".join(KINDS),
        flag="--references",
    )
    captions_of: str = option(
        "", "Folder of another data set, whose captions are references to the clips of equal spans"
    )
    min_overlap: float = option(
        0.9,
        "Least share of a reference's span and a clip's, intersection over union, at which it is "
        "about that clip",
        gt=0,
        le=1,
    )

    @field_validator("file")
    @classmethod
    def file_is_a_list(cls, file: str) -> str:
        """A later run from another folder reads the same list; raises ValueError for none."""
        return list_path(file)

    @field_validator("captions_of")
    @classmethod
    def folder_is_absolute(cls, folder: str) -> str:
        """A later run from another folder reads the same data set."""
        return str(location(folder)) if folder else ""


@dataclass(frozen=True, slots=True)
class KeptClips:
    """The kept clips of each video in arrays, and the videos by name."""

    films: FilmNames
    video_of: Mapping[str, str]
    spans: Mapping[str, tuple[list[str], NDArray[np.float64], NDArray[np.float64]]]

    def best(self, video_id: str, start_s: float, end_s: float) -> tuple[str, float] | None:
        """The clip of a video that shares most of a span, and how much; None without clips."""
        if video_id not in self.spans:
            return None
        ids, starts, ends = self.spans[video_id]
        shared = np.clip(np.minimum(ends, end_s) - np.maximum(starts, start_s), 0, None)
        overlap = shared / (np.maximum(ends, end_s) - np.minimum(starts, start_s))
        place = int(np.argmax(overlap))
        return ids[place], float(overlap[place])


class NoClipError(ValueError):
    """A reference is of no kept clip."""


def references(tables: Mapping[str, pa.Table], config: ReferencesConfig) -> Outcome:
    """Make a row of each reference and its clip.

    A reference that is of no kept clip is left out with the reason, and one that cannot be read
    fails. Raises UsageError where none is given, for a list or data set that cannot be read, and
    where no reference is of a kept clip.
    """
    if not config.file and not config.captions_of:
        raise UsageError("no reference is given: add --references FILE, or --captions-of DATASET")
    clips = kept_clips(tables)
    found: dict[str, Reference] = {}
    absent: dict[str, str] = {}
    faults: dict[str, str] = {}
    rows, message = placed_rows(config.file, TEXT, COLUMNS)
    if config.captions_of:
        rows += captions_of(config.captions_of)
    for place, row in rows:
        item = hashlib.sha256(place.encode()).hexdigest()[:ID_DIGITS]
        try:
            reference = read_reference(place, row, clips, config.min_overlap)
        except NoClipError as why:
            absent[item] = f"{place}: {why}"
        except ValueError as fault:
            faults[item] = f"{place}: {fault}"
        else:
            found.setdefault(reference.reference_id, reference)
    if not found and absent:
        raise UsageError(
            f"none of {quantity(len(rows), 'reference')} is of a kept clip, such as "
            f"{next(iter(absent.values()))}"
        )
    if absent:
        more = f"{quantity(len(absent), 'reference')} of {len(rows)} of no kept clip"
        message = "; ".join(filter(None, [more, message]))
    table = REFERENCES.to_arrow(list(found.values()))
    return list_outcome(table, list(found), absent, faults, message)


def kept_clips(tables: Mapping[str, pa.Table]) -> KeptClips:
    """The kept clips, by video."""
    clips = tables[KEPT.name].sort_by([("video_id", "ascending"), ("start_pts", "ascending")])
    ids, videos = (clips[name].to_pylist() for name in ("clip_id", "video_id"))
    starts, ends = (clips[name].to_numpy() for name in ("start_s", "end_s"))
    counts = pc.value_counts(clips["video_id"]).to_pylist()
    spans, first = {}, 0
    for count in counts:
        rows = slice(first, first + count["counts"])
        spans[count["values"]] = (ids[rows], starts[rows], ends[rows])
        first = rows.stop
    films = FilmNames.of(SOURCES.from_arrow(tables[SOURCES.name]))
    return KeptClips(films, dict(zip(ids, videos, strict=True)), spans)


def read_reference(place: str, row: ListRow, clips: KeptClips, least: float) -> Reference:
    """Read one row of a list.

    Raises NoClipError where it is of no kept clip, and ValueError with what else is wrong with it.
    """
    cells = row.readable()
    text = text_cell(cells, TEXT)
    if text is None:
        raise ValueError("it has no text")
    kind = text_cell(cells, "kind") or DETAILED
    if kind.casefold() not in KINDS:
        raise ValueError(f"kind is {shown(kind)}{suggest(kind, KINDS)}")
    span = span_cells(cells)
    film, named = text_cell(cells, "film"), text_cell(cells, "clip_id")
    if named is None and (film is None or span is None):
        raise ValueError("it needs a clip_id, or film, start_s and end_s")
    if named is not None and (named in clips.video_of or film is None or span is None):
        clip_id, overlap = clip_named(named, film, clips), 1.0
    else:
        assert film is not None
        assert span is not None
        clip_id, overlap = clip_of_span(film, span, clips, least)
    facts = json.dumps([clip_id, kind.casefold(), text])
    return Reference(
        reference_id=hashlib.sha256(facts.encode()).hexdigest()[:ID_DIGITS],
        clip_id=clip_id,
        video_id=clips.video_of[clip_id],
        text=text,
        kind=kind.casefold(),
        overlap=overlap,
        source=place,
    )


def clip_named(clip_id: str, film: str | None, clips: KeptClips) -> str:
    """A kept clip by its id.

    Raises NoClipError where none has it, and ValueError where it is not of the film named.
    """
    if clip_id not in clips.video_of:
        near = near_names(clip_id, clips.video_of, KEPT.name)
        raise NoClipError(f"no kept clip has the id {shown(clip_id)}{near}")
    if film is not None and clips.films.find(film) != clips.video_of[clip_id]:
        raise ValueError(f"the clip {clip_id} is not of the film {film!r}")
    return clip_id


def clip_of_span(
    film: str, span: tuple[float, float], clips: KeptClips, least: float
) -> tuple[str, float]:
    """The kept clip of a film that shares most of a span, and how much.

    Raises NoClipError where there is no such film, or too little is shared.
    """
    try:
        video_id = clips.films.find(film)
    except ValueError as why:
        raise NoClipError(str(why)) from None
    best = clips.best(video_id, *span)
    at = f"{span[0]:g} to {span[1]:g} s"
    if best is None:
        raise NoClipError(f"no clip of {film} is kept")
    if best[1] < least:
        nearest = f"; the nearest, {best[0]}, shares {best[1]:.2f}" if best[1] else ""
        raise NoClipError(f"no kept clip of {film} shares {least:g} of {at}{nearest}")
    return best


def captions_of(folder: str) -> list[PlacedRow]:
    """The captions of another data set, with their spans; refined ones in place of the first.

    Raises UsageError where it has none.
    """
    stored = stored_tables(folder)
    if CAPTIONS.name not in stored or CLIPS.name not in stored:
        raise UsageError(f"{folder} has no captions: run `vidcurate caption -d {folder}`")
    captions = read(stored, CAPTIONS, ("clip_id", "video_id", "text", "short_text"))
    texts = captions["text"]
    if REFINED.name in stored:
        refined = read(stored, REFINED, ("clip_id", "text"))
        better = take_nullable(refined["text"], positions(captions["clip_id"], refined["clip_id"]))
        texts = pc.coalesce(better, texts.cast(better.type))
    clips = read(stored, CLIPS, ("clip_id", "start_s", "end_s"))
    where = positions(captions["clip_id"], clips["clip_id"])
    columns = [
        *(captions["clip_id"].to_pylist(), captions["video_id"].to_pylist()),
        *(clips[name].take(where).to_pylist() for name in ("start_s", "end_s")),
        *(texts.to_pylist(), captions["short_text"].to_pylist()),
    ]
    name = PurePath(folder).name
    return [
        placed
        for n, row in enumerate(zip(*columns, strict=True), 1)
        for placed in placed_captions(name, n, row)
    ]


def placed_captions(
    name: str, number: int, row: Sequence[str | float | None]
) -> Iterator[PlacedRow]:
    """The one or two texts of a clip in another data set, as rows of a list."""
    clip_id, video_id, start_s, end_s, text, short_text = row
    about = {"clip_id": clip_id, "film": video_id, "start_s": start_s, "end_s": end_s}
    for kind, words in ((DETAILED, text), (SHORT, short_text)):
        if words:
            cells = {**about, "kind": kind, TEXT: words}
            yield f"{name}, {clip_id}, {kind}", ListRow(number, cells)


def stored_tables(folder: str) -> dict[str, StoredTable]:
    """Where the tables of another data set lie that say what its captions are."""
    dataset = Dataset(location(folder))
    made = dataset.manifest()
    return {
        table.name: dataset.stored(table, made[table.name]["fingerprint"])
        for table in (CLIPS, CAPTIONS, REFINED)
        if table.name in made
    }


def read(stored: Mapping[str, StoredTable], table: Table[Any], columns: Sequence[str]) -> pa.Table:
    """Some columns of another data set's table."""
    return stored[table.name].read(columns, table.schema)


def sources_used(_config: ReferencesConfig) -> tuple[Lookup, ...]:
    """The videos, which a list names by film."""
    return (Lookup(SOURCES),)


def files_named(config: ReferencesConfig) -> Mapping[str, str]:
    """The content of the list, in place of its path; that of a data set enters by itself."""
    by_content = {"captions_of": BY_CONTENT} if config.captions_of else {}
    return {**list_contents({"file": config.file}), **by_content}


def content_of_dataset(config: ReferencesConfig) -> str:
    """Hash what made another data set's captions, and the names of their files."""
    if not config.captions_of:
        return ""
    found = [
        [name, table.folder.name, table.listing()]
        for name, table in stored_tables(config.captions_of).items()
    ]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


REFERENCES_STAGE = TableStage(
    name="references",
    summary="Read texts that captions are held against, from a list or another data set.",
    reads=KEPT,
    writes=REFERENCES,
    config=ReferencesConfig,
    run=references,
    lookups=sources_used,
    takes_lists=True,
    version=Version(contents=files_named, depends=content_of_dataset),
)
