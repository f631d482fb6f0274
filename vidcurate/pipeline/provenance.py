"""What made the current rows of a table: the entry in the manifest, and a table stage's inputs."""

import hashlib
import json
from collections.abc import Mapping

import pyarrow as pa

from vidcurate.options import given_options
from vidcurate.pipeline.inputs import live_inputs
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.scope import Scope
from vidcurate.stage import TableStage
from vidcurate.store.atomic import write_text
from vidcurate.store.dataset import Dataset, StoredTable
from vidcurate.store.versions import library_versions

# From which rows a table stage was made; no Parquet file, so that it changes no listing.
MADE_FROM_FILE = "made_from.json"


def record_in_manifest(
    dataset: Dataset, resolved: ResolvedStage, *, was_written: bool = False
) -> None:
    """Write into the manifest what makes a table's current rows.

    Of a table that `was_written` the versions of libraries are read anew from its commits: rows
    of an earlier run were made by others, and workers on other machines may have their own.
    """
    stage = resolved.stage
    before = dataset.manifest().get(stage.writes.name, {})
    entry = {
        "stage": stage.name,
        "fingerprint": resolved.fingerprint,
        "version": stage.version.number,
        "options": resolved.config.model_dump(mode="json"),
        "decides": sorted(given_options(resolved.config)),
        "reads": {k: v for k, v in resolved.tables.items() if k != stage.writes.name},
    }
    if was_written or before.get("fingerprint") != resolved.fingerprint:
        versions = [*resolved.output(dataset).versions().values()] or [library_versions()]
        entry["versions"], entry["earlier_versions"] = versions[-1], versions[:-1]
    else:
        entry |= {k: before[k] for k in ("versions", "earlier_versions") if k in before}
    if before != entry or dataset.id is None:
        dataset.record(stage.writes, entry)


def record_inputs(
    dataset: Dataset,
    resolved: ResolvedStage,
    scope: Scope,
    keys: pa.ChunkedArray,
    tables: Mapping[str, str],
) -> None:
    """Note from which tables, and which input `keys`, a table stage has just been made.

    `tables` are the hashes before they were read: a review adds decisions while a run goes on.
    """
    made_from = {
        "tables": dict(tables),
        "scope": scope.digest,
        "inputs": hash_of_keys(keys),
    }
    write_text(resolved.output(dataset).folder / MADE_FROM_FILE, json.dumps(made_from))


def reason_to_redo(dataset: Dataset, resolved: ResolvedStage, scope: Scope) -> str:
    """Why a table stage has to be made anew, in words; empty where it need not."""
    if not isinstance(resolved.stage, TableStage):
        return ""
    file = resolved.output(dataset).folder / MADE_FROM_FILE
    made_from = json.loads(file.read_text("utf-8")) if file.exists() else {"tables": {}}
    now = table_hashes(dataset, resolved)
    changed = [name for name in now if made_from["tables"].get(name) != now[name]]
    if changed:
        return f"{', '.join(changed)} changed since it was made"
    if made_from["scope"] != scope.digest:
        keys = live_inputs(dataset, resolved, scope)[resolved.stage.reads.key]
        if made_from["inputs"] != hash_of_keys(keys):
            return "it was made of other videos, or a part of them"
    return ""


def table_hashes(dataset: Dataset, resolved: ResolvedStage) -> dict[str, str]:
    """For each table that a stage reads, a hash of its files' names."""
    stored_tables = {
        name: StoredTable(dataset.root / name / made)
        for name, made in resolved.tables.items()
        if name != resolved.stage.writes.name
    }
    listed = {name: json.dumps([s.folder.name, s.listing()]) for name, s in stored_tables.items()}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in listed.items()}


def hash_of_keys(keys: pa.ChunkedArray) -> str:
    """A hash of keys in their order, however they are cut into chunks."""
    hashed = hashlib.sha256()
    for chunk in keys.chunks:
        hashed.update("".join(f"{key}\n" for key in chunk.to_pylist()).encode())
    return hashed.hexdigest()
