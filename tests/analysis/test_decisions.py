from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.decisions import decided, spanned, undone
from vidcurate.analysis.decisions import (
    deciding,
    new_decision,
    new_step,
    read_decisions,
    stored_decisions,
)
from vidcurate.clips.reviews import reviews_of
from vidcurate.errors import BusyError, UsageError
from vidcurate.pipeline.scope import unwritten_tables
from vidcurate.records import DECISIONS
from vidcurate.records.reviews import REVIEWED
from vidcurate.store.dataset import MANY_PARTS, Dataset
from vidcurate.store.markers import is_generated


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """A folder for a log."""
    return Dataset(tmp_path / "dataset")


def test_the_log_holds_decisions_as_they_were_made(dataset: Dataset) -> None:
    """In their order, over several reviews, with everything that they say."""
    first = [decided("reject", reason="dark"), decided("caption", text="ein Bär\n<script>")]
    second = [spanned("v-0-10", (1, 5), (5, 10)), decided("tags", tags=("x", "")), undone("s")]
    assert read_decisions(dataset) == []
    with deciding(dataset) as log:
        log.add(first)
        log.add([])
    with deciding(dataset) as log:
        log.add(second)
        assert read_decisions(dataset) == [*first, *second]
    assert len(stored_decisions(dataset).commits()) == 2


def test_a_second_review_is_refused_and_names_the_first(dataset: Dataset) -> None:
    """The lock is the review's own: it is free again when the review ends."""
    with (
        deciding(dataset),
        pytest.raises(BusyError, match=r"decisions is being written by process \d+"),
        deciding(dataset),
    ):
        pass
    with deciding(dataset):
        pass


def test_decisions_that_were_not_committed_were_not_made(dataset: Dataset) -> None:
    """A part that a killed review left without its commit is not read, and the next one goes on."""
    with deciding(dataset) as log:
        log.add([decided("accept")])
    stored = stored_decisions(dataset)
    killed = DECISIONS.to_arrow([decided("reject")])
    stored.commit("00000001-killed", killed, pa.table({"id": ["x"]}))
    (stored.folder / "done-00000001-killed.parquet").unlink()
    assert [d.action for d in read_decisions(dataset)] == ["accept"]
    with deciding(dataset) as log:
        assert stored.uncommitted() == []
        log.add([decided("tags", tags=("a",))])
    assert [d.action for d in read_decisions(dataset)] == ["accept", "tags"]


def test_a_long_log_is_kept_in_few_files(dataset: Dataset) -> None:
    """Many decisions made one by one are put together, in their order."""
    made = [decided("accept", f"v-{n}-{n + 1}") for n in range(MANY_PARTS + 10)]
    with deciding(dataset) as log:
        for decision in made:
            log.add([decision])
    assert len(stored_decisions(dataset).listing()) < 30
    assert read_decisions(dataset) == made


def test_ten_thousand_decisions_come_to_a_review_each(dataset: Dataset) -> None:
    """A log of a large review is written in one commit and folded clip by clip."""
    made = [decided("accept", f"v-{n}-{n + 1}") for n in range(10_000)]
    with deciding(dataset) as log:
        log.add(made)
    assert len(reviews_of(read_decisions(dataset))) == 10_000


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (decided("akzept"), "no action 'akzept'"),
        (decided("accept", reviewer=" "), "name"),
        (decided("caption"), "needs its text"),
        (decided("undo"), "needs the step"),
        (decided("spans"), "needs its spans"),
        (decided("accept", undoes="x"), "only undo"),
        (spanned("v-0-10", (5, 5)), "is empty"),
    ],
)
def test_what_says_nothing_is_refused(dataset: Dataset, decision: object, message: str) -> None:
    """Nothing of the step is written then."""
    with deciding(dataset) as log, pytest.raises(UsageError, match=message):
        log.add([decided("accept"), decision])  # type: ignore[list-item]
    assert read_decisions(dataset) == []


def test_a_data_set_without_decisions_has_no_such_table(dataset: Dataset) -> None:
    """The table is there from the first decision on, and an opened log alone is none."""
    with deciding(dataset) as log:
        assert DECISIONS.name not in unwritten_tables(dataset)
        log.add([decided("accept")])
        assert unwritten_tables(dataset)[DECISIONS.name] == "reviewed"


def test_the_log_is_no_source_of_videos() -> None:
    """What lies in it is vidcurate's, as the tables of stages are."""
    assert is_generated((DECISIONS.name, REVIEWED, "part-0-x.parquet"))


def test_new_decisions_have_names_of_their_own() -> None:
    """Those of one step share its name; the time is in UTC."""
    step = new_step()
    one, other = (new_decision("accept", "v-0-1", "v", " ada ", step=step) for _ in range(2))
    assert one.decision_id != other.decision_id
    assert one.step == other.step == step
    assert one.reviewer == "ada"
    assert one.decided_at.endswith("+00:00")
    assert new_decision("accept", "v-0-1", "v", "ada").step != step
