import codecs
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tests.support.pipeline import done, process, rows
from tests.support.videos import render
from vidcurate.analysis.losses import lost_inputs
from vidcurate.analysis.rows import status_rows
from vidcurate.analysis.status import funnel
from vidcurate.analysis.view import present_plan, present_scope, reader
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.records import CLIPS, QUERIES, SOURCES, Source
from vidcurate.stage import Outcome, fingerprint
from vidcurate.stages.sources.queries import QUERIES_STAGE, QueriesConfig, queries
from vidcurate.store.dataset import Dataset

FILMS = {"v1": "/films/beach.mp4", "v2": "/films/Été/beach day.mkv", "v3": "/copies/beach.mp4"}


def sources(films: Mapping[str, str]) -> pa.Table:
    """A source a film."""
    found = [
        Source(video_id, f"f-{video_id}", path, (path,), 1, {}, (1,), video_id)
        for video_id, path in films.items()
    ]
    return SOURCES.to_arrow(found)


def clips(*pairs: tuple[str, str]) -> pa.Table:
    """Ids of clips and of their videos."""
    return pa.table({"clip_id": [c for c, _ in pairs], "video_id": [v for _, v in pairs]})


def asked(file: Path, films: Mapping[str, str] = FILMS, *texts: str) -> Outcome:
    """What comes of a list of questions to some films, and of questions to all of them."""
    tables = {"sources": sources(films), "clips": clips(("v1-clip", "v1"), ("v2-clip", "v2"))}
    return queries(tables, QueriesConfig(file=str(file), texts=texts))


def json_list(folder: Path, *items: Any) -> Path:
    """A list of JSON lines."""
    file = folder / "q.jsonl"
    file.write_text("".join(f"{json.dumps(item)}\n" for item in items))
    return file


def faults(found: Outcome) -> list[str]:
    """Why questions cannot be asked."""
    return [row["reason"] for row in found.done.to_pylist() if row["status"] == "failed"]


def of_films(found: Outcome) -> list[tuple[str, str, str | None]]:
    """The text, video and clip of each question."""
    return [(q.text, q.video_id, q.clip_id) for q in QUERIES.from_arrow(found.rows)]


def test_a_question_without_a_film_is_asked_of_each() -> None:
    """It becomes a row a video, each with an id of its own that says what is asked of what."""
    config = QueriesConfig(texts=("Who swims?", " Who swims? "))
    found = queries({"sources": sources(FILMS)}, config)
    assert of_films(found) == [("Who swims?", video, None) for video in FILMS]
    assert len({q.query_id for q in QUERIES.from_arrow(found.rows)}) == len(FILMS)


@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("/copies/beach.mp4", "v3"),
        ("v1", "v1"),
        ("beach day.mkv", "v2"),
        ("beach day", "v2"),
        ("/films/E\u0301te\u0301/beach day.mkv", "v2"),
    ],
)
def test_a_film_is_named_by_path_id_or_file_name(tmp_path: Path, name: str, video: str) -> None:
    """However its accents are written, and also without its ending."""
    found = asked(json_list(tmp_path, {"text": "Who?", "film": name}))
    assert of_films(found) == [("Who?", video, None)]


def test_a_film_that_is_not_there_or_is_two_is_a_failed_row(tmp_path: Path) -> None:
    """The reason has the place in the list and names that are near; other rows are unharmed."""
    names = ("beach dya.mkv", "beach.mp4", "cow.avi", "v1")
    found = asked(json_list(tmp_path, *({"text": "Who?", "film": name} for name in names)))
    assert of_films(found) == [("Who?", "v1", None)]
    absent, double, far = faults(found)
    assert absent == (
        "q.jsonl, row 1: no film here has the path or name 'beach dya.mkv': did you mean "
        "beach day.mkv or beach.mp4?"
    )
    assert double == (
        "q.jsonl, row 2: 2 films have the name 'beach.mp4': /copies/beach.mp4, /films/beach.mp4; "
        "give the path"
    )
    assert far.endswith("'cow.avi'; `vidcurate rows sources` lists them")


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"film": "v1"}, "it has no text"),
        ({"text": ["a"]}, "text is ['a'], not a text"),
        ({"text": "a\ud800"}, "holds half a character"),
        (
            {"text": "a", "clip_id": "v2clip"},
            "has the id 'v2clip': did you mean v2-clip",
        ),
        (
            {"text": "a", "clip_id": "v1-clip", "film": "v2"},
            "the clip v1-clip is not of the film 'v2'",
        ),
        ({"text": "a", "start_s": 1, "end_s": 2}, "it has a span, and no film or clip_id says"),
        ({"text": "a", "film": "v1", "start_s": 1}, "it has start_s and no end_s"),
        ({"text": "a", "film": "v1", "end_s": 1}, "it has end_s and no start_s"),
        ({"text": "a", "film": "v1", "start_s": 5, "end_s": 2}, "it ends at 2 s, which is not"),
        ({"text": "a", "film": "v1", "start_s": 2, "end_s": 2}, "it ends at 2 s, which is not"),
        ({"text": "a", "film": "v1", "start_s": -1, "end_s": 2}, "start_s is -1, not a number of"),
        ({"text": "a", "film": "v1", "start_s": "1:02", "end_s": 2}, "start_s is '1:02', not a"),
        ({"text": "a", "film": "v1", "start_s": "nan", "end_s": 2}, "start_s is 'nan', not a"),
        ({"text": "a", "film": "v1", "start_s": True, "end_s": 2}, "start_s is True, not a"),
        ({"text": "a", "film": "v1", "start_s": [1], "end_s": 2}, "start_s is [1], not a"),
        ({"text": "a", "choices": "yes"}, "choices has 1, and a choice takes two"),
        ({"text": "a", "choices": "yes|Yes"}, "choices has one twice"),
        ({"text": "a", "choices": '["yes", '}, "which is not JSON"),
        ({"text": "a", "choices": {"A": "yes"}}, "choices is {'A': 'yes'}, not a list"),
        ({"text": "a", "choices": [["yes"], "no"]}, "choices is ['yes'], not a text"),
        ({"text": "a", "choices": ["yes", "no"], "answer": "nn"}, "the answer 'nn' is none of"),
        ([1], "is not a JSON object"),
    ],
)
def test_a_row_that_cannot_be_asked_says_why(tmp_path: Path, row: Any, fault: str) -> None:
    """Each fault is that row's alone, and the row after it is asked."""
    found = asked(json_list(tmp_path, row, {"text": "Who?", "film": "v2"}))
    [reason] = faults(found)
    assert reason.startswith("q.jsonl, row 1: " if "half" not in fault else "q.jsonl, row 1")
    assert fault in reason
    assert of_films(found) == [("Who?", "v2", None)]


def test_lists_are_read_as_programs_write_them(tmp_path: Path) -> None:
    """Byte order marks, UTF-16, semicolons, headings in capitals, and choices in three forms."""
    text = 'Text;Film;CHOICES;answer;start_s\nWho?;v1;a|b;B;\nWhy?;v2;"[1, 2.0]";2;\n'
    for name, data in (
        ("bom.csv", codecs.BOM_UTF8 + text.encode()),
        ("wide.csv", text.encode("utf-16")),
    ):
        (tmp_path / name).write_bytes(data)
        found = asked(tmp_path / name)
        assert faults(found) == []
        choices = [(q.choices, q.answer) for q in QUERIES.from_arrow(found.rows)]
        assert choices == [(("a", "b"), "b"), (("1", "2"), "2")]
    table = pa.table(
        {
            "text": ["Who?", "Why?"],
            "film": ["v1", None],
            "choices": [["a", "b"], []],
            "answer": [1.0, float("nan")],
            "start_s": [0.5, float("nan")],
            "end_s": [2.0, float("nan")],
        }
    )
    pq.write_table(table.set_column(2, "choices", [[["1", "b"], None]]), tmp_path / "q.parquet")
    first, *others = QUERIES.from_arrow(asked(tmp_path / "q.parquet").rows)
    assert (first.choices, first.answer, first.true_spans[0].end_s) == (("1", "b"), "1", 2.0)
    assert [(q.text, q.answer, q.true_spans) for q in others] == [("Why?", None, ())] * 3
    (tmp_path / "plain.txt").write_text("Who?\r\n\r\nWhy?\r\n")
    assert asked(tmp_path / "plain.txt").rows.num_rows == 2 * len(FILMS)


def test_equal_questions_are_one_with_all_their_spans(tmp_path: Path) -> None:
    """Spans come in time order, each once; another answer to the same question is a fault."""
    question = {"text": "Who?", "film": "v1"}
    spans: Sequence[Mapping[str, Any]] = (
        {"start_s": 5, "end_s": 7},
        {"start_s": 1, "end_s": 2},
        {"start_s": 5, "end_s": 7},
    )
    late = [{"answer": "Ann"}, {"answer": "Bob"}]
    found = asked(json_list(tmp_path, *({**question, **more} for more in (*spans, *late))))
    [query] = QUERIES.from_arrow(found.rows)
    assert [(s.start_s, s.end_s) for s in query.true_spans] == [(1, 2), (5, 7)]
    assert query.answer == "Ann"
    assert faults(found) == ["q.jsonl, row 5: q.jsonl, row 1 asks the same with the answer 'Ann'"]


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    """A heading with a slip is told, not passed over."""
    found = asked(json_list(tmp_path, {"text": "Who?", "anwser": "Ann"}))
    assert found.message.startswith("q.jsonl: not read are anwser; known are text, film, clip_id")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("q.csv", b"question,film\nWho?,v1\n", r"has no text column: it has question, film"),
        ("q.csv", b"text\n\xff\xfeW\x00\n", "cannot read the list"),
        ("q.parquet", b"PAR1", "cannot read the list"),
        ("q.json", b'{"text": "Who?"}', "is not a JSON array"),
        ("gone.csv", None, "cannot read the list"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, content: bytes | None, fault: str
) -> None:
    """Its name and what is wrong are told."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=fault):
        asked(tmp_path / name)


def test_options_that_ask_nothing_are_refused() -> None:
    """Neither an empty question nor a file that is no list is an option; and one must be given."""
    with pytest.raises(ValidationError, match="a question is empty"):
        QueriesConfig(texts=(" ",))
    with pytest.raises(ValidationError, match="is no list that can be read"):
        QueriesConfig(file="q.xlsx")
    with pytest.raises(UsageError, match="--query TEXT, or --queries FILE"):
        queries({"sources": sources(FILMS)}, QueriesConfig())


def test_the_content_of_a_list_decides_and_not_its_path(tmp_path: Path) -> None:
    """A copy of a list changes nothing; another question does."""
    prints = []
    for name, text in (("a.txt", "Who?"), ("b.txt", "Who?"), ("c.txt", "Why?")):
        (tmp_path / name).write_text(text)
        config = QueriesConfig(file=str(tmp_path / name))
        prints.append(fingerprint(QUERIES_STAGE, config, {}))
    assert prints[0] == prints[1] != prints[2]


def test_questions_of_a_data_set_and_those_that_failed(tmp_path: Path) -> None:
    """Counts, rows and losses tell of questions, not of videos; a changed list is read again."""
    film = render(tmp_path / "film.mp4", [("testsrc2", 1.0)], size=(160, 90), audio=False)
    file = json_list(tmp_path, {"text": "Who?"}, {"text": "Why?", "film": "flim.mp4"})
    out = tmp_path / "out"
    count = process(out, {"queries": {"file": str(file)}}, film)["queries"]
    assert (count.inputs, count.ok, count.failed, count.rows) == (2, 1, 1, 1)
    dataset = Dataset(out)
    plan = present_plan(dataset)
    [failed] = status_rows(dataset, plan, "queries", ("failed",), None, None).to_pylist()
    assert "did you mean film.mp4?" in failed["reason"]
    assert failed["query_id"] in done(out, QUERIES)
    with pytest.raises(UsageError, match="leave out --where"):
        status_rows(dataset, plan, "queries", ("failed",), "clips.n_frames > 1", None)
    again = funnel(dataset)[-1]
    assert (again.inputs, again.failed, again.pending, again.stale) == (2, 1, 0, False)
    read = reader(dataset, plan, present_scope(dataset, plan))
    assert [(lost.stage, lost.count) for lost in lost_inputs(dataset, plan, read, 3)] == [
        ("queries", 1)
    ]
    json_list(tmp_path, {"text": "Who?"}, {"text": "How?"})
    assert process(out, {"queries": {"file": str(file)}})["queries"].rows == 2
    assert {q.text for q in rows(out, QUERIES)} == {"Who?", "How?"}
    json_list(tmp_path, {"text": "Who?", "film": "flim.mp4"})
    with pytest.raises(EmptyResultError, match="did you mean film"):
        process(out, {"queries": {"file": str(file)}})


def test_a_list_that_names_clips_waits_for_them() -> None:
    """Without clips a row that names one says what to do first."""
    tables = {"sources": sources(FILMS)}
    assert [lookup.table for lookup in QUERIES_STAGE.lookups(QueriesConfig(file="/q.csv"))] == [
        CLIPS
    ]
    config = QueriesConfig(texts=("Who?",))
    assert QUERIES_STAGE.lookups(config) == ()
    assert queries(tables, config).rows.num_rows == len(FILMS)
