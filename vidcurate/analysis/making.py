"""How a data set was made: options, versions, time, speed, space on disk and use of models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.options import options_of
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import CLIPS, SCANS, VIDEOS
from vidcurate.rules.join import Read
from vidcurate.store.dataset import OK, Dataset
from vidcurate.store.storage import bytes_below, list_folders
from vidcurate.store.table import positions

USAGE_COLUMNS = ("n_requests", "prompt_tokens", "completion_tokens", "seconds")


@dataclass(frozen=True)
class Setting:
    """An option of a stage with its value and its default, as files have them."""

    stage: str
    option: str
    value: Any
    default: Any
    description: str

    @property
    def is_changed(self) -> bool:
        """Whether the value is not the default."""
        return bool(self.value != self.default)


@dataclass(frozen=True)
class StageSpeed:
    """How fast a stage worked, by the time that its inputs took of workers.

    `rate` is inputs a second, `realtime` seconds of video a second; null where no time was taken,
    or where inputs have no length.
    """

    stage: str
    inputs: int
    worker_s: float
    rate: float | None
    realtime: float | None


@dataclass(frozen=True)
class ModelUse:
    """What the rows of a table took of a model; tokens are null where it does not count them."""

    stage: str
    backend: str
    model: str
    rows: int
    n_requests: int
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


def settings(plan: Sequence[ResolvedStage]) -> Iterator[Setting]:
    """Every option of every stage that the data set has, as it was last run."""
    for resolved in plan:
        values = resolved.config.model_dump(mode="json")
        defaults = type(resolved.config)().model_dump(mode="json")
        specs = options_of(type(resolved.config))
        for name, value in values.items():
            # An option that only another way takes has no default among the default's own.
            default = defaults[name] if name in defaults else plain(specs[name].default)
            yield Setting(resolved.stage.name, name, value, default, specs[name].description)


def plain(value: Any) -> Any:
    """A default as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def library_versions(manifest: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Of each library its versions, each with the stages whose rows it made; the latest first."""
    found: dict[str, dict[str, list[str]]] = {}
    for entry in manifest.values():
        sets = [entry.get("versions", {}), *entry.get("earlier_versions", [])]
        for library, version in dict.fromkeys(pair for one in sets for pair in one.items()):
            found.setdefault(library, {}).setdefault(version, []).append(entry["stage"])
    return found


def speeds(
    dataset: Dataset, plan: Sequence[ResolvedStage], counts: Sequence[StageCount], read: Read
) -> Iterator[StageSpeed]:
    """The speed of each stage, by its rows of what is done."""
    lengths = lengths_by_key(plan, read)
    by_stage = {count.stage: count for count in counts}
    for resolved in plan:
        count = by_stage[resolved.stage.name]
        seconds = count.seconds
        video_s = None
        if resolved.stage.reads.key in lengths:
            keys, length = lengths[resolved.stage.reads.key]
            done = resolved.output(dataset).done()
            timed = done.filter(pc.and_(pc.equal(done["status"], OK), pc.is_valid(done["seconds"])))
            video_s = pc.sum(length.take(positions(timed["id"], keys))).as_py()
        is_timed = seconds > 0
        yield StageSpeed(
            resolved.stage.name,
            count.inputs,
            seconds,
            count.inputs / seconds if is_timed else None,
            video_s / seconds if is_timed and video_s else None,
        )


def lengths_by_key(
    plan: Sequence[ResolvedStage], read: Read
) -> dict[str, tuple[pa.ChunkedArray, pa.Array]]:
    """For the keys of videos and of clips: all of them, and their lengths in seconds."""
    present = {resolved.stage.writes.name for resolved in plan}
    found = {}
    for table in (VIDEOS, SCANS, CLIPS):
        if table.name in present and table.key not in found:
            rows = read(table.name)
            found[table.key] = (rows[table.key], rows["duration_s"].combine_chunks())
    return found


def disk_use(dataset: Dataset) -> list[tuple[str, int]]:
    """The folders of a data set with their bytes, the largest first."""
    sizes = [(folder.name, bytes_below(folder)) for folder in list_folders(dataset.root)]
    return sorted(sizes, key=lambda size: -size[1])


def model_use(plan: Sequence[ResolvedStage], read: Read) -> Iterator[ModelUse]:
    """What each model took, of tables whose rows say it; one that was asked nothing is left out."""
    for resolved in plan:
        table = resolved.stage.writes
        if "n_requests" not in table.schema.names:
            continue
        used = read(table.name)
        used = used.filter(pc.greater(used["n_requests"], 0))
        sums = used.group_by(["backend", "model"]).aggregate(
            [*((name, "sum") for name in USAGE_COLUMNS), ("n_requests", "count")]
        )
        for row in sums.to_pylist():
            yield ModelUse(
                resolved.stage.name,
                row["backend"],
                row["model"],
                row["n_requests_count"],
                *(row[f"{name}_sum"] for name in USAGE_COLUMNS),
            )
