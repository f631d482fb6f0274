"""The data card: what the data set holds, how it was made, and by what."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from vidcurate.errors import quantity

LICENCE_COLUMNS = ("licence", "license")
SHARDS = "data/*.parquet"
TIMES = (
    "All times are seconds of the video. For the time in a clip's file, subtract `file_start_s`. "
    "`start_s`, `duration_s` and `n_frames` describe the clip; `file_start_s`, `file_duration_s`, "
    "`file_frames`, `width` and `height` describe its file. A file holds `lead_frames` before the "
    "clip and `tail_frames` after it."
)
MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;"} | {c: f"\\{c}" for c in "\\|[]*`"})


@dataclass
class Contents:
    """Counts of what the finished table holds, added up piece by piece."""

    n_clips: int = 0
    n_captions: int = 0
    n_files: int = 0
    seconds: float = 0.0
    videos: set[str] = field(default_factory=set)
    licences: Counter[str | None] = field(default_factory=Counter)
    schema: pa.Schema | None = None

    def add(self, clips: pa.Table) -> None:
        """Count the rows of one piece."""
        self.schema = clips.schema
        self.n_clips += clips.num_rows
        self.n_captions += clips.num_rows - clips["caption"].null_count
        self.n_files += clips.num_rows - clips["file_name"].null_count
        self.seconds += pc.sum(clips["duration_s"]).as_py() or 0.0
        self.videos.update(pc.unique(clips["video_id"]).to_pylist())
        column = next((c for c in LICENCE_COLUMNS if c in clips.column_names), None)
        if column is not None:
            counts = pc.value_counts(clips[column])
            self.licences.update({c["values"]: c["counts"] for c in counts.to_pylist()})


def data_card(
    totals: Contents, funnel: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]
) -> str:
    """Write the README.md of the data set; its head is metadata that dataset hubs read."""
    head = yaml.safe_dump(
        {
            "configs": [{"config_name": "default", "data_files": SHARDS}],
            "task_categories": ["text-to-video", "video-text-to-text"],
            "size_categories": [size_category(totals.n_clips)],
        },
        sort_keys=False,
    )
    parts = [
        f"---\n{head}---\n\n# Video clips with text",
        size_section(totals),
        "## What became of videos and clips\n\n" + funnel_table(funnel),
        "## Time lost inside videos\n\n" + loss_table(funnel),
        "## Licences\n\n" + licences(totals.licences),
        "## Columns\n\n"
        + TIMES
        + "\n\n"
        + "\n".join(f"- {as_code(f.name)}: {f.type}" for f in totals.schema or ()),
        "## Settings\n\n" + settings(provenance),
        "## Made with\n\n" + versions(provenance),
    ]
    return "\n\n".join(parts) + "\n"


def size_section(totals: Contents) -> str:
    """Describe how much the data set holds."""
    length = timedelta(seconds=round(totals.seconds))
    return (
        f"{quantity(totals.n_clips, 'clip')}, {length} (h:mm:ss), "
        f"from {quantity(len(totals.videos), 'video')}; "
        f"{totals.n_captions} with a caption, {totals.n_files} with a file.\n\n"
        f'```python\nfrom datasets import load_dataset\n\nload_dataset("parquet", '
        f'data_files="{SHARDS}")\n```'
    )


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
    options = {entry["stage"]: entry["options"] for entry in provenance.values()}
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
