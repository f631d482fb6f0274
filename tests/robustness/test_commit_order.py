"""The history of a data set lies in the data: no time of a file, and no way of copying, counts."""

import os
import random
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest

from tests.support.s3_server import reached
from tests.support.toy_data import Bench, Recorder
from tests.support.toy_stages import MARKS, TOYS, Mark
from vidcurate.pipeline.counts import cached_count
from vidcurate.pipeline.discovery.found_files import add_files
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.scope import FOUND, Scope, live_scope
from vidcurate.records import FILES, SOURCES, FoundFile
from vidcurate.store.commits import commit_name
from vidcurate.store.dataset import DONE, FAILED, OK, Dataset
from vidcurate.store.storage import Remote, copy
from vidcurate.store.versions import library_versions

OPTIONS: dict[str, Any] = {"pieces": {"step": 3}}


def with_history(folder: Path) -> Bench:
    """A data set whose videos were found again with other content, and failures tried again."""
    folder.mkdir()
    bench = Bench(folder)
    bench.add("a", "b", "c")
    bench.run(marks={"fail": "a.1 b.0"}, **OPTIONS)
    for label in ("a", "b"):
        (folder / f"{label}.video").write_text(f"video {label} is longer now", "utf-8")
        bench.add(label)
        bench.run(marks={"fail": "a.1"}, **OPTIONS)
    bench.run(run_options=RunOptions(retry_failed=True), **OPTIONS)
    bench.run(pick={"min_mark": 1}, **OPTIONS)
    return bench


def reported(bench: Bench) -> dict[str, Any]:
    """All rows in their order, what became of each input, which videos live, and kept counts."""
    dataset, manifest = bench.dataset, bench.dataset.manifest()
    plan = resolve(dataset, TOYS, ["notes"], bench.configs(pick={"min_mark": 1}, **OPTIONS))
    sources = next(p for p in plan if p.stage.writes is SOURCES).output(dataset)
    scope = live_scope(dataset, sources, None)
    tables = {
        stage.writes.name: dataset.stored(stage.writes, manifest[stage.writes.name]["fingerprint"])
        for stage in TOYS
    }
    return {
        "id": dataset.id,
        "rows": {s.writes.name: tables[s.writes.name].read(None, s.writes.schema) for s in TOYS},
        "words": {name: stored.done_with_versions() for name, stored in tables.items()},
        "live": scope,
        "counts": [cached_count(dataset, resolved, Scope()) for resolved in plan],
    }


def times(order: str, n: int) -> list[int]:
    """A time for each of n files."""
    if order == "equal":
        return [1_700_000_000] * n
    found = list(range(1_700_000_000, 1_700_000_000 + n))
    random.Random(order).shuffle(found)  # noqa: S311 - nobody guards a secret with it
    return found[::-1] if order == "reversed" else found


@pytest.mark.parametrize("order", ["equal", "shuffled", "reversed"])
def test_a_copy_with_any_times_is_the_same_data_set(tmp_path: Path, order: str) -> None:
    """Rows, words, live videos and kept counts are the same; a run finds nothing to do."""
    bench = with_history(tmp_path / "one")
    before = reported(bench)
    assert before["id"]
    copied = Bench(tmp_path / "two")
    shutil.copytree(bench.folder, copied.folder, copy_function=shutil.copyfile)
    files = sorted(p for p in copied.folder.joinpath("data").rglob("*") if p.is_file())
    for file, seconds in zip(files, times(order, len(files)), strict=True):
        os.utime(file, (seconds, seconds))
    assert reported(copied) == before
    recorder = Recorder()
    assert copied.run(recorder=recorder, pick={"min_mark": 1}, **OPTIONS) == []
    assert {stage: todo for stage, (todo, _) in recorder.todo.items() if todo} == {}


@pytest.fixture
def folder(s3_address: dict[str, str], tmp_path: Path) -> Iterator[Remote]:
    """A folder in a bucket."""
    with reached(s3_address):
        yield Remote(f"bucket/{tmp_path.name}")


def test_objects_may_be_copied_in_any_order(folder: Remote) -> None:
    """In a bucket the times are those of the copy: the last word and the live file stay."""
    first = folder / "first"
    add_files(Dataset(first), [FoundFile("x", "/video", {}, None)])
    add_files(Dataset(first), [FoundFile("y", "/video", {}, None)])
    stored = Dataset(first).stored(MARKS, "0123456789ab")
    for number, status in enumerate((FAILED, OK)):
        done = {"id": "a", "status": status, "reason": None, "seconds": 0.0}
        rows = MARKS.to_arrow([Mark("a", "video", number)]) if status == OK else None
        words = pa.Table.from_pylist([done], schema=DONE)
        stored.commit(commit_name(stored.next_number(), ["a"]), rows, words)
    for name in sorted(first.below(), reverse=True):
        copy(first / name, folder / "second" / name)
    copied = Dataset(folder / "second")
    paths = copied.stored(FILES, FOUND).read(["file_id", "path"], FILES.schema)
    assert paths["file_id"].to_pylist() == ["x", "y"]
    words = copied.stored(MARKS, "0123456789ab").done()
    assert words["status"].to_pylist() == [OK]
    assert words.equals(stored.done())


def test_rows_say_by_which_libraries_they_were_made(tmp_path: Path) -> None:
    """A run with other libraries leaves what is said of earlier rows, also when put together."""
    bench = Bench(tmp_path)
    bench.add("a")
    bench.run()
    old, new = metadata.version("av"), "99.1"
    assert bench.dataset.manifest()["marks"]["versions"]["av"] == old
    library_versions.cache_clear()
    with patch("importlib.metadata.version", lambda _name: new):
        bench.run()
        assert bench.dataset.manifest()["marks"]["versions"]["av"] == old, "nothing was made"
        bench.add("b")
        bench.run()
    library_versions.cache_clear()
    entry = bench.dataset.manifest()["marks"]
    assert entry["versions"]["av"] == new
    assert [made["av"] for made in entry["earlier_versions"]] == [old]
    stored = bench.dataset.stored(MARKS, entry["fingerprint"])
    stored.remove_inputs(pa.array(["no such piece"]), MARKS.key, MARKS.schema)
    assert len(stored.commits()) == 1
    versions, words = stored.versions(), stored.done_with_versions().to_pylist()
    assert {w["id"]: versions[w["versions_id"]]["av"] for w in words} == {"a.0": old, "b.0": new}
