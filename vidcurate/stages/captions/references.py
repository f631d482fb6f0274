"""references: texts that captions are held against, from a list or another data set."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, get_args

import pyarrow as pa
from pydantic import field_validator

from vidcurate.captioning.current_text import best_texts
from vidcurate.clips.clip_names import MIN_OVERLAP, ClipNames, NoClipError
from vidcurate.clips.film_names import FilmNames
from vidcurate.clips.reviews import reviews_of
from vidcurate.errors import UsageError, quantity, suggest
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    CAPTIONS,
    CLIPS,
    DECISIONS,
    KEPT,
    REFERENCES,
    REFINED,
    SOURCES,
    Reference,
)
from vidcurate.records.references import Kind
from vidcurate.records.reviews import REVIEWED
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
from vidcurate.store.table import Table, positions

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
        MIN_OVERLAP,
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


def references(tables: Mapping[str, pa.Table], config: ReferencesConfig) -> Outcome:
    """Make a row of each reference and its clip.

    A reference that is of no kept clip is left out with the reason, and one that cannot be read
    fails. Raises UsageError where none is given, for a list or data set that cannot be read, and
    where no reference is of a kept clip.
    """
    if not config.file and not config.captions_of:
        raise UsageError("no reference is given: add --references FILE, or --captions-of DATASET")
    films = FilmNames.of(SOURCES.from_arrow(tables[SOURCES.name]))
    clips = ClipNames.of(KEPT.name, tables[KEPT.name], films)
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


def read_reference(place: str, row: ListRow, clips: ClipNames, min_overlap: float) -> Reference:
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
    clip_id, overlap = clips.find(
        text_cell(cells, "clip_id"), text_cell(cells, "film"), span_cells(cells), min_overlap
    )
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


def captions_of(folder: str) -> list[PlacedRow]:
    """The captions of another data set with their spans, of each clip the text that counts.

    Raises UsageError where it has none.
    """
    stored = stored_tables(folder)
    if CAPTIONS.name not in stored or CLIPS.name not in stored:
        raise UsageError(f"{folder} has no captions: run `vidcurate caption -d {folder}`")
    captions = read(stored, CAPTIONS, ("clip_id", "video_id", "text", "short_text"))
    clips = read(stored, CLIPS, ("clip_id", "start_s", "end_s"))
    where = positions(captions["clip_id"], clips["clip_id"])
    clip_ids = captions["clip_id"].to_pylist()
    refined = by_clip(read(stored, REFINED, ("clip_id", "text"))) if REFINED.name in stored else {}
    decided = stored[DECISIONS.name].read(None, DECISIONS.schema)
    reviews = reviews_of(DECISIONS.from_arrow(decided))
    texts = dict(best_texts(clip_ids, by_clip(captions), refined, reviews))
    columns = [
        *(clip_ids, captions["video_id"].to_pylist()),
        *(clips[name].take(where).to_pylist() for name in ("start_s", "end_s")),
        *([texts[clip_id].text for clip_id in clip_ids], captions["short_text"].to_pylist()),
    ]
    name = PurePath(folder).name
    return [
        placed
        for n, row in enumerate(zip(*columns, strict=True), 1)
        for placed in placed_captions(name, n, row)
    ]


def by_clip(texts: pa.Table) -> dict[str, str]:
    """The texts of a table by clip."""
    return dict(zip(texts["clip_id"].to_pylist(), texts["text"].to_pylist(), strict=True))


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
    found = {
        table.name: dataset.stored(table, made[table.name]["fingerprint"])
        for table in (CLIPS, CAPTIONS, REFINED)
        if table.name in made
    }
    return {**found, DECISIONS.name: dataset.stored(DECISIONS, REVIEWED)}


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
    """Hash what made another data set's captions and reviews, and the names of their files."""
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
