"""Compares captions of one data set with reference captions of the same clips, by a model.

For each clip a line of JSON: the share of the reference's events that the caption tells
(completeness), the share of its own that the reference tells (precision), F1, and each event with
its verdict; at the end the means, on stderr. Both files are JSON Lines or Parquet with clip_id and
caption, as an export has them.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq

from vidcurate.captioning.quality.event_agreement import EventAgreement, Kind, compare_events
from vidcurate.errors import MediaError
from vidcurate.models.chat.backends import BACKENDS, open_chat_model
from vidcurate.models.chat.options import ModelConfig

MEASURES = ("completeness", "precision", "f1")
KINDS: tuple[Kind, ...] = ("events", "looks")


def read_captions(path: Path) -> dict[str, str]:
    """Captions by clip."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path, columns=["clip_id", "caption"]).to_pylist()
    else:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {row["clip_id"]: row["caption"] for row in rows if row["caption"]}


def as_line(clip_id: str, result: EventAgreement | MediaError) -> dict[str, Any]:
    """What is written of one clip."""
    if isinstance(result, MediaError):
        return {"clip_id": clip_id, "failed": str(result)}
    shares = {name: getattr(result, name) for name in MEASURES}
    return {"clip_id": clip_id, **shares, **asdict(result)}


def means(lines: Sequence[dict[str, Any]]) -> str:
    """The mean of each measure over the clips that have it."""
    failed = sum("failed" in line for line in lines)
    parts = [f"{len(lines)} clips, {failed} failed"]
    for name in MEASURES:
        values = [line[name] for line in lines if line.get(name) is not None]
        parts.append(f"{name} {fmean(values):.3f} of {len(values)}" if values else f"{name} none")
    return "; ".join(parts)


def main() -> None:
    """Compare what both files have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path)
    parser.add_argument("references", type=Path)
    parser.add_argument("--backend", choices=list(BACKENDS), default="openai")
    parser.add_argument("--model", required=True)
    parser.add_argument("--base-url", default=ModelConfig().base_url)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["events"])
    given = parser.parse_args()
    captions, references = read_captions(given.captions), read_captions(given.references)
    config = ModelConfig(model=given.model, base_url=given.base_url)
    model = open_chat_model(given.backend, config.model_dump())
    both = [clip_id for clip_id in captions if clip_id in references]
    talks = (
        compare_events(captions[clip_id], references[clip_id], given.kinds) for clip_id in both
    )
    lines = []
    for clip_id, result in zip(both, model.converse(talks), strict=True):
        lines.append(as_line(clip_id, result))
        print(json.dumps(lines[-1], ensure_ascii=False), flush=True)
    print(means(lines), file=sys.stderr)


if __name__ == "__main__":
    main()
