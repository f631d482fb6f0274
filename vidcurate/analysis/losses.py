"""What did not come through: inputs that failed or were dropped, by stage and reason, by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.rows import status_rows
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import CLIPS, FILES, SCANS, SOURCES, VIDEOS
from vidcurate.rules.join import Read, video_paths
from vidcurate.stage import takes_lists
from vidcurate.store.dataset import DROPPED, FAILED, Dataset
from vidcurate.store.table import positions, take_nullable


@dataclass(frozen=True, slots=True)
class Named:
    """An input as people know it: its file, and its times where it is a clip."""

    key: str
    path: str | None
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True)
class LostInputs:
    """The inputs of a stage that one reason stopped: `count` in all, and the first ones by name."""

    stage: str
    status: str
    reason: str
    count: int
    named: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class OddFile:
    """A file with something wrong in it, and what that is."""

    path: str
    faults: tuple[str, ...]


def lost_inputs(
    dataset: Dataset, plan: Sequence[ResolvedStage], read: Read, max_named: int
) -> list[LostInputs]:
    """Inputs that failed or were dropped: by stage, failures first, the most frequent first.

    Of each reason at most `max_named` are named.
    """
    return [
        lost
        for resolved in plan
        for lost in lost_by_reason(dataset, tuple(plan), resolved, read, max_named)
    ]


def lost_by_reason(
    dataset: Dataset,
    plan: tuple[ResolvedStage, ...],
    resolved: ResolvedStage,
    read: Read,
    max_named: int,
) -> Iterator[LostInputs]:
    """The inputs that one stage lost."""
    stage = resolved.stage
    table, key = stage.writes.name, (stage.writes if takes_lists(stage) else stage.reads).key
    rows = status_rows(dataset, plan, table, (FAILED, DROPPED), None, None)
    if not rows.num_rows:
        return
    rows = rows.set_column(
        rows.schema.get_field_index("reason"), "reason", pc.fill_null(rows["reason"], "no reason")
    )
    for status in (FAILED, DROPPED):
        of_status = rows.filter(pc.equal(rows["status"], status))
        counts = pc.value_counts(of_status["reason"]).to_pylist()
        for count in sorted(counts, key=lambda c: (-c["counts"], c["values"])):
            same = of_status.filter(pc.equal(of_status["reason"], count["values"]))
            named = names_of(same.slice(0, max_named), key, read)
            yield LostInputs(
                resolved.stage.name, status, count["values"], count["counts"], tuple(named)
            )


def names_of(rows: pa.Table, key: str, read: Read) -> Iterator[Named]:
    """Inputs as people know them."""
    keys = rows[key].to_pylist()
    n = rows.num_rows
    paths: list[str | None] = (
        rows["path"].to_pylist() if "path" in rows.column_names else [None] * n
    )
    starts: list[float | None] = [None] * n
    ends: list[float | None] = [None] * n
    if key == CLIPS.key:
        clips = read(CLIPS.name)
        clips = clips.take(positions(rows[key], clips[key]))
        paths = video_paths(clips, read(SOURCES.name)).to_pylist()
        starts, ends = clips["start_s"].to_pylist(), clips["end_s"].to_pylist()
    for facts in zip(keys, paths, starts, ends, strict=True):
        yield Named(*facts)


def odd_files(read: Read, present: Sequence[str], max_files: int) -> tuple[list[OddFile], int]:
    """Files with faults: the first ones by path, and how many there are in all."""
    found: dict[str, list[str]] = {}
    for path, fault in faults_told(read, present):
        found.setdefault(path, []).append(fault)
    files = [OddFile(path, tuple(dict.fromkeys(faults))) for path, faults in sorted(found.items())]
    return files[:max_files], len(files)


def faults_told(read: Read, present: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with files, as listing, probing and decoding found it, each with its path."""
    files = read(FILES.name)
    bad = files.filter(pc.is_valid(files["fault"]))
    yield from zip(bad["path"].to_pylist(), bad["fault"].to_pylist(), strict=True)
    if SOURCES.name not in present:
        return
    sources = read(SOURCES.name)
    if VIDEOS.name in present:
        videos = read(VIDEOS.name)
        odd = videos.filter(pc.greater(pc.list_value_length(videos["faults"]), 0))
        for path, faults in zip(paths(odd, sources), odd["faults"].to_pylist(), strict=True):
            yield from ((path, fault) for fault in faults)
    if SCANS.name in present:
        scans = read(SCANS.name)
        damaged = pc.or_(pc.is_valid(scans["fault"]), pc.greater(scans["n_decode_errors"], 0))
        odd = scans.filter(damaged)
        rows = odd.select(["fault", "n_decode_errors"]).to_pylist()
        for path, row in zip(paths(odd, sources), rows, strict=True):
            if row["fault"]:
                yield path, row["fault"]
            if row["n_decode_errors"]:
                yield path, f"packets that could not be decoded: {row['n_decode_errors']}"


def paths(rows: pa.Table, sources: pa.Table) -> list[str]:
    """The paths of rows' videos; the id of one whose file is gone."""
    found = take_nullable(sources["path"], positions(rows["video_id"], sources["video_id"]))
    ids = rows["video_id"].combine_chunks().cast(found.type)
    return list(pc.coalesce(found, ids).to_pylist())
