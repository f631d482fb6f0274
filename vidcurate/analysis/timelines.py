"""Films as time lines: where each clip and each transition lies, and how much of a film stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.analysis.fates import FATES
from vidcurate.records import CLIPS, CUTS, SCANS, SOURCES, VIDEOS
from vidcurate.rules.join import Read
from vidcurate.store.table import positions, take_nullable

# What an export holds, or would hold.
STAYING = ("exported", "captioned", "kept")
MICROSECONDS = 1_000_000
FATE_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "exported": "in the export",
        "captioned": "passes all rules and has a caption; not exported yet",
        "kept": "passes all rules",
        "refused": "passes the rules over scores; one over texts refuses it",
        "left out": "passes all rules; quotas leave it out",
        "unmeasured": "a rule lacks a number",
        "rejected": "a rule rejects it",
        "waiting": "no rule has been tried yet",
    }
)


@dataclass(frozen=True)
class Timelines:
    """Films, their clips and their transitions, each a table; all in the order of films.

    `films` has `video_id`, `path`, `start_pts` (of the first frame), `time_base` (seconds a tick),
    `media_start_s` (where players begin to count), `duration_s` (null where it was not measured),
    `n_clips`, `n_cuts` and `kept_s`, the seconds that lie in a clip that stays. `clips` has
    `film` (its number among films), `clip_id`, `start_pts`, `end_pts`, `fate` (a number in FATES),
    `reason` and `row`, the clip's place in the table of clips. `cuts` has `film`, `start_pts`,
    `end_pts`, `kind`, `confidence` and `detector`.
    """

    films: pa.Table
    clips: pa.Table
    cuts: pa.Table


def film_timelines(read: Read, present: Sequence[str], fates: pa.Table) -> Timelines:
    """The time lines of all live films; `present` names the tables that the data set has.

    `fates` is what `clip_fates` returns. Without a table of cuts no film has a transition.
    """
    films = film_facts(read, present)
    clips = film_clips(read(CLIPS.name), fates, films)
    cuts = film_cuts(read(CUTS.name), films) if CUTS.name in present else no_cuts()
    counted = {
        "n_clips": per_film(clips["film"], films.num_rows),
        "n_cuts": per_film(cuts["film"], films.num_rows),
        "kept_s": kept_seconds(clips, films),
    }
    for name, values in counted.items():
        films = films.append_column(name, pa.array(values))
    return Timelines(films, clips, cuts)


def film_facts(read: Read, present: Sequence[str]) -> pa.Table:
    """Every live source with its clock and length, by path."""
    sources = read(SOURCES.name).select(["video_id", "path"]).sort_by([("path", "ascending")])
    columns = {name: sources[name] for name in sources.column_names}
    no_numbers = pa.nulls(sources.num_rows, pa.int64())
    start, base, length, media_start = no_numbers, None, None, no_numbers
    for table, start_column in ((VIDEOS, "start_pts"), (SCANS, "first_pts")):
        if table.name not in present:
            continue
        rows = read(table.name)
        where = positions(sources["video_id"], rows["video_id"])
        start = pc.coalesce(take_nullable(rows[start_column], where), start)
        ticks = take_nullable(rows["time_base"], where)
        base = ticks if base is None else pc.if_else(pc.is_valid(ticks), ticks, base)
        seconds = take_nullable(rows["duration_s"], where)
        length = seconds if length is None else pc.coalesce(seconds, length)
        if table is VIDEOS:
            media_start = take_nullable(rows["container_start_us"], where)
    n = sources.num_rows
    columns["start_pts"] = pc.fill_null(start, 0)
    columns["time_base"] = pa.array(seconds_a_tick(base, n))
    columns["media_start_s"] = pc.divide(
        pc.cast(pc.fill_null(media_start, 0), pa.float64()), float(MICROSECONDS)
    )
    columns["duration_s"] = pa.nulls(n, pa.float64()) if length is None else length
    return pa.table(columns)


def seconds_a_tick(fractions: pa.Array | None, n_films: int) -> NDArray[np.float64]:
    """The length of a tick of each film in seconds; 0 where it was not measured."""
    if fractions is None:
        return np.zeros(n_films)
    num, den = (pc.fill_null(pc.struct_field(fractions, part), 0) for part in ("num", "den"))
    num, den = num.to_numpy(zero_copy_only=False), den.to_numpy(zero_copy_only=False)
    return np.asarray(np.divide(num, den, out=np.zeros(n_films), where=den > 0), np.float64)


def film_clips(clips: pa.Table, fates: pa.Table, films: pa.Table) -> pa.Table:
    """The clips of films, each with its film's number, its fate and its place in the table."""
    film = positions(clips["video_id"], films["video_id"])
    where = positions(clips[CLIPS.key], fates[CLIPS.key])
    table = pa.table(
        {
            "film": film,
            "clip_id": clips[CLIPS.key],
            "start_pts": clips["start_pts"],
            "end_pts": clips["end_pts"],
            "fate": pc.index_in(fates["fate"].combine_chunks().take(where), pa.array(FATES)),
            "reason": fates["reason"].combine_chunks().take(where),
            "row": pa.array(np.arange(clips.num_rows)),
        }
    )
    order = [("film", "ascending"), ("start_pts", "ascending"), ("end_pts", "ascending")]
    return table.filter(pc.is_valid(film)).sort_by(order).combine_chunks()


def film_cuts(rows: pa.Table, films: pa.Table) -> pa.Table:
    """The transitions of films, each with its film's number."""
    film = positions(rows["video_id"], films["video_id"])
    lists = rows["cuts"].combine_chunks()
    parents = pc.list_parent_indices(lists)
    each = pc.list_flatten(lists)
    names = ("start_pts", "end_pts", "kind", "confidence", "detector")
    columns = {name: pc.struct_field(each, name) for name in names}
    table = pa.table({"film": film.take(parents), **columns})
    order = [("film", "ascending"), ("start_pts", "ascending")]
    return table.filter(pc.is_valid(table["film"])).sort_by(order).combine_chunks()


def no_cuts() -> pa.Table:
    """The transitions of films where none were looked for."""
    return pa.schema(
        [
            ("film", pa.int32()),
            ("start_pts", pa.int64()),
            ("end_pts", pa.int64()),
            ("kind", pa.string()),
            ("confidence", pa.float64()),
            ("detector", pa.string()),
        ]
    ).empty_table()


def per_film(film: pa.ChunkedArray, n_films: int) -> NDArray[np.int64]:
    """How many rows each film has."""
    return np.bincount(film.to_numpy(), minlength=n_films)


def kept_seconds(clips: pa.Table, films: pa.Table) -> NDArray[np.float64]:
    """The seconds of each film that lie in a clip that stays; overlapping clips count once."""
    stays = [FATES.index(fate) for fate in STAYING]
    staying = clips.filter(pc.is_in(clips["fate"], value_set=pa.array(stays, pa.int32())))
    film, start, end = (staying[name].to_numpy() for name in ("film", "start_pts", "end_pts"))
    if not len(film):
        return np.zeros(films.num_rows)
    # Films lie one after another on one line, so that a running maximum stays within a film.
    shift = film.astype(np.int64) * (int(max(end.max(), -start.min(), 0)) * 2 + 1)
    reached = np.maximum.accumulate(end + shift)
    before = np.concatenate([[np.iinfo(np.int64).min], reached[:-1]])
    ticks = np.maximum(end + shift - np.maximum(start + shift, before), 0)
    total = np.bincount(film, weights=ticks, minlength=films.num_rows)
    return np.asarray(total * films["time_base"].to_numpy(), np.float64)


def some_films(timelines: Timelines, max_clips: int) -> Timelines:
    """The time lines of so many films, evenly spread, that they have at most `max_clips` clips.

    At least one film stays, with all its clips.
    """
    n_clips = timelines.films["n_clips"].to_numpy()
    if n_clips.sum() <= max_clips or len(n_clips) == 1:
        return timelines
    chosen = spread_films(n_clips, max_clips)
    new_number = np.full(len(n_clips), -1)
    new_number[chosen] = np.arange(len(chosen))
    return Timelines(
        timelines.films.take(pa.array(chosen)),
        *(renumbered(table, new_number) for table in (timelines.clips, timelines.cuts)),
    )


def spread_films(n_clips: NDArray[np.int64], max_clips: int) -> NDArray[np.int64]:
    """The numbers of films, evenly spread, that have at most `max_clips` clips; at least one."""
    n_films = len(n_clips)
    share = min(1.0, max_clips / max(n_clips.sum(), 1))
    while True:
        count = max(1, int(n_films * share))
        chosen = ((np.arange(count) + 0.5) * n_films / count).astype(np.int64)
        if count == 1 or n_clips[chosen].sum() <= max_clips:
            return chosen
        share *= 0.9


def renumbered(table: pa.Table, new_number: NDArray[np.int64]) -> pa.Table:
    """The rows of films that have a new number, with that."""
    numbers = new_number[table["film"].to_numpy()]
    kept = table.set_column(0, "film", pa.array(numbers, pa.int32()))
    return kept.filter(pa.array(numbers >= 0))
