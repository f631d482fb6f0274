import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.toy_stages import MARKS, PIECES, Mark
from vidcurate.errors import UsageError
from vidcurate.store.dataset import (
    DONE,
    FAILED,
    MANY_PARTS,
    OK,
    ROWS_PER_WHOLE_PART,
    Dataset,
    Shelf,
    commit_name,
    last_word,
    locate,
)


def done_rows(*words: tuple[str, str]) -> pa.Table:
    """A done table of (id, status) pairs."""
    rows = [{"id": i, "status": s, "reason": None, "seconds": 0.5} for i, s in words]
    return pa.Table.from_pylist(rows, schema=DONE)


def mark_rows(*ids: str, value: int = 1) -> pa.Table:
    """Rows of the marks table."""
    return MARKS.to_arrow([Mark(i, "video", value) for i in ids])


def shelf_in(folder: Path) -> Shelf[Path]:
    """A shelf of marks."""
    return Dataset(folder).shelf(MARKS, "0123456789ab")


def ids(shelf: Shelf[Path]) -> list[str]:
    """The keys of all rows of a shelf, in order."""
    found: list[str] = shelf.read(["piece_id"], MARKS.schema)["piece_id"].to_pylist()
    return found


def test_a_new_shelf_is_empty_but_typed(tmp_path: Path) -> None:
    """What was never written reads as no rows of the right columns."""
    shelf = shelf_in(tmp_path / "nowhere")
    assert shelf.read(None, MARKS.schema).schema.equals(MARKS.schema)
    assert shelf.done().schema.equals(DONE)
    assert shelf.index("piece_id", ["video_id"]).column_names == ["piece_id", "video_id", "part"]
    assert ids(shelf) == []


def test_rows_are_read_in_the_order_of_their_commits(tmp_path: Path) -> None:
    """The commit of the lowest number is read first, whatever else its name and its time say."""
    shelf = shelf_in(tmp_path)
    names = ["00000000-zz", "00000001-aa", "00000010-mm"]
    for number, name in reversed(list(enumerate(names))):
        shelf.commit(name, mark_rows(f"{number}a", f"{number}b"), done_rows((f"{number}", OK)))
    assert ids(shelf) == ["0a", "0b", "1a", "1b", "2a", "2b"]
    index = shelf.index("piece_id", ["video_id"])
    assert index["part"].to_pylist() == [f"part-{name}.parquet" for name in names for _ in "ab"]
    assert shelf.done()["id"].to_pylist() == ["0", "1", "2"]
    assert shelf.next_number() == 11


def test_a_part_without_its_done_file_is_not_there(tmp_path: Path) -> None:
    """Rows that were written by a process which died before its done file are never seen."""
    shelf = shelf_in(tmp_path)
    shelf.commit("first", mark_rows("a"), done_rows(("a", OK)))
    shelf.commit("second", mark_rows("b"), done_rows(("b", OK)))
    (shelf.folder / "done-second.parquet").unlink()
    (shelf.folder / ".done-second.parquet.77.0123abcd.partial").write_bytes(b"PAR1 half")
    assert ids(shelf) == ["a"]
    assert shelf.done()["id"].to_pylist() == ["a"]
    assert shelf.index("piece_id")["piece_id"].to_pylist() == ["a"]


def test_a_batch_done_again_takes_its_own_place(tmp_path: Path) -> None:
    """A commit is named after its number and inputs: one of a run that died is there once."""
    shelf = shelf_in(tmp_path)
    name = commit_name(0, ["a", "b"])
    for value in (1, 2):
        shelf.commit(name, mark_rows("a", "b", value=value), done_rows(("a", OK), ("b", OK)))
    assert shelf.read(None, MARKS.schema)["value"].to_pylist() == [2, 2]
    assert len(list(shelf.folder.glob("part-*"))) == 1


def test_a_batch_without_rows_leaves_its_word_only(tmp_path: Path) -> None:
    """Inputs that gave nothing are done, and no empty part lies about."""
    shelf = shelf_in(tmp_path)
    shelf.commit("none", None, done_rows(("a", FAILED)))
    shelf.commit("empty", mark_rows(), done_rows(("b", OK)))
    assert sorted(shelf.done()["id"].to_pylist()) == ["a", "b"]
    assert [p.name for p in shelf.folder.glob("part-*")] == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([OK, FAILED])), max_size=9))
def test_the_last_word_on_an_input_counts(words: list[tuple[str, str]]) -> None:
    """An input that was tried several times stands once: done if it ever was, else as it ended."""
    kept = last_word(done_rows(*words))
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
    shelf = shelf_in(tmp_path)
    shelf.replace(mark_rows("a", "b"), done_rows(("a", OK), ("b", OK)))
    shelf.replace(mark_rows("c"), done_rows(("a", FAILED), ("c", OK)))
    assert ids(shelf) == ["c"]
    assert shelf.done()["status"].to_pylist() == [FAILED, OK]
    assert len(list(shelf.folder.glob("*"))) == 2


def test_replace_by_the_same_rows_changes_no_file(tmp_path: Path) -> None:
    """A table that is made again as it was keeps its files; another word for a row does not."""
    shelf = shelf_in(tmp_path)
    shelf.replace(mark_rows("a"), done_rows(("a", OK), ("b", OK)))
    before = shelf.listing()
    shelf.replace(mark_rows("a"), done_rows(("a", OK), ("b", OK)))
    assert shelf.listing() == before
    shelf.replace(mark_rows("a"), done_rows(("a", OK), ("b", FAILED)))
    assert shelf.done()["status"].to_pylist() == [OK, FAILED]


def test_replace_is_one_step(tmp_path: Path) -> None:
    """Until the whole file is renamed the old table is read whole, though new rows are written."""
    shelf = shelf_in(tmp_path)
    shelf.replace(mark_rows("a", "b"), done_rows(("a", OK), ("b", OK)))
    old = {path: path.read_bytes() for path in shelf.folder.iterdir()}
    shelf.replace(mark_rows("c"), done_rows(("c", OK)))
    for path, content in old.items():
        path.write_bytes(content)
    next(path for path in shelf.folder.glob("whole-*") if path not in old).unlink()
    # As it was before the rename: the parts of both, and the old word.
    assert len(list(shelf.folder.glob("part-*"))) == 2
    assert ids(shelf) == ["a", "b"]
    shelf.replace(mark_rows("d"), done_rows(("d", OK)))
    assert ids(shelf) == ["d"]
    assert len(list(shelf.folder.glob("part-*"))) == 1


def filled(folder: Path, n: int) -> Shelf[Path]:
    """A shelf of n batches, one row each; those of odd number failed."""
    shelf = shelf_in(folder)
    for number in range(n):
        name = f"{number:03}"
        if number % 2:
            shelf.commit(commit_name(number, [name]), None, done_rows((name, FAILED)))
        else:
            shelf.commit(commit_name(number, [name]), mark_rows(name), done_rows((name, OK)))
    return shelf


def test_few_parts_stay_and_many_are_put_together(tmp_path: Path) -> None:
    """Many small parts become one, with the same rows and words; a few are left alone."""
    shelf = filled(tmp_path / "few", 3)
    shelf.compact(MARKS.schema)
    assert len(shelf.commits()) == 3
    shelf = filled(tmp_path / "many", MANY_PARTS + 1)
    rows, done = shelf.read(None, MARKS.schema), shelf.done()
    shelf.compact(MARKS.schema)
    assert len(list(shelf.folder.glob("*.parquet"))) == 2
    assert shelf.read(None, MARKS.schema).equals(rows)
    assert shelf.done().equals(done)


def test_a_stop_while_parts_are_put_together_doubles_nothing(tmp_path: Path) -> None:
    """If the old parts were not removed any more, they are not read beside the new ones."""
    shelf = filled(tmp_path / "data", 4)
    shutil.copytree(shelf.folder, tmp_path / "before")
    shelf.replace(shelf.read(None, MARKS.schema), shelf.done())
    shutil.copytree(tmp_path / "before", shelf.folder, dirs_exist_ok=True)
    assert len(list(shelf.folder.glob("*.parquet"))) == 6 + 2
    assert ids(shelf) == ["000", "002"]
    assert shelf.done().num_rows == 4


def test_two_stops_while_parts_are_put_together_double_nothing(tmp_path: Path) -> None:
    """Old parts that a stop left stay replaced when parts are put together again, and stopped."""
    shelf = filled(tmp_path / "data", 4)
    first = tmp_path / "first"
    shutil.copytree(shelf.folder, first)
    shelf.replace(shelf.read(None, MARKS.schema), shelf.done())
    shutil.copytree(first, shelf.folder, dirs_exist_ok=True)
    shelf.commit("later", mark_rows("later"), done_rows(("later", OK)))
    second = tmp_path / "second"
    shutil.copytree(shelf.folder, second)
    shelf.replace(shelf.read(None, MARKS.schema), shelf.done())
    shutil.copytree(
        second, shelf.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("whole-*")
    )
    assert ids(shelf) == ["000", "002", "later"]
    assert shelf.done().num_rows == 5


def test_full_parts_are_not_written_again(tmp_path: Path) -> None:
    """Putting parts together takes the small ones and the last, not the table."""
    shelf = shelf_in(tmp_path)
    n_rows = ROWS_PER_WHOLE_PART + 1
    names = [f"{n:06}" for n in range(n_rows)]
    shelf.replace(mark_rows(*names), done_rows(*((name, OK) for name in names)))
    full, last = shelf.parts()
    for number in range(MANY_PARTS):
        shelf.commit(f"{number}", mark_rows(f"x{number}"), done_rows((f"x{number}", OK)))
    rows = sorted(ids(shelf))
    shelf.compact(MARKS.schema)
    assert shelf.parts()[0] == full
    assert last not in shelf.parts()
    assert len(shelf.parts()) == 2
    assert sorted(ids(shelf)) == rows
    assert shelf.done().num_rows == n_rows + MANY_PARTS


def test_rows_are_located_in_any_order(tmp_path: Path) -> None:
    """A stretch of keys gives their rows in its order, from several parts, and null for none."""
    shelf = filled(tmp_path, 12)
    keys = pa.chunked_array([["010", "000", "none", "002"], ["000", "004"]])
    located = locate(shelf, "piece_id", keys, MARKS.schema)
    assert located.rows(0, 4)["piece_id"].to_pylist() == ["010", "000", None, "002"]
    assert located.rows(4, 4)["piece_id"].to_pylist() == ["000", "004"]
    assert located.rows(2, 1)["value"].to_pylist() == [None]
    nothing = locate(shelf_in(tmp_path / "empty"), "piece_id", keys, MARKS.schema)
    assert nothing.rows(0, 2)["piece_id"].to_pylist() == [None, None]


def test_a_batch_counts_again_after_parts_were_put_together(tmp_path: Path) -> None:
    """A failed input that is tried again afterwards has the last word, and its row is read."""
    shelf = filled(tmp_path, 4)
    shelf.replace(shelf.read(None, MARKS.schema), shelf.done())
    name = commit_name(shelf.next_number(), ["001"])
    shelf.commit(name, mark_rows("001"), done_rows(("001", OK)))
    assert ids(shelf) == ["000", "002", "001"]
    words = {row["id"]: row["status"] for row in shelf.done().to_pylist()}
    assert words == {"000": OK, "001": OK, "002": OK, "003": FAILED}


def test_a_table_of_the_first_release_is_read_and_added_to(tmp_path: Path) -> None:
    """Commits without a number come first, a whole table before them; what it replaced is not read.

    They are put together with numbered ones as any.
    """
    shelf = shelf_in(tmp_path)
    for name, status in (("aaa", OK), ("bbb", FAILED), ("ccc", OK)):
        rows = mark_rows(name) if status == OK else None
        shelf.commit(name, rows, done_rows((name, status)))
    (shelf.folder / "done-bbb-none.parquet").rename(shelf.folder / "done-bbb.parquet")
    pq.write_table(mark_rows("w"), shelf.folder / "part-www.parquet")
    about = {"parts": ["part-www.parquet"], "replaces": {"done-aaa.parquet": 17}}
    word = done_rows(("w", OK)).replace_schema_metadata(
        {k: json.dumps(v) for k, v in about.items()}
    )
    pq.write_table(word, shelf.folder / "done-whole.parquet")
    shelf.commit(commit_name(shelf.next_number(), ["d"]), mark_rows("d"), done_rows(("d", OK)))
    assert ids(shelf) == ["w", "ccc", "d"]
    assert shelf.done()["id"].to_pylist() == ["w", "bbb", "ccc", "d"]
    shelf.replace(shelf.read(None, MARKS.schema), shelf.done())
    assert ids(shelf) == ["w", "ccc", "d"]
    assert len(list(shelf.folder.glob("*.parquet"))) == 2


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
    """The id is made once, differs between data sets, and one of an earlier version gets one."""
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
    two.manifest_file.write_text('{"vidcurate": 1, "tables": {}}', "utf-8")
    assert [dataset.id for dataset in (one, two)] == [made, None]
    two.record(PIECES, {"fingerprint": "2"})
    assert two.id


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"tables": 3}', '"tables"'])
def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, text: str) -> None:
    """A folder whose manifest.json is something else is refused with a remedy, not a traceback."""
    dataset = Dataset(tmp_path)
    dataset.manifest_file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"manifest\.json is not a vidcurate manifest: choose"):
        dataset.manifest()


def test_what_lies_beside_parts_does_not_matter(tmp_path: Path) -> None:
    """A folder name with = in it, or files that others put there, are no columns and no rows."""
    shelf = shelf_in(tmp_path / "date=2024" / "part-1")
    shelf.commit("one", mark_rows("a"), done_rows(("a", OK)))
    (shelf.folder / "notes.txt").write_text("mine", "utf-8")
    pq.write_table(mark_rows("z"), shelf.folder / "part-theirs.parquet")
    assert ids(shelf) == ["a"]
    assert shelf.read(None, MARKS.schema).schema.equals(MARKS.schema)
