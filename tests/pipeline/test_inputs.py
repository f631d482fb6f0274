from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.toy_data import Bench
from tests.support.toy_stages import MARKS_STAGE, PIECES, VIDEOS, Piece, ToyConfig
from vidcurate.pipeline.batches import BATCHES_PER_WORKER, part_names, pending_batches
from vidcurate.pipeline.inputs import StageInputs, live_inputs
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.pipeline.scope import Scope, live_scope
from vidcurate.records import SOURCES
from vidcurate.store.dataset import DONE, FAILED, OK, Dataset

STATUS = st.sampled_from([OK, FAILED])


def located(*pairs: tuple[str, str]) -> pa.Table:
    """An index of pieces: key and part."""
    keys, parts = [k for k, _ in pairs], [p for _, p in pairs]
    return pa.table({"piece_id": pa.array(keys, pa.string()), "part": pa.array(parts, pa.string())})


def marking(**tables: str) -> ResolvedStage:
    """The marks stage, resolved."""
    names = {"pieces": "1" * 12, "marks": "9" * 12, **tables}
    return ResolvedStage(MARKS_STAGE, ToyConfig(), "9" * 12, names)


@given(st.sets(st.sampled_from("abcdef")), st.dictionaries(st.sampled_from("abcdefgh"), STATUS))
def test_inputs_are_split_by_their_outcomes(keys: set[str], outcomes: dict[str, str]) -> None:
    """Inputs without an outcome are pending, in their order; failed ones only when asked for.

    Outcomes of inputs that are no longer live do not count as done.
    """
    live = located(*((i, "p") for i in sorted(keys)))
    rows = [{"id": i, "status": s, "reason": None, "seconds": None} for i, s in outcomes.items()]
    table = pa.Table.from_pylist(rows, schema=DONE)
    pruned = pa.array([], pa.string())
    for retry_failed in (False, True):
        inputs = StageInputs.split("piece_id", live, pruned, table, retry_failed=retry_failed)
        settled = {i for i, s in outcomes.items() if not (retry_failed and s == FAILED)}
        assert inputs.pending["piece_id"].to_pylist() == sorted(keys - settled)
        assert inputs.done["id"].to_pylist() == [i for i in outcomes if i in keys]
        assert inputs.failed == {i for i in keys if outcomes.get(i) == FAILED}
        assert (inputs.n_live, inputs.n_pending) == (len(keys), len(keys - settled))


@given(
    keys=st.lists(st.tuples(st.integers(0, 30).map(str), st.sampled_from("pqr")), unique=True),
    workers=st.integers(1, 5),
)
def test_batches_hold_every_input_once(keys: list[tuple[str, str]], workers: int) -> None:
    """Each key is in one batch, which names all parts that hold it; no batch is too large."""
    dataset = Dataset(Path("nowhere"))
    made = list(pending_batches(dataset, marking(), located(*keys), workers))
    held = Counter(i for batch in made for i in batch.ids)
    assert held == dict.fromkeys((k for k, _ in keys), 1)
    for batch in made:
        assert 1 <= len(batch.ids) <= MARKS_STAGE.rows_per_part
        for key, part in keys:
            if key in batch.ids:
                assert part in batch.parts["pieces"]
        assert len(set(batch.parts["pieces"])) == len(batch.parts["pieces"])


def test_little_work_is_shared_out() -> None:
    """Where there is less work than workers could take, batches are smaller, so that all work."""
    resolved = marking()
    keys = [(f"{i}", "p") for i in range(2 * BATCHES_PER_WORKER * 3)]
    made = list(pending_batches(Dataset(Path("nowhere")), resolved, located(*keys), 3))
    assert len(made) == BATCHES_PER_WORKER * 3
    assert {len(batch.ids) for batch in made} == {2}
    assert list(pending_batches(Dataset(Path("nowhere")), resolved, located(), 3)) == []


def test_a_part_is_named_once() -> None:
    """Parts of a batch are named once each, in the order met; rows without one name none."""
    assert part_names(["b\na", None, "a", "", "c\nb"]) == ("b", "a", "c")


def different_scopes() -> list[Scope]:
    """Scopes that are different."""
    one, two = pa.array(["1"]), pa.array(["1", "2"])
    several = ({"video_id": one}, {"video_id": two}, {"file_id": one})
    return [Scope(), *map(Scope, several), Scope({}, {"video_id": one})]


def test_a_scope_keeps_rows_by_every_id_they_carry() -> None:
    """A scope filters on the columns that a table has, and lets the others be."""
    rows = PIECES.to_arrow([Piece("a", "1"), Piece("b", "2"), Piece("c", "1")])
    assert Scope().keep(rows).num_rows == 3
    assert Scope({"video_id": pa.array(["1"])}).keep(rows)["piece_id"].to_pylist() == ["a", "c"]
    assert Scope({"file_id": pa.array(["1"])}).keep(rows).num_rows == 3
    assert len({scope.digest for scope in different_scopes()}) == len(different_scopes())
    assert Scope({"video_id": pa.array(["0", "1"])[1:]}).digest == different_scopes()[1].digest
    nothing = Scope({"video_id": pa.array([], pa.string())})
    assert nothing.keep(rows).num_rows == 0


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A data set of three videos."""
    bench = Bench(tmp_path)
    bench.add("a", "b", "c")
    return bench


def labels_in(bench: Bench, limit: int | None = None) -> list[str]:
    """The videos in scope, by their files' names."""
    made = bench.dataset.manifest()["sources"]["fingerprint"]
    stored = bench.dataset.stored(SOURCES, made)
    scope = live_scope(bench.dataset, stored, limit)
    rows = scope.keep(stored.read(None, SOURCES.schema))
    return sorted(Path(row["path"]).stem for row in rows.to_pylist())


def test_a_file_that_changed_takes_the_place_of_what_it_was(bench: Bench) -> None:
    """Of a file found again with other content only the new content is live."""
    bench.run("ingest")
    assert labels_in(bench) == ["a", "b", "c"]
    (bench.folder / "b.video").write_text("another video", "utf-8")
    bench.add("b")
    assert labels_in(bench) == ["a", "c"]
    bench.run("ingest")
    assert labels_in(bench) == ["a", "b", "c"]
    assert len(bench.rows(SOURCES)) == 4


def test_the_limit_takes_the_first_videos(bench: Bench) -> None:
    """A limit keeps so many videos, and the same ones each time; more than there are keeps all."""
    bench.run("ingest")
    one, two = labels_in(bench, 1), labels_in(bench, 2)
    assert (len(one), len(two)) == (1, 2)
    assert set(one) < set(two)
    assert labels_in(bench, 9) == ["a", "b", "c"]
    bench.add("d")
    bench.run("ingest")
    assert labels_in(bench, 2) == two


def test_copies_of_a_video_are_one_input(bench: Bench) -> None:
    """Two files of one content make one source, which the next stage sees once."""
    (bench.folder / "copy.video").write_text("video a", "utf-8")
    bench.add("copy")
    bench.run("videos")
    assert len(bench.rows(VIDEOS)) == 3
    assert sorted(len(source.paths) for source in bench.rows(SOURCES)) == [1, 1, 2]
    assert len(bench.worked()) == 3


def test_live_inputs_say_where_rows_lie(bench: Bench) -> None:
    """Every input has its key, the ids it carries, and a part that is there."""
    bench.run("marks", pieces={"step": 2})
    manifest = bench.dataset.manifest()
    names = {n: e["fingerprint"] for n, e in manifest.items()}
    resolved = ResolvedStage(MARKS_STAGE, ToyConfig(), names["marks"], names)
    index = live_inputs(bench.dataset, resolved, Scope())
    assert sorted(index["piece_id"].to_pylist()) == [f"{f}.{i}" for f in "abc" for i in "01"]
    assert set(index.column_names) == {"piece_id", "video_id", "part"}
    parts = set(index["part"].to_pylist())
    assert all((resolved.stored(bench.dataset, PIECES).folder / part).exists() for part in parts)
