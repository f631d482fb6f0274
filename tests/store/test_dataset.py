import json
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.toy_stages import MARKS, PIECES, Mark
from vidcurate.errors import UsageError
from vidcurate.store.commits import commit_name
from vidcurate.store.dataset import (
    DONE,
    FAILED,
    MANY_PARTS,
    OK,
    ROWS_PER_COMPACT_PART,
    Dataset,
    StoredTable,
    latest_outcomes,
    locate,
)


def done_rows(*words: tuple[str, str]) -> pa.Table:
    """A done table of (id, status) pairs."""
    rows = [{"id": i, "status": s, "reason": None, "seconds": 0.5} for i, s in words]
    return pa.Table.from_pylist(rows, schema=DONE)


def mark_rows(*ids: str, value: int = 1) -> pa.Table:
    """Rows of the marks table."""
    return MARKS.to_arrow([Mark(i, "video", value) for i in ids])


def stored_in(folder: Path) -> StoredTable[Path]:
    """A stored table of marks."""
    return Dataset(folder).stored(MARKS, "0123456789ab")


def ids(stored: StoredTable[Path]) -> list[str]:
    """The keys of all rows of a stored table, in order."""
    found: list[str] = stored.read(["piece_id"], MARKS.schema)["piece_id"].to_pylist()
    return found


def test_a_new_table_is_empty_but_typed(tmp_path: Path) -> None:
    """What was never written reads as no rows of the right columns."""
    stored = stored_in(tmp_path / "nowhere")
    assert stored.read(None, MARKS.schema).schema.equals(MARKS.schema)
    assert stored.done().schema.equals(DONE)
    assert stored.index("piece_id", ["video_id"]).column_names == ["piece_id", "video_id", "part"]
    assert ids(stored) == []


def test_rows_are_read_in_the_order_of_their_commits(tmp_path: Path) -> None:
    """The commit of the lowest number is read first, whatever else its name and its time say."""
    stored = stored_in(tmp_path)
    names = ["00000000-zz", "00000001-aa", "00000010-mm"]
    for number, name in reversed(list(enumerate(names))):
        stored.commit(name, mark_rows(f"{number}a", f"{number}b"), done_rows((f"{number}", OK)))
    assert ids(stored) == ["0a", "0b", "1a", "1b", "2a", "2b"]
    index = stored.index("piece_id", ["video_id"])
    assert index["part"].to_pylist() == [f"part-{name}.parquet" for name in names for _ in "ab"]
    assert stored.done()["id"].to_pylist() == ["0", "1", "2"]
    assert stored.next_number() == 11


def test_a_part_without_its_done_file_is_not_there(tmp_path: Path) -> None:
    """Rows that were written by a process which died before its done file are never seen."""
    stored = stored_in(tmp_path)
    stored.commit("0-first", mark_rows("a"), done_rows(("a", OK)))
    stored.commit("1-second", mark_rows("b"), done_rows(("b", OK)))
    (stored.folder / "done-1-second.parquet").unlink()
    (stored.folder / ".done-1-second.parquet.77.0123abcd.partial").write_bytes(b"PAR1 half")
    assert ids(stored) == ["a"]
    assert stored.done()["id"].to_pylist() == ["a"]
    assert stored.index("piece_id")["piece_id"].to_pylist() == ["a"]


def test_a_batch_done_again_takes_its_own_place(tmp_path: Path) -> None:
    """A commit is named after its number and inputs: one of a run that died is there once."""
    stored = stored_in(tmp_path)
    name = commit_name(0, ["a", "b"])
    for value in (1, 2):
        stored.commit(name, mark_rows("a", "b", value=value), done_rows(("a", OK), ("b", OK)))
    assert stored.read(None, MARKS.schema)["value"].to_pylist() == [2, 2]
    assert len(list(stored.folder.glob("part-*"))) == 1


def test_a_batch_without_rows_leaves_its_word_only(tmp_path: Path) -> None:
    """Inputs that gave nothing are done, and no empty part lies about."""
    stored = stored_in(tmp_path)
    stored.commit("0-none", None, done_rows(("a", FAILED)))
    stored.commit("1-empty", mark_rows(), done_rows(("b", OK)))
    assert sorted(stored.done()["id"].to_pylist()) == ["a", "b"]
    assert [p.name for p in stored.folder.glob("part-*")] == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([OK, FAILED])), max_size=9))
def test_the_last_word_on_an_input_counts(words: list[tuple[str, str]]) -> None:
    """An input that was tried several times stands once: done if it ever was, else as it ended."""
    kept = latest_outcomes(done_rows(*words))
    pairs = zip(kept["id"].to_pylist(), kept["status"].to_pylist(), strict=True)
    expected = {name: OK if (name, OK) in words else FAILED for name, _ in words}
    assert sorted(pairs) == sorted(expected.items())


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=3), min_size=1)
)
def test_a_commit_name_stands_for_its_inputs(names: list[str]) -> None:
    """Other inputs, another order or number give another name; the same give the same."""
    assert commit_name(3, names) == commit_name(3, tuple(names))
    assert commit_name(3, names) != commit_name(3, [*names, "x"])
    assert commit_name(3, names) != commit_name(4, names)
    if names != names[::-1]:
        assert commit_name(3, names) != commit_name(3, names[::-1])


def test_replace_puts_the_new_table_in_the_place_of_the_old(tmp_path: Path) -> None:
    """After a replace only the new rows are there, and the old part's file is gone."""
    stored = stored_in(tmp_path)
    stored.replace(mark_rows("a", "b"), done_rows(("a", OK), ("b", OK)))
    stored.replace(mark_rows("c"), done_rows(("a", FAILED), ("c", OK)))
    assert ids(stored) == ["c"]
    assert stored.done()["status"].to_pylist() == [FAILED, OK]
    assert len(list(stored.folder.glob("*"))) == 2


def test_replace_by_the_same_rows_changes_no_file(tmp_path: Path) -> None:
    """A table that is made again as it was keeps its files; another word for a row does not."""
    stored = stored_in(tmp_path)
    stored.replace(mark_rows("a"), done_rows(("a", OK), ("b", OK)))
    before = stored.listing()
    stored.replace(mark_rows("a"), done_rows(("a", OK), ("b", OK)))
    assert stored.listing() == before
    stored.replace(mark_rows("a"), done_rows(("a", OK), ("b", FAILED)))
    assert stored.done()["status"].to_pylist() == [OK, FAILED]


def test_replace_is_one_step(tmp_path: Path) -> None:
    """Until the whole file is renamed the old table is read whole, though new rows are written."""
    stored = stored_in(tmp_path)
    stored.replace(mark_rows("a", "b"), done_rows(("a", OK), ("b", OK)))
    old = {path: path.read_bytes() for path in stored.folder.iterdir()}
    stored.replace(mark_rows("c"), done_rows(("c", OK)))
    for path, content in old.items():
        path.write_bytes(content)
    next(path for path in stored.folder.glob("snapshot-*") if path not in old).unlink()
    # As it was before the rename: the parts of both, and the old word.
    assert len(list(stored.folder.glob("part-*"))) == 2
    assert ids(stored) == ["a", "b"]
    stored.replace(mark_rows("d"), done_rows(("d", OK)))
    assert ids(stored) == ["d"]
    assert len(list(stored.folder.glob("part-*"))) == 1


def filled(folder: Path, n: int) -> StoredTable[Path]:
    """A stored table of n batches, one row each; those of odd number failed."""
    stored = stored_in(folder)
    for number in range(n):
        name = f"{number:03}"
        if number % 2:
            stored.commit(commit_name(number, [name]), None, done_rows((name, FAILED)))
        else:
            stored.commit(commit_name(number, [name]), mark_rows(name), done_rows((name, OK)))
    return stored


def test_few_parts_stay_and_many_are_put_together(tmp_path: Path) -> None:
    """Many small parts become one, with the same rows and words; a few are left alone."""
    stored = filled(tmp_path / "few", 3)
    stored.compact(MARKS.schema)
    assert len(stored.commits()) == 3
    stored = filled(tmp_path / "many", MANY_PARTS + 1)
    rows, done = stored.read(None, MARKS.schema), stored.done()
    stored.compact(MARKS.schema)
    assert len(list(stored.folder.glob("*.parquet"))) == 2
    assert stored.read(None, MARKS.schema).equals(rows)
    assert stored.done().equals(done)


def test_a_stop_while_parts_are_put_together_doubles_nothing(tmp_path: Path) -> None:
    """If the old parts were not removed any more, they are not read beside the new ones."""
    stored = filled(tmp_path / "data", 4)
    shutil.copytree(stored.folder, tmp_path / "before")
    stored.replace(stored.read(None, MARKS.schema), stored.done())
    shutil.copytree(tmp_path / "before", stored.folder, dirs_exist_ok=True)
    assert len(list(stored.folder.glob("*.parquet"))) == 6 + 2
    assert ids(stored) == ["000", "002"]
    assert stored.done().num_rows == 4


def test_two_stops_while_parts_are_put_together_double_nothing(tmp_path: Path) -> None:
    """Old parts that a stop left stay replaced when parts are put together again, and stopped."""
    stored = filled(tmp_path / "data", 4)
    first = tmp_path / "first"
    shutil.copytree(stored.folder, first)
    stored.replace(stored.read(None, MARKS.schema), stored.done())
    shutil.copytree(first, stored.folder, dirs_exist_ok=True)
    stored.commit("9-later", mark_rows("later"), done_rows(("later", OK)))
    second = tmp_path / "second"
    shutil.copytree(stored.folder, second)
    stored.replace(stored.read(None, MARKS.schema), stored.done())
    shutil.copytree(
        second, stored.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("snapshot-*")
    )
    assert ids(stored) == ["000", "002", "later"]
    assert stored.done().num_rows == 5


def test_full_parts_are_not_written_again(tmp_path: Path) -> None:
    """Putting parts together takes the small ones and the last, not the table."""
    stored = stored_in(tmp_path)
    n_rows = ROWS_PER_COMPACT_PART + 1
    names = [f"{n:06}" for n in range(n_rows)]
    stored.replace(mark_rows(*names), done_rows(*((name, OK) for name in names)))
    full, last = stored.parts()
    for number in range(MANY_PARTS):
        stored.commit(f"{number + 9}-x", mark_rows(f"x{number}"), done_rows((f"x{number}", OK)))
    rows = sorted(ids(stored))
    stored.compact(MARKS.schema)
    assert stored.parts()[0] == full
    assert last not in stored.parts()
    assert len(stored.parts()) == 2
    assert sorted(ids(stored)) == rows
    assert stored.done().num_rows == n_rows + MANY_PARTS


def test_rows_are_located_in_any_order(tmp_path: Path) -> None:
    """A stretch of keys gives their rows in its order, from several parts, and null for none."""
    stored = filled(tmp_path, 12)
    keys = pa.chunked_array([["010", "000", "none", "002"], ["000", "004"]])
    located = locate(stored, "piece_id", keys, MARKS.schema)
    assert located.rows(0, 4)["piece_id"].to_pylist() == ["010", "000", None, "002"]
    assert located.rows(4, 4)["piece_id"].to_pylist() == ["000", "004"]
    assert located.rows(2, 1)["value"].to_pylist() == [None]
    nothing = locate(stored_in(tmp_path / "empty"), "piece_id", keys, MARKS.schema)
    assert nothing.rows(0, 2)["piece_id"].to_pylist() == [None, None]


def test_a_batch_counts_again_after_parts_were_put_together(tmp_path: Path) -> None:
    """A failed input that is tried again afterwards has the last word, and its row is read."""
    stored = filled(tmp_path, 4)
    stored.replace(stored.read(None, MARKS.schema), stored.done())
    name = commit_name(stored.next_number(), ["001"])
    stored.commit(name, mark_rows("001"), done_rows(("001", OK)))
    assert ids(stored) == ["000", "002", "001"]
    words = {row["id"]: row["status"] for row in stored.done().to_pylist()}
    assert words == {"000": OK, "001": OK, "002": OK, "003": FAILED}


def test_the_manifest_keeps_every_table(tmp_path: Path) -> None:
    """Recording one table leaves what is said of the others."""
    dataset = Dataset(tmp_path)
    assert dataset.manifest() == {}
    dataset.record(MARKS, {"fingerprint": "1"})
    dataset.record(PIECES, {"fingerprint": "2", "title": "Füße"})
    dataset.record(MARKS, {"fingerprint": "3"})
    assert dataset.manifest() == {
        "marks": {"fingerprint": "3"},
        "pieces": {"fingerprint": "2", "title": "Füße"},
    }


def test_a_data_set_has_an_id_from_its_first_manifest_on(tmp_path: Path) -> None:
    """The id is made once and differs between data sets."""
    one, two = Dataset(tmp_path / "one"), Dataset(tmp_path / "two")
    assert [dataset.id for dataset in (one, two)] == [None, None]
    for dataset in (one, two):
        dataset.record(MARKS, {"fingerprint": "1"})
    made = one.id
    assert made
    assert len(made) == 32
    assert made != Dataset(tmp_path / "two").id
    one.record(PIECES, {"fingerprint": "2"})
    assert one.id == made


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (
            1,
            "was made by vidcurate 0.1, which this version does not read: make it again",
        ),
        (3, "was made by another version of vidcurate: use that version, or run the same command"),
    ],
)
def test_a_data_set_of_another_version_is_refused(
    tmp_path: Path, layout: int, message: str
) -> None:
    """One line says which version made it and what to do, before anything is read or written."""
    manifest = json.dumps({"vidcurate": layout, "dataset": "0" * 32, "tables": {}})
    dataset = Dataset(tmp_path)
    dataset.manifest_file.write_text(manifest, "utf-8")
    for use in (dataset.manifest, dataset.own_id, lambda: dataset.record(MARKS, {})):
        with pytest.raises(UsageError, match=f"^{re.escape(f'{tmp_path} {message}')}.*$"):
            use()
    assert dataset.manifest_file.read_text("utf-8") == manifest


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"tables": 3}', '"tables"'])
def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, text: str) -> None:
    """A folder whose manifest.json is something else is refused with a remedy, not a traceback."""
    dataset = Dataset(tmp_path)
    dataset.manifest_file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"manifest\.json is not a vidcurate manifest: choose"):
        dataset.manifest()


def test_what_lies_beside_parts_does_not_matter(tmp_path: Path) -> None:
    """A folder name with = in it, or files that others put there, are no columns and no rows."""
    stored = stored_in(tmp_path / "date=2024" / "part-1")
    stored.commit("0-one", mark_rows("a"), done_rows(("a", OK)))
    (stored.folder / "notes.txt").write_text("mine", "utf-8")
    pq.write_table(mark_rows("z"), stored.folder / "part-theirs.parquet")
    assert ids(stored) == ["a"]
    assert stored.read(None, MARKS.schema).schema.equals(MARKS.schema)
