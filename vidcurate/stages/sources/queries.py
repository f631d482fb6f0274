"""queries: questions to videos, as a table, from the command line and from a list."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from pydantic import field_validator

from vidcurate.clips.clip_names import clip_by_id
from vidcurate.clips.film_names import FilmNames
from vidcurate.errors import UsageError, suggest
from vidcurate.options import StageConfig, option
from vidcurate.records import CLIPS, QUERIES, SOURCES, Query, TimeSpan
from vidcurate.stage import Lookup, Outcome, TableStage, Version
from vidcurate.stages.sources.list_files import (
    list_contents,
    list_outcome,
    list_path,
    placed_rows,
)
from vidcurate.store.list_cells import choices_cell, shown, span_cells, text_cell
from vidcurate.store.row_lists import ListRow

TEXT = "text"
COLUMNS = (TEXT, "film", "clip_id", "choices", "answer", "start_s", "end_s", "kind")
ID_DIGITS = 16
OPTION = "--query"


class QueriesConfig(StageConfig):
    """What is asked of the videos."""

    texts: tuple[str, ...] = option((), "Question to every video; repeat for more", flag=OPTION)
    file: str = option(
        "",
        "List of questions: CSV, TSV, JSON lines, JSON or Parquet with a column text and, where "
        "known, film, clip_id, choices, answer, start_s, end_s and kind; or a .txt file with a "
        "question a line",
        flag="--queries",
    )

    @field_validator("texts")
    @classmethod
    def texts_say_something(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse an empty question; raises ValueError."""
        if not all(text.strip() for text in texts):
            raise ValueError("a question is empty")
        return texts

    @field_validator("file")
    @classmethod
    def file_is_a_list(cls, file: str) -> str:
        """A later run from another folder reads the same list; raises ValueError for none."""
        return list_path(file)


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of a list: where it stands, and what it asks."""

    where: str
    text: str
    video_ids: tuple[str, ...]
    clip_id: str | None = None
    choices: tuple[str, ...] = ()
    answer: str | None = None
    spans: tuple[TimeSpan, ...] = ()
    kind: str | None = None

    def queries(self) -> Iterator[Query]:
        """A question to each of the videos."""
        for video_id in self.video_ids:
            facts = json.dumps([self.text, video_id, self.clip_id, self.choices])
            yield Query(
                query_id=hashlib.sha256(facts.encode()).hexdigest()[:ID_DIGITS],
                video_id=video_id,
                clip_id=self.clip_id,
                text=self.text,
                choices=self.choices,
                answer=self.answer,
                true_spans=self.spans,
                kind=self.kind,
            )


@dataclass(frozen=True, slots=True)
class Scope:
    """What can be asked about: videos by name, and clips, if there are any, by id."""

    films: FilmNames
    clips: Mapping[str, str] | None


def queries(tables: Mapping[str, pa.Table], config: QueriesConfig) -> Outcome:
    """Make a row of each question and each video that it is asked of.

    A question that names no video is asked of all. One that cannot be asked is a failed row, whose
    id is a hash of its place in the list; equal questions are one row with all their spans. Raises
    UsageError where nothing is asked, and for a list that cannot be read.
    """
    if not config.texts and not config.file:
        raise UsageError("no question is given: add --query TEXT, or --queries FILE")
    scope = scope_of(tables)
    found: dict[str, Query] = {}
    places: dict[str, str] = {}
    faults: dict[str, str] = {}
    every = tuple(scope.films.paths)
    listed = [ListRow(n, {TEXT: text}) for n, text in enumerate(config.texts, 1)]
    in_file, message = placed_rows(config.file, TEXT, COLUMNS)
    for where, row in [*((f"{OPTION} {row.number}", row) for row in listed), *in_file]:
        try:
            asked = read_question(where, row, scope, every)
            for query in asked.queries():
                known = found.get(query.query_id)
                place = places.setdefault(query.query_id, where)
                found[query.query_id] = query if known is None else united(known, query, place)
        except ValueError as fault:
            faults[hashlib.sha256(where.encode()).hexdigest()[:ID_DIGITS]] = f"{where}: {fault}"
    rows = QUERIES.to_arrow(list(found.values()))
    return list_outcome(rows, list(found), {}, faults, message)


def scope_of(tables: Mapping[str, pa.Table]) -> Scope:
    """The videos and clips that can be asked about."""
    clips: Mapping[str, str] | None = None
    if CLIPS.name in tables:
        columns = (tables[CLIPS.name][name].to_pylist() for name in ("clip_id", "video_id"))
        clips = dict(zip(*columns, strict=True))
    return Scope(FilmNames.of(SOURCES.from_arrow(tables[SOURCES.name])), clips)


def read_question(where: str, row: ListRow, scope: Scope, every: Sequence[str]) -> Asked:
    """Read one row of a list; raises ValueError with what is wrong with it."""
    cells = row.readable()
    text = text_cell(cells, TEXT)
    if text is None:
        raise ValueError("it has no text")
    clip_id = text_cell(cells, "clip_id")
    video_ids = videos_asked(text_cell(cells, "film"), clip_id, scope, every)
    choices = choices_cell(cells, "choices")
    span = span_cells(cells)
    if span is not None and len(video_ids) > 1:
        raise ValueError("it has a span, and no film or clip_id says of which video")
    return Asked(
        where=where,
        text=text,
        video_ids=tuple(video_ids),
        clip_id=clip_id,
        choices=choices,
        answer=answer_of(text_cell(cells, "answer"), choices),
        spans=() if span is None else (TimeSpan(*span),),
        kind=text_cell(cells, "kind"),
    )


def videos_asked(
    film: str | None, clip_id: str | None, scope: Scope, every: Sequence[str]
) -> Sequence[str]:
    """The videos that a question is asked of; raises ValueError for a film or clip not there."""
    if clip_id is None:
        return every if film is None else (scope.films.find(film),)
    if scope.clips is None:
        raise ValueError(f"it names the clip {clip_id}, and there are no clips yet: split first")
    return (scope.clips[clip_by_id(clip_id, film, scope.clips, scope.films, CLIPS.name)],)


def answer_of(answer: str | None, choices: Sequence[str]) -> str | None:
    """The answer as the choices spell it; raises ValueError where it is none of them."""
    if answer is None or not choices:
        return answer
    spelled = {choice.casefold(): choice for choice in choices}
    if answer.casefold() not in spelled:
        raise ValueError(
            f"the answer {shown(answer)} is none of the choices{suggest(answer, choices)}"
        )
    return spelled[answer.casefold()]


def united(known: Query, query: Query, place: str) -> Query:
    """One row of two equal questions; raises ValueError where they are answered otherwise."""
    for name in ("answer", "kind"):
        before, now = getattr(known, name), getattr(query, name)
        if None not in (before, now) and before != now:
            raise ValueError(f"{place} asks the same with the {name} {shown(before)}")
    spans = sorted({*known.true_spans, *query.true_spans}, key=lambda s: (s.start_s, s.end_s))
    return replace(
        known,
        true_spans=tuple(spans),
        answer=known.answer if query.answer is None else query.answer,
        kind=known.kind if query.kind is None else query.kind,
    )


def clips_named(config: QueriesConfig) -> tuple[Lookup, ...]:
    """The clips, where there are any: a list may name them by id."""
    columns = ("clip_id", "video_id")
    return (Lookup(CLIPS, required=False, columns=columns, decides=False),) if config.file else ()


def files_named(config: QueriesConfig) -> Mapping[str, str]:
    """The content of the list, in place of its path."""
    return list_contents({"file": config.file})


QUERIES_STAGE = TableStage(
    name="queries",
    summary="Read questions to videos, from the command line or a list.",
    reads=SOURCES,
    writes=QUERIES,
    config=QueriesConfig,
    run=queries,
    lookups=clips_named,
    takes_lists=True,
    version=Version(contents=files_named),
)
