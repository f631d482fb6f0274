"""The data card: what the data set holds, how it was made, and by what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

LICENCE_COLUMNS = ("licence", "license")
SHARDS = "data/*.parquet"


def data_card(
    clips: pa.Table, funnel: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]
) -> str:
    """A README.md for the data set; the head is what dataset hubs read."""
    head = yaml.safe_dump(
        {
            "configs": [{"config_name": "default", "data_files": SHARDS}],
            "task_categories": ["text-to-video", "video-text-to-text"],
            "size_categories": [size_category(clips.num_rows)],
        },
        sort_keys=False,
    )
    parts = [
        f"---\n{head}---\n\n# Video clips with text",
        contents(clips),
        "## How clips were lost\n\n" + funnel_table(funnel),
        "## Licences\n\n" + licences(clips),
        "## Columns\n\n" + "\n".join(f"- `{f.name}`: {f.type}" for f in clips.schema),
        "## Settings\n\n" + settings(provenance),
        "## Made with\n\n" + versions(provenance),
    ]
    return "\n\n".join(parts) + "\n"


def contents(clips: pa.Table) -> str:
    """How much there is."""
    length = timedelta(seconds=round(pc.sum(clips["duration_s"]).as_py() or 0.0))
    n_films = pc.count_distinct(clips["video_id"]).as_py()
    n_captions = clips.num_rows - clips["caption"].null_count
    n_files = clips.num_rows - clips["file_name"].null_count
    return (
        f"{clips.num_rows} clips, {length} (h:mm:ss), from {n_films} films; "
        f"{n_captions} with a caption, {n_files} with a file.\n\n"
        f'```python\nfrom datasets import load_dataset\n\nload_dataset("parquet", '
        f'data_files="{SHARDS}")\n```'
    )


def funnel_table(funnel: Sequence[Mapping[str, Any]]) -> str:
    """Inputs and losses of every stage, with the reasons."""
    lines = ["| stage | inputs | ok | dropped | failed | why |", "|---|---|---|---|---|---|"]
    for c in funnel:
        why = "; ".join(f"{n} × {text}" for text, n in {**c["dropped"], **c["reasons"]}.items())
        dropped = sum(c["dropped"].values())
        lines.append(
            f"| {c['stage']} | {c['inputs']} | {c['ok']} | {dropped} | {c['failed']} | "
            f"{in_cell(why)} |"
        )
    return "\n".join(lines)


def licences(clips: pa.Table) -> str:
    """How many clips stand under which licence."""
    column = next((c for c in LICENCE_COLUMNS if c in clips.column_names), None)
    if column is None:
        return (
            "None was given. Name them in a `licence` column of the list of films "
            "(CSV, JSON lines or Parquet)."
        )
    counts = Counter(clips[column].to_pylist())
    return "\n".join(f"- {in_cell(name or 'not given')}: {n} clips" for name, n in counts.items())


def settings(provenance: Mapping[str, Any]) -> str:
    """Every stage's options, as the YAML that makes this data set again."""
    options = {entry["stage"]: entry["options"] for entry in provenance.values()}
    return f"```yaml\n{yaml.safe_dump(options, sort_keys=False, allow_unicode=True)}```"


def versions(provenance: Mapping[str, Any]) -> str:
    """The libraries that made the tables."""
    found = {f"{k} {v}" for entry in provenance.values() for k, v in entry["versions"].items()}
    return ", ".join(sorted(found)) + "."


def in_cell(text: str) -> str:
    """Text that cannot break a Markdown table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def size_category(n_rows: int) -> str:
    """The hub's name for a size."""
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if n_rows < limit:
            return name
    return "100K<n<1M" if n_rows < 1_000_000 else "n>1M"  # noqa: PLR2004 - the hub's own bounds
