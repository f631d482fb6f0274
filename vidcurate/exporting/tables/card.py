"""The data card: what the data set holds, how it was made, and by what."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from vidcurate.errors import quantity
from vidcurate.exporting.tables.columns import describe
from vidcurate.exporting.tables.films import FILM_TABLES
from vidcurate.records import columns_of_table, version_tables

LICENCE_COLUMNS = ("licence", "license")
CREDIT_COLUMNS = ("attribution", "author", "credit")
MAX_CREDITS = 200
# Licences by the names that hubs have for them; they sort data sets by these.
HUB_LICENCES = frozenset(
    ["apache-2.0", "mit", "pddl", "odbl", "odc-by", "cc0-1.0", "unlicense", "gpl-3.0"]
    + [f"cc-by-{version}" for version in ("2.0", "2.5", "3.0", "4.0")]
    + [f"cc-by-sa-{version}" for version in ("3.0", "4.0")]
    + [f"cc-by-nc-{version}" for version in ("2.0", "3.0", "4.0")]
    + [f"cc-by-nc-sa-{version}" for version in ("2.0", "3.0", "4.0")]
    + ["cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"]
)
TIMES = (
    "All times are seconds of the video. For the time in a clip's file, subtract `file_start_s`. "
    "`start_s`, `duration_s` and `n_frames` describe the clip; `file_start_s`, `file_duration_s`, "
    "`file_frames`, `width` and `height` describe its file. A file holds `lead_frames` before the "
    "clip and `tail_frames` after it."
)
# What the `datasets` library reads a table's files with.
LOADERS = {".parquet": "parquet", ".tar": "webdataset"}
BY_NAME = (
    "On a hub, `load_dataset` takes the name of the data set and of the table: {tables}. Given a "
    "folder on a disk it keeps what it read first, also when the export there is extended."
)
FILMS = (
    "A row for each video that has clips here. It tells of all clips of the video that are kept "
    "and have a caption, also of one whose file is not here."
)
CAPTIONS_STAGE = "caption"
# Where an export lies on a machine is nobody's business elsewhere.
OF_MACHINE = ("out",)
MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;"} | {c: f"\\{c}" for c in "\\|[]*`"})


@dataclass
class Contents:
    """Counts of what the finished table holds, added up piece by piece.

    `schema` and `videos_schema` are those of the tables that the export holds, `configs` the tables
    that readers on hubs load: by name, the files of each split.
    """

    n_clips: int = 0
    n_captions: int = 0
    n_files: int = 0
    seconds: float = 0.0
    videos: set[str] = field(default_factory=set)
    licences: Counter[str | None] = field(default_factory=Counter)
    credits: Counter[str] = field(default_factory=Counter)
    credit_column: str = ""
    schema: pa.Schema | None = None
    videos_schema: pa.Schema | None = None
    configs: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, clips: pa.Table) -> None:
        """Count the rows of one piece."""
        self.schema = clips.schema
        self.n_clips += clips.num_rows
        self.n_captions += clips.num_rows - clips["caption"].null_count
        self.n_files += clips.num_rows - clips["file_name"].null_count
        self.seconds += pc.sum(clips["duration_s"]).as_py() or 0.0
        self.videos.update(pc.unique(clips["video_id"]).to_pylist())
        licence, credit = (
            next((c for c in columns if c in clips.column_names), None)
            for columns in (LICENCE_COLUMNS, CREDIT_COLUMNS)
        )
        if licence is not None:
            self.licences.update(value_counts(clips[licence]))
        if credit is not None:
            self.credit_column = credit
            self.credits.update({n: c for n, c in value_counts(clips[credit]).items() if n})


def value_counts(column: pa.ChunkedArray) -> dict[str | None, int]:
    """Count each value of a column of text; "" counts as none."""
    counts: Counter[str | None] = Counter()
    for found in pc.value_counts(column).to_pylist():
        counts[found["values"] or None] += found["counts"]
    return dict(counts)


def data_card(
    totals: Contents, funnel: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]
) -> str:
    """Write the README.md of the data set; its head is metadata that dataset hubs read."""
    head = yaml.safe_dump(card_head(totals), sort_keys=False, allow_unicode=True)
    credits_section = ["## Credits\n\n" + credit_lines(totals)] if totals.credits else []
    parts = [
        f"---\n{head}---\n\n# Video clips with text",
        size_section(totals),
        "## What became of videos and clips\n\n" + funnel_table(funnel),
        "## Time lost inside videos\n\n" + loss_table(funnel),
        "## Licences\n\n" + licences(totals.licences),
        *credits_section,
        *column_sections(totals),
        "## Settings\n\n" + settings(provenance),
        "## Made with\n\n" + versions(provenance),
    ]
    return "\n\n".join(parts) + "\n"


def card_head(totals: Contents) -> dict[str, Any]:
    """Make the metadata that dataset hubs read."""
    configs = [
        {
            "config_name": name,
            "data_files": [{"split": s, "path": path} for s, path in files.items()],
        }
        for name, files in totals.configs.items()
    ]
    return {
        **({"configs": configs} if configs else {}),
        **licence_head(totals.licences),
        "task_categories": ["text-to-video", "video-text-to-text"],
        "size_categories": [size_category(totals.n_clips)],
        "tags": ["video", "vidcurate"],
    }


def licence_head(counts: Mapping[str | None, int]) -> dict[str, str]:
    """Name the licence by the hub's name for it, if all clips share one."""
    named = shared_licence(counts)
    if named is None:
        return {}
    plain = re.sub(r"[^a-z0-9.]+", "-", named.lower()).strip("-")
    if plain in HUB_LICENCES:
        return {"license": plain}
    return {"license": "other", "license_name": plain}


def shared_licence(counts: Mapping[str | None, int]) -> str | None:
    """Return the one licence that all clips have; None where they differ or one has none."""
    return next(iter(counts)) if len(counts) == 1 else None


def size_section(totals: Contents) -> str:
    """Describe how much the data set holds, and how it is loaded."""
    length = timedelta(seconds=round(totals.seconds))
    size = (
        f"{quantity(totals.n_clips, 'clip')}, {length} (h:mm:ss), "
        f"from {quantity(len(totals.videos), 'video')}; "
        f"{totals.n_captions} with a caption, {totals.n_files} with a file."
    )
    if not totals.configs:
        return size
    calls = [load_call(files) for files in totals.configs.values()]
    code = "\n".join(["from datasets import load_dataset", "", *calls])
    tables = " and ".join(as_code(name) for name in totals.configs)
    return f"{size}\n\n```python\n{code}\n```\n\n{BY_NAME.format(tables=tables)}"


def load_call(files: Mapping[str, str]) -> str:
    """Write the call that loads a table from this folder, anew where its files have changed."""
    loader = LOADERS.get(PurePosixPath(next(iter(files.values()))).suffix, "videofolder")
    named = ", ".join(f'"{split}": "{path}"' for split, path in files.items())
    return f'load_dataset("{loader}", data_files={{{named}}})'


def credit_lines(totals: Contents) -> str:
    """List whom to credit, from the column of the list that says so."""
    lines = [
        f"- {in_cell(name)}: {quantity(n, 'clip')}"
        for name, n in totals.credits.most_common(MAX_CREDITS)
    ]
    others = len(totals.credits) - len(lines)
    if others > 0:
        lines.append(f"- {others} more, in the column {as_code(totals.credit_column)}")
    return "\n".join(lines)


def column_sections(totals: Contents) -> list[str]:
    """Describe the columns of the tables that an export holds."""
    sections = []
    if totals.schema is not None:
        lines = column_lines(totals.schema, of_videos=False)
        sections.append(f"## Columns\n\n{TIMES}\n\n{lines}")
    if totals.videos_schema is not None:
        lines = column_lines(totals.videos_schema, of_videos=True)
        sections.append(f"## Columns of videos\n\n{lines}")
    sections += [film_section(name) for name in FILM_TABLES if name in totals.configs]
    return sections


def film_section(name: str) -> str:
    """Describe the columns of a table of whole videos."""
    lines = [
        f"- {as_code(column.name)}: {in_cell(f'{column.type}. {column.info.description}')}"
        for column in columns_of_table(FILM_TABLES[name])
    ]
    return f"## Columns of {name}\n\n{FILMS}\n\n" + "\n".join(lines)


def column_lines(schema: pa.Schema, *, of_videos: bool) -> str:
    """List columns with type, unit and meaning."""
    fields = {field.name: field for field in schema}
    infos = describe(fields, of_videos=of_videos)
    lines = []
    for name, info in infos.items():
        unit = f", {info.unit}" if info.unit else ""
        lines.append(
            f"- {as_code(name)}: {in_cell(f'{fields[name].type}{unit}. {info.description}')}"
        )
    return "\n".join(lines)


def funnel_table(funnel: Sequence[Mapping[str, Any]]) -> str:
    """List inputs and losses of every stage, with the reasons."""
    lines = ["| stage | inputs | ok | dropped | failed | why |", "|---|---|---|---|---|---|"]
    for c in funnel:
        why = "; ".join(f"{n} × {text}" for text, n in {**c["dropped"], **c["reasons"]}.items())
        dropped = sum(c["dropped"].values())
        lines.append(
            f"| {c['stage']} | {c['inputs']} | {c['ok']} | {dropped} | {c['failed']} | "
            f"{in_cell(why)} |"
        )
    return "\n".join(lines)


def loss_table(funnel: Sequence[Mapping[str, Any]]) -> str:
    """List what the clips lack of videos that are in the data set, by stage and kind."""
    lines = ["| stage | seconds | count | what |", "|---|---|---|---|"]
    lines += [
        f"| {c['stage']} | {loss['seconds']:.1f} | {loss['count']} | {in_cell(what)} |"
        for c in funnel
        for what, loss in c["losses"].items()
    ]
    return "\n".join(lines) if len(lines) > 2 else "Nothing."  # noqa: PLR2004 - the table's head


def licences(counts: Mapping[str | None, int]) -> str:
    """List how many clips have which licence."""
    if not counts:
        return (
            "No licence was given. To name licences, add a column `licence` to the list of videos "
            "(CSV, JSON lines or Parquet)."
        )
    return "\n".join(
        f"- {in_cell(name or 'not given')}: {quantity(n, 'clip')}" for name, n in counts.items()
    )


def settings(provenance: Mapping[str, Any]) -> str:
    """Return the options of every stage as the YAML that makes this data set again."""
    options = {
        entry["stage"]: {n: v for n, v in entry["options"].items() if n not in OF_MACHINE}
        for name, entry in provenance.items()
        if not version_tables([name])
    }
    if versions := version_tables(provenance):
        named = {name: provenance[table.name]["options"] for name, table in versions.items()}
        options.setdefault(CAPTIONS_STAGE, {})["versions"] = named
    text = yaml.safe_dump(options, sort_keys=False, allow_unicode=True)
    fence = "`" * (1 + max([2, *(len(run) for run in re.findall("`+", text))]))
    return f"{fence}yaml\n{text}{fence}"


def versions(provenance: Mapping[str, Any]) -> str:
    """List the libraries that made the tables."""
    made = (
        versions
        for entry in provenance.values()
        for versions in (entry["versions"], *entry.get("earlier_versions", ()))
    )
    found = {f"{name} {version}" for versions in made for name, version in versions.items()}
    return ", ".join(sorted(found)) + "."


def in_cell(text: str) -> str:
    """Escape text for a Markdown table: no markup, link, image or control character remains."""
    return in_line(text).translate(MARKUP)


def as_code(text: str) -> str:
    """Format a name as code in Markdown."""
    return f"`{in_line(text).replace('`', chr(39))}`"


def in_line(text: str) -> str:
    """Replace line ends and control characters by spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def size_category(n_rows: int) -> str:
    """Return the hub's name for a number of rows."""
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if n_rows < limit:
            return name
    return "100K<n<1M" if n_rows < 1_000_000 else "n>1M"  # noqa: PLR2004 - the hub's own bounds
