"""All that a data set knows of one clip, and what made each part of it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from vidcurate.analysis.clip_names import clip_named
from vidcurate.analysis.clip_rules import RuleOutcome, read_own, rule_outcomes
from vidcurate.analysis.decisions import read_decisions
from vidcurate.analysis.fates import clip_fates
from vidcurate.analysis.one_clip import Lineage, OneClip, one_clip
from vidcurate.analysis.strips import clip_strip
from vidcurate.analysis.view import command_of, present_plan, present_scope, reader
from vidcurate.clips.reviews import ClipReview, is_about, reviews_of, standing
from vidcurate.clips.words import read_words, spoken_text, words_in
from vidcurate.errors import MediaError, UsageError
from vidcurate.exporting.folder.row_files import CLIPS_FOLDER
from vidcurate.exporting.targets import folder_name
from vidcurate.records import (
    ACCEPTED,
    ALIGNMENT,
    CAPTION_VECTORS,
    CAPTIONS,
    CLIPS,
    CUTS,
    DEDUP,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    PARTITIONS,
    REFINED,
    SCANS,
    SCORE_TABLES,
    SIGNATURES,
    SOURCES,
    TRANSCRIPTS,
    VECTORS,
    VERDICTS,
    VERIFIED,
    VIDEOS,
    WEAK_CAPTIONS,
    Decision,
    columns_of_table,
    version_tables,
)
from vidcurate.stages.output.export_options import ExportConfig
from vidcurate.store.atomic import atomic_write
from vidcurate.store.cache import cache_folder, local_copy
from vidcurate.store.dataset import Dataset
from vidcurate.store.table import Table

# The tables that are told of, in the order of the data.
TOLD: tuple[Table[Any], ...] = (
    *(SOURCES, VIDEOS, SCANS, VECTORS, TRANSCRIPTS, CUTS, CLIPS),
    *(*(t for t in SCORE_TABLES if t is not DEDUP), SIGNATURES, DEDUP, KEPT, PARTITIONS, KEYFRAMES),
    *(CAPTIONS, ALIGNMENT, VERDICTS, WEAK_CAPTIONS, REFINED, CAPTION_VECTORS),
    *(ACCEPTED, EXPORTS, VERIFIED),
)
# Their rows are much, and for programs: only what made them is told.
PROGRAMS_READ = (VECTORS, CUTS, SIGNATURES, CAPTION_VECTORS)
# Their rows repeat the clip's span.
AS_CLIPS = (KEPT, PARTITIONS, ACCEPTED)
KEYS = frozenset({"clip_id", "video_id", "file_id"})
NOT_TOLD = frozenset({"bands"})
STRIP_PICTURES, STRIP_HEIGHT = 6, 180


@dataclass(frozen=True)
class Value:
    """One number or word of a clip, with its unit as `vidcurate columns` has it."""

    name: str
    value: Any
    unit: str
    description: str


@dataclass(frozen=True)
class TableRow:
    """A clip's row of a table, or its video's, and what made it.

    There are no values where there is no row, and where only programs read it.
    """

    table: str
    values: tuple[Value, ...]
    made_by: Lineage

    def get(self, name: str) -> Any:
        """The value of a column; None where there is no row."""
        return next((v.value for v in self.values if v.name == name), None)


@dataclass(frozen=True)
class Copy:
    """Another clip that shows the same, perhaps through others."""

    clip_id: str
    keep: bool
    relation: str
    copy_of: str | None
    similarity: float | None


@dataclass(frozen=True)
class ClipDetails:
    """All that is known of one clip.

    `rows` are by table, in the order of the data. `strip` is a picture's file, or `strip_fault`
    says why there is none. `heard` are the words that are said in it, null where no transcript
    tells; `heard_fault` says why one cannot be read. `not_made` are the tables that the data set
    lacks, each with the command that makes it.
    """

    dataset: str
    clip_id: str
    video_id: str
    fate: str
    reason: str | None
    strip: str | None
    strip_fault: str | None
    heard: str | None
    heard_fault: str | None
    rules: tuple[RuleOutcome, ...]
    rows: Mapping[str, TableRow]
    copies: tuple[Copy, ...]
    keyframes: tuple[str, ...]
    files: tuple[str, ...]
    review: ClipReview | None
    decisions: tuple[Decision, ...]
    not_made: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; rows are by table, and their values by column."""
        facts = asdict(self)
        for name, row in facts["rows"].items():
            values = {value.pop("name"): value for value in row["values"]}
            facts["rows"][name] = {"values": values, "made_by": row["made_by"]}
        return facts


def clip_details(dataset: Dataset, name: str, strip: Path | None = None) -> ClipDetails:
    """Return all that is known of the clip that a name means, as for `clip_named`.

    A strip of its frames is written to the file `strip`, or to the cache's folder.

    Raises UsageError for a name that means no clip, or several, and for a strip whose folder is not
    there.
    """
    plan = present_plan(dataset)
    if CLIPS.name not in {resolved.stage.writes.name for resolved in plan}:
        raise UsageError(f"{dataset.root} has no clips: `vidcurate split -d {dataset.root}`")
    read = reader(dataset, plan, present_scope(dataset, plan))
    clip = one_clip(dataset, clip_named(read, name))
    clip_id = clip.keys[CLIPS.key]
    fate = clip_fates(dataset, clip.plan, partial(read_own, clip)).to_pylist()[0]
    decisions = read_decisions(dataset)
    picture, fault = write_strip(clip, strip)
    heard, heard_fault = words_heard(clip)
    rows = {table.name: told(clip, table) for table in tables_told(clip) if clip.has(table)}
    return ClipDetails(
        dataset=str(dataset.root),
        clip_id=clip_id,
        video_id=clip.keys[SOURCES.key],
        fate=fate["fate"],
        reason=fate["reason"],
        strip=None if picture is None else str(picture),
        strip_fault=fault,
        heard=heard,
        heard_fault=heard_fault,
        rules=rule_outcomes(clip),
        rows=rows,
        copies=tuple(copies_of(clip)),
        keyframes=tuple(keyframe_files(clip)),
        files=tuple(exported_files(clip)),
        review=reviews_of(decisions).get(clip_id),
        decisions=tuple(d for d in standing(decisions) if is_about(d, clip_id)),
        not_made={table.name: command_of(table, dataset) for table in TOLD if not clip.has(table)},
    )


def tables_told(clip: OneClip) -> list[Table[Any]]:
    """The tables that are told of, with those of caption versions behind the captions."""
    place = TOLD.index(CAPTIONS) + 1
    return [*TOLD[:place], *version_tables(clip.made).values(), *TOLD[place:]]


def told(clip: OneClip, table: Table[Any]) -> TableRow:
    """The clip's row of a table, with what each value is and what made it."""
    rows = clip.rows(table).to_pylist(maps_as_pydicts="strict")
    row: dict[str, Any] = next(iter(rows), {})
    already = {*CLIPS.schema.names} if table in AS_CLIPS else KEYS
    values = tuple(
        Value(column.name, plain(row[column.name]), column.info.unit, column.info.description)
        for column in columns_of_table(table)
        if table not in PROGRAMS_READ
        and column.name in row
        and column.name not in already | NOT_TOLD
    )
    return TableRow(table.name, values, clip.lineage(table, row))


def plain(value: Any) -> Any:
    """A value of a row for people and JSON: fractions in words, no bytes."""
    if isinstance(value, dict) and value.keys() == {"num", "den"}:
        return f"{value['num']}/{value['den']}" if value["den"] != 1 else str(value["num"])
    if isinstance(value, list):
        return [plain(one) for one in value]
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


def copies_of(clip: OneClip) -> Iterator[Copy]:
    """The other clips of the clip's cluster of duplicates, the one to keep first."""
    own = clip.row(DEDUP)
    if own is None:
        return
    columns = ["clip_id", "video_id", "cluster_id", "keep", "relation", "copy_of", "similarity"]
    stored = clip.made[DEDUP.name].output(clip.dataset)
    rows = clip.scope.keep(stored.read(columns, DEDUP.schema))
    others = rows.filter(
        pc.and_(
            pc.equal(rows["cluster_id"], own.cluster_id), pc.not_equal(rows["clip_id"], own.clip_id)
        )
    )
    for row in others.sort_by([("keep", "descending"), ("clip_id", "ascending")]).to_pylist():
        del row["cluster_id"], row["video_id"]
        yield Copy(**row)


def keyframe_files(clip: OneClip) -> list[str]:
    """Where the clip's keyframes lie."""
    row = clip.row(KEYFRAMES)
    if row is None:
        return []
    files = clip.made[KEYFRAMES.name].output(clip.dataset).files
    return [str(files / keyframe.file) for keyframe in row.keyframes]


def exported_files(clip: OneClip) -> list[str]:
    """Where the clip's files lie in each export, or in the data set where they are packed."""
    row = clip.row(EXPORTS)
    if row is None:
        return []
    made = clip.made[EXPORTS.name]
    config = made.config
    assert isinstance(config, ExportConfig)
    outs = [config.out or clip.dataset.root / folder_name(target) for target in config.target]
    names = [name for name in (row.file, row.wav) if name]
    exported = [out / CLIPS_FOLDER / name for out in outs for name in names]
    own = [made.output(clip.dataset).files / name for name in names]
    return [str(file) for file in [file for file in exported if file.exists()] or own]


def words_heard(clip: OneClip) -> tuple[str | None, str | None]:
    """Return the words that are said in the clip, or None and why they cannot be read, if so."""
    transcript, span = clip.row(TRANSCRIPTS), clip.row(CLIPS)
    if transcript is None or span is None:
        return None, None
    file = clip.made[TRANSCRIPTS.name].output(clip.dataset).files / transcript.words_file
    try:
        words = words_in(read_words(local_copy(file)), span.start_s, span.end_s)
    except MediaError as error:
        return None, str(error)
    return spoken_text(words), None


def write_strip(clip: OneClip, file: Path | None) -> tuple[Path | None, str | None]:
    """Write the clip's strip to a file; returns the file, or None and why there is none.

    Raises UsageError where the file's folder is not there.
    """
    if file is not None and not file.absolute().parent.is_dir():
        raise UsageError(f"{file.absolute().parent} is not a folder: name another file")
    where = file or cache_folder() / "strips" / f"{clip.keys[CLIPS.key]}.jpg"
    scan, span = clip.row(SCANS), clip.row(CLIPS)
    if scan is None or span is None:
        return None, f"its video has no scan: `{command_of(SCANS, clip.dataset)}`"
    samples = clip.made[SCANS.name].output(clip.dataset).files / scan.samples_file
    try:
        strip = clip_strip(local_copy(samples), span, STRIP_PICTURES, STRIP_HEIGHT)
    except MediaError as error:
        return None, str(error)
    with atomic_write(where) as partial_file:
        partial_file.write_bytes(strip)
    return where.absolute(), None
