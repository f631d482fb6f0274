"""Tables whose text or bytes are more than the 2 GB at which Arrow's plain columns end."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vidcurate.store import table
from vidcurate.store.table import rechunk, take_nullable, write_parquet

TEXTS = pa.table({"text": pa.chunked_array([["a" * 100] * 60, ["b" * 300] * 40])})


@pytest.mark.parametrize("kind", ["string", "binary"])
def test_text_that_is_taken_has_wide_offsets(kind: str) -> None:
    """Values taken from a column are of the type that has no end at 2 GB; nulls where none is."""
    column = TEXTS["text"].cast(kind)
    found = take_nullable(column, pa.array([99, None, 0]))
    assert found.type == pa.field("x", f"large_{kind}").type
    assert found.cast("string").to_pylist() == ["b" * 300, None, "a" * 100]
    assert take_nullable(pa.chunked_array([[1, 2], [3]]), pa.array([2])).to_pylist() == [3]


def test_pieces_of_large_rows_have_fewer() -> None:
    """A piece ends by its rows or by its bytes, whichever comes first; no row is lost."""
    pieces = list(rechunk([TEXTS], 1000, 4000))
    assert pa.concat_tables(pieces).combine_chunks().equals(TEXTS.combine_chunks())
    assert len(pieces) > 4
    assert max(piece.nbytes for piece in pieces[:-1]) < 10_000
    assert [p.num_rows for p in rechunk([TEXTS], 40)] == [40, 40, 20]


def test_a_row_group_has_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of large rows has several row groups, each of which readers can take at once."""
    monkeypatch.setattr(table, "GROUP_BYTES", 4000)
    write_parquet(tmp_path / "x.parquet", TEXTS)
    written = pq.ParquetFile(tmp_path / "x.parquet")
    assert written.metadata.num_row_groups > 3
    assert written.read().combine_chunks().equals(TEXTS.combine_chunks())
