"""Classes of clips: the values of a column, buckets of a number, shapes, columns of a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.errors import RuleError
from vidcurate.records import CLIPS, SOURCES, VIDEOS
from vidcurate.rules import parse
from vidcurate.rules.evaluation import evaluate, numbers_present, spread
from vidcurate.rules.join import joined_columns
from vidcurate.rules.schema import kind_of_value
from vidcurate.rules.tree import Column
from vidcurate.store.table import Table, positions, take_nullable

ASPECT = "aspect"
# With an x: YAML reads 16:9 as a number of seconds.
SHAPES = ("9x21", "9x16", "2x3", "3x4", "1x1", "4x3", "3x2", "16x9", "21x9")
LISTED = f"{SOURCES.name}.extra."
Tables = Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Classes:
    """The class of each clip: its number among `names`, -1 for a clip without a value.

    `expected` are the names of all classes that there can be, where that is known.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]
    expected: tuple[str, ...] = ()


def columns_read(by: str) -> frozenset[tuple[str, str]]:
    """Every (table, column) that tells a clip's class.

    Raises RuleError for what cannot be read.
    """
    if by == ASPECT:
        return frozenset((VIDEOS.name, f"display_{side}") for side in ("width", "height"))
    if by.startswith(LISTED):
        return frozenset({(SOURCES.name, "extra"), (SOURCES.name, "path")})
    return parse(by).columns


def check_classes(
    by: str, edges: Sequence[float], known: Mapping[str, Table[Any]], commands: Mapping[str, str]
) -> None:
    """Check that clips can be told apart by this; raises RuleError with what is wrong."""
    if by == ASPECT or by.startswith(LISTED):
        if edges:
            raise RuleError(f"{by} is text: only a number has edges")
        return
    kind, is_whole = kind_of_value(parse(by), {n: t.schema for n, t in known.items()}, commands)
    if kind not in ("number", "string", "boolean"):
        raise RuleError(f"{by} is a {kind}: name text, a number, or a condition")
    if edges and kind != "number":
        raise RuleError(f"{by} is a {kind}: only a number has edges")
    if not edges and kind == "number" and not is_whole:
        raise RuleError(f"{by} is a number with fractions: name edges, such as [2, 5, 10]")


def check_score(by: str, known: Mapping[str, Table[Any]], commands: Mapping[str, str]) -> None:
    """Check that this is a number that clips have; raises RuleError with what is wrong."""
    kind, _ = kind_of_value(parse(by), {n: t.schema for n, t in known.items()}, commands)
    if kind != "number":
        raise RuleError(f"{by} is a {kind}, expected a number")


def classes_of(
    by: str,
    edges: Sequence[float],
    clips: pa.Table,
    tables: Tables,
    known: Mapping[str, Table[Any]],
) -> Classes:
    """The class of each clip."""
    values = values_of(by, clips, tables, known)
    if edges:
        numbers = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        codes = np.searchsorted(np.array(edges, float), numbers, "right").astype(np.int32)
        names = bucket_names(edges)
        return Classes(names, np.where(np.isnan(numbers), -1, codes).astype(np.int32), names)
    encoded = pc.cast(values, pa.large_string()).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Classes(tuple(encoded.dictionary.to_pylist()), codes)


def values_of(
    by: str, clips: pa.Table, tables: Tables, known: Mapping[str, Table[Any]]
) -> pa.Array:
    """The value of each clip, null where it has none."""
    if by == ASPECT:
        return shapes_of(clips, tables)
    if by.startswith(LISTED):
        name = by.removeprefix(LISTED)
        return listed_values(name, clips["video_id"], tables[SOURCES.name])
    rule = parse(by)
    columns = joined_columns(clips, CLIPS.name, rule.columns, known, tables.__getitem__)
    values = {Column(*pair): numbers_present(columns[".".join(pair)]) for pair in rule.columns}
    return spread(evaluate(rule.tree, values), clips.num_rows)


def shapes_of(clips: pa.Table, tables: Tables) -> pa.Array:
    """The shape of each clip's picture: the one of SHAPES whose ratio is nearest to its own."""
    videos = tables[VIDEOS.name]
    width, height = (videos[f"display_{side}"].to_numpy() for side in ("width", "height"))
    ratios = [int(shape.split("x")[0]) / int(shape.split("x")[1]) for shape in SHAPES]
    own = np.log(width / height)
    nearest = np.abs(own[:, None] - np.log(ratios)[None, :]).argmin(axis=1)
    where = positions(clips["video_id"], videos["video_id"])
    return pa.array(SHAPES).take(pa.array(nearest).take(where))


def listed_values(name: str, video_ids: pa.ChunkedArray, sources: pa.Table) -> pa.Array:
    """What the user's list says of each video in a column; null where it says nothing."""
    said = listed(name, sources)
    last = said.take(pa.array(np.arange(said.num_rows)[::-1]))
    return take_nullable(last["value"], positions(video_ids, last["video_id"]))


def listed(name: str, sources: pa.Table) -> pa.Table:
    """What the user's list says of each file in a column: `video_id`, `path` and `value`.

    A file that was listed again has the later row alone.
    """
    numbered = sources.select(["path"]).append_column("row", pa.array(np.arange(len(sources))))
    last = numbered.group_by("path").aggregate([("row", "max")])["row_max"].sort()
    rows = sources.take(last)
    value = pc.map_lookup(rows["extra"], name, "last")
    said = pa.table({"video_id": rows["video_id"], "path": rows["path"], "value": value})
    return said.filter(pc.greater(pc.utf8_length(value), 0).fill_null(False))


def bucket_names(edges: Sequence[float]) -> tuple[str, ...]:
    """The buckets between some edges; a bucket holds its lower edge."""
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return (f"under {edges[0]:g}", *between, f"{edges[-1]:g} and over")
