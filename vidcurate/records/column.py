"""What a column is: its meaning, unit, formula, clock and source, stated where the row is."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal

from vidcurate.store.table import Table, unwrap_optional

WORDS: Mapping[Any, str] = {
    str: "text",
    bool: "yes or no",
    int: "integer",
    float: "number",
    bytes: "bytes",
    Fraction: "fraction",
}


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """What a column means.

    `unit` is "1" for a share or ratio, and "count" for a number of things. `time_base` says, for a
    time, on which clock it is: of the source video, or from the start of the clip or of its file.
    """

    description: str
    unit: str = ""
    formula: str = ""
    time_base: Literal["", "video", "clip", "file"] = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table with its type in words; one inside a list is named list[].column."""

    name: str
    type: str
    can_be_null: bool
    is_numeric: bool
    info: ColumnInfo


def columns_of_table(table: Table[Any]) -> tuple[TableColumn, ...]:
    """The columns of a table in order, those inside lists of records after their list."""
    return tuple(columns_of_record(table.record, ""))


@cache
def column_info(table: Table[Any], name: str) -> ColumnInfo | None:
    """What a column of a table is; None where it has no such column."""
    return next((column.info for column in columns_of_table(table) if column.name == name), None)


def columns_of_record(record: type, before: str) -> Iterator[TableColumn]:
    """The columns of a record class; names begin with `before`.

    Raises TypeError for a column that has no ColumnInfo.
    """
    hints = typing.get_type_hints(record, include_extras=True)
    for field in dataclasses.fields(record):
        hint, info = type_and_info(hints[field.name])
        if info is None:
            raise TypeError(f"{record.__name__}.{field.name} has no ColumnInfo")
        inner, can_be_null = unwrap_optional(hint)
        name = f"{before}{field.name}"
        element = typing.get_args(inner)[0] if typing.get_origin(inner) is tuple else inner
        is_numeric = element in (int, float, Fraction)
        yield TableColumn(name, type_words(inner), can_be_null, is_numeric, info)
        if dataclasses.is_dataclass(element):
            yield from columns_of_record(typing.cast("type", element), f"{name}[].")


def type_and_info(hint: Any) -> tuple[Any, ColumnInfo | None]:
    """An annotation's type and its ColumnInfo, the outermost where it has several."""
    if typing.get_origin(hint) is not Annotated:
        return hint, None
    inner, *extras = typing.get_args(hint)
    return inner, next((e for e in reversed(extras) if isinstance(e, ColumnInfo)), None)


def type_words(hint: Any) -> str:
    """A column's type as a reader says it."""
    if hint in WORDS:
        return WORDS[hint]
    if typing.get_origin(hint) is tuple:
        element = typing.get_args(hint)[0]
        return f"list of {'records' if dataclasses.is_dataclass(element) else type_words(element)}"
    key, value = typing.get_args(hint)
    return f"map from {type_words(key)} to {type_words(value)}"


ClipId = Annotated[
    str, ColumnInfo("Clip: its video and its first and last tick, so equal spans have equal ids")
]
VideoId = Annotated[str, ColumnInfo("Video, named by its content: copies of a file have one id")]
JudgedFrames = Annotated[int, ColumnInfo("Frames that were judged", "count")]
Backend = Annotated[str, ColumnInfo("Backend that made the row, as the stage's options name it")]
Model = Annotated[str, ColumnInfo("Model that made the row; empty where none was needed")]
PromptHash = Annotated[str, ColumnInfo("Hash of the prompts that the model was given")]
Requests = Annotated[int, ColumnInfo("Requests to the model", "count")]
PromptTokens = Annotated[
    int | None, ColumnInfo("Tokens of all prompts; null where the model does not count", "tokens")
]
CompletionTokens = Annotated[
    int | None, ColumnInfo("Tokens of all answers; null where the model does not count", "tokens")
]
Seconds = Annotated[float, ColumnInfo("Time that all requests took", "s")]
VideoStart = Annotated[float, ColumnInfo("Start", "s", time_base="video")]
VideoEnd = Annotated[float, ColumnInfo("End", "s", time_base="video")]
TickLength = Annotated[
    Fraction, ColumnInfo("Length of one tick of the video's clock", "s per tick")
]
