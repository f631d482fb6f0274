"""Who reads a data set without a lock is never stopped, or misled, by who tidies it up."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.s3_server import reached
from tests.support.toy_stages import MARKS, Mark
from vidcurate.analysis.view import read_consistently
from vidcurate.errors import UsageError
from vidcurate.store.cache import staging_folder
from vidcurate.store.commits import commit_name
from vidcurate.store.dataset import DONE, OK, Dataset, StoredTable
from vidcurate.store.storage import Location, Remote, remove

N_ROWS = 40


def marks(value: int) -> tuple[pa.Table, pa.Table]:
    """A whole table whose rows all have one value, and its words."""
    ids = [f"{n}" for n in range(N_ROWS)]
    words = [{"id": i, "status": OK, "reason": None, "seconds": float(value)} for i in ids]
    rows = MARKS.to_arrow([Mark(i, "video", value) for i in ids])
    return rows, pa.Table.from_pylist(words, schema=DONE)


@pytest.fixture(params=["disk", "objects"])
def root(
    request: pytest.FixtureRequest, s3_address: dict[str, str], tmp_path: Path
) -> Iterator[Location]:
    """A folder on a disk, and one in a bucket."""
    with reached(s3_address):
        yield tmp_path if request.param == "disk" else Remote(f"bucket/{tmp_path.name}")


def test_what_is_read_is_one_state_of_the_table(root: Location) -> None:
    """While a table is made anew again and again, each reading is all rows of one making."""
    stored = Dataset(root).stored(MARKS, "0123456789ab")
    stored.replace(*marks(0))
    ended = threading.Event()

    def write() -> None:
        value = 0
        while not ended.is_set():
            value += 1
            stored.replace(*marks(value))
            # A batch more, and all put together again.
            name = commit_name(stored.next_number(), ["more"])
            stored.commit(name, *(table.slice(0, 1) for table in marks(value)))
            stored.remove_inputs(pa.array(["none"]), MARKS.key, MARKS.schema)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        end, seen = time.monotonic() + 2, set()
        while time.monotonic() < end:
            values = stored.read(["value"], MARKS.schema)["value"].to_pylist()
            assert len(set(values)) == 1
            assert len(values) in {N_ROWS, N_ROWS + 1}
            assert stored.index(MARKS.key).num_rows in {N_ROWS, N_ROWS + 1}
            assert len(set(stored.done()["seconds"].to_pylist())) == 1
            seen.add(values[0])
    finally:
        ended.set()
        writing.join()
    assert len(seen) > 2


def between(
    stored: StoredTable, then: Callable[[], None]
) -> Callable[[dict[str, list[str]]], pa.Table]:
    """A reader before which something happens once, after the files were listed."""
    happens = [then]

    def read(commits: dict[str, list[str]]) -> pa.Table:
        if happens:
            happens.pop()()
        parts = [part for parts in commits.values() for part in parts]
        return stored.read_files(parts, MARKS.schema)

    return read


def test_a_listing_that_is_old_is_made_again(root: Location) -> None:
    """What another command put in the place of the files that were listed is read."""
    stored = Dataset(root).stored(MARKS, "0123456789ab")
    stored.replace(*marks(1))
    read = between(stored, lambda: stored.replace(*marks(2)))
    assert set(stored.read_consistently(read)["value"].to_pylist()) == {2}


def test_a_part_that_is_lost_is_told(tmp_path: Path) -> None:
    """A data set that was copied in part is refused with the folder, not read as fewer rows."""
    stored = Dataset(tmp_path).stored(MARKS, "0123456789ab")
    stored.commit(commit_name(0, ["a"]), *marks(1))
    next(stored.folder.glob("part-*")).unlink()
    with pytest.raises(UsageError, match=r"0123456789ab lacks a file that its commits name"):
        stored.read(None, MARKS.schema)


def test_a_command_looks_again_when_its_table_was_removed(tmp_path: Path) -> None:
    """Tables of earlier options that `clean` removes meanwhile are not read as empty ones."""
    dataset = Dataset(tmp_path)
    for made, value in (("old", 1), ("new", 2)):
        dataset.stored(MARKS, made).replace(*marks(value))
    dataset.record(MARKS, {"fingerprint": "old"})
    happens = [True]

    def look() -> list[int]:
        made = dataset.manifest()["marks"]["fingerprint"]
        if happens.pop() if happens else False:
            dataset.record(MARKS, {"fingerprint": "new"})
            remove(tmp_path / "marks" / "old")
        values: list[int] = (
            dataset.stored(MARKS, made).read(None, MARKS.schema)["value"].to_pylist()
        )
        return values

    assert set(read_consistently(dataset, look)) == {2}


def test_files_on_their_way_up_stay_while_their_process_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of another container, whose number nobody here has, keeps its folder."""
    monkeypatch.setenv("VIDCURATE_CACHE", str(tmp_path))
    theirs = staging_folder().with_name(f"{2**22 + 1}-theirs")
    theirs.mkdir()
    opened = os.open(theirs, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    staging_folder()
    assert theirs.exists()
    os.close(opened)
    staging_folder()
    assert not theirs.exists()
