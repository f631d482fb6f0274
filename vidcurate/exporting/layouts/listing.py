"""Lists of clips as targets write them: JSON, JSON lines, and values that any reader takes."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from vidcurate.errors import UsageError, suggest
from vidcurate.exporting.folder.subtitles import SUBTITLE_COLUMNS
from vidcurate.exporting.target import Bundle, Sample, TargetOptions

CLIPS = "clips"
PATH = "path"
PATHS = (PATH, "file_name")
COLUMNS = (PATH, "caption", "duration_s", "n_frames", "fps", "width", "height")


def clip_name(sample: Sample) -> str:
    """Return where a clip's file lies in the folder of a target."""
    return f"{CLIPS}/{sample.stem}.mp4"


def columns_of(sample: Sample, path: str) -> dict[str, Any]:
    """Return all that is known of a clip by name: its columns, where its file lies, and its rate.

    The facts of the file stand in place of columns of the same name.
    """
    known = {**sample.row, "file_name": path, "caption": sample.caption}
    for name in (name for name in SUBTITLE_COLUMNS if known.get(name)):
        known[name] = str(PurePath(path).with_suffix(PurePath(known[name]).suffix))
    if sample.facts:
        facts = sample.facts
        known |= {"width": facts.width, "height": facts.height, "fps": float(facts.fps)}
        known |= {"n_frames": facts.n_frames, "duration_s": float(facts.n_frames / facts.fps)}
    return known


def chosen_columns(sample: Sample, path: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns of a list for a clip: the name that each is to have, and its value.

    Raises UsageError for a column that does not exist.
    """
    known = {PATH: path, **columns_of(sample, path)}
    unknown = next((name for name in columns.values() if name not in known), None)
    if unknown is not None:
        raise UsageError(f"columns: no column {unknown!r}{suggest(unknown, known)}")
    return {name: json_value(known[column]) for name, column in columns.items()}


def columns_asked(options: TargetOptions) -> Mapping[str, str]:
    """Return the columns of the list; raises UsageError where path or caption are not among them.

    Without them nobody could tell which clip a row is of.
    """
    columns = options.columns or {name: name for name in COLUMNS}
    for needed, sources in ((PATH, PATHS), ("caption", ("caption",))):
        if not written_as(columns, *sources):
            raise UsageError(f"columns must name {needed}, such as {needed}={sources[-1]}")
    return columns


def written_as(columns: Mapping[str, str], *sources: str) -> str:
    """Return the name under which a list has one of these columns, "" where it has none."""
    return next((name for name, column in columns.items() if column in sources), "")


def list_path(bundle: Bundle, sample: Sample) -> str:
    """Return a clip's path as the list has it: from the list's folder, or absolute if asked."""
    name = clip_name(sample)
    return str(bundle.out / name) if bundle.options.absolute_paths else name


def about_paths(bundle: Bundle) -> str:
    """Tell what paths are relative to."""
    if bundle.options.absolute_paths:
        return "Paths are absolute: write the export again when you move it."
    return "Paths are relative to the folder of this file."


def json_value(value: Any) -> Any:
    """Return a value as JSON has it: no NaN, bytes or dates."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value if value is None or isinstance(value, str | int) else str(value)


def present(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row that are there: neither null nor an empty list.

    A reader that infers types could not tell of what they are.
    """
    found = {name: json_value(value) for name, value in row.items()}
    return {name: value for name, value in found.items() if value is not None and value != []}


def listed_rows(bundle: Bundle) -> Iterator[dict[str, Any]]:
    """Put each clip into the folder, and yield its row of a list."""
    columns = columns_asked(bundle.options)
    for sample in bundle.samples():
        bundle.place(sample, clip_name(sample))
        yield chosen_columns(sample, list_path(bundle, sample), columns)


def listed_pairs(bundle: Bundle, rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return stem and caption of each row of a list; raises ValueError for a file that is gone."""
    columns = columns_asked(bundle.options)
    path, caption = written_as(columns, *PATHS), written_as(columns, "caption")
    return [(require_file(bundle, row[path]).stem, row[caption]) for row in rows]


def to_json(row: Mapping[str, Any], *, in_ascii: bool = False) -> str:
    """Write a row as one line of JSON: in UTF-8, or in ASCII for whoever reads by the locale."""
    return json.dumps(json_value(row), ensure_ascii=in_ascii, allow_nan=False)


def write_json_lines(
    file: Path, rows: Iterable[Mapping[str, Any]], *, in_ascii: bool = False
) -> None:
    """Write a JSON object a line."""
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        lines.writelines(f"{to_json(row, in_ascii=in_ascii)}\n" for row in rows)


def write_json_list(
    file: Path, rows: Iterable[Mapping[str, Any]], *, in_ascii: bool = False
) -> None:
    """Write a list of JSON objects, one a line."""
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        lines.write("[")
        for number, row in enumerate(rows):
            lines.write(f"{',' if number else ''}\n{to_json(row, in_ascii=in_ascii)}")
        lines.write("\n]\n")


def read_json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file; raises ValueError for a line that is no JSON."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        yield from map(json.loads, lines)


def write_csv(file: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV with a head: commas, quotes doubled, line feeds."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(columns)
        table.writerows([to_cell(row[name]) for name in columns] for row in rows)


def to_cell(value: Any) -> str:
    """Write a value for CSV: nothing for null, JSON for lists."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(json_value(value), ensure_ascii=False)


def read_csv(file: Path) -> list[dict[str, str]]:
    """Read CSV with a head; raises ValueError for what Python's reader refuses."""
    with file.open(encoding="utf-8", newline="") as lines:
        try:
            rows = list(csv.DictReader(lines, strict=True))
        except csv.Error as error:
            raise ValueError(f"{file.name}: {error}") from error
    if any(None in row or None in row.values() for row in rows):
        raise ValueError(f"{file.name} has rows of different lengths")
    return rows


def require_file(bundle: Bundle, name: str) -> Path:
    """Return the path of a file that a list names, below root; raises ValueError without it.

    An absolute path is one below `out`, where root will lie.
    """
    path = Path(name)
    if path.is_absolute():
        try:
            path = path.relative_to(bundle.out)
        except ValueError as error:
            raise ValueError(f"{name} is not below {bundle.out}") from error
    if not (bundle.root / path).is_file():
        raise ValueError(f"{name} is named and is not there")
    return bundle.root / path
