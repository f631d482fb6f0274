"""Measures which faults of captions the rules find, and how often they blame a good one.

Good captions are spoilt in known ways. Every second caption serves to choose the rules' limits and
is not reported; `--tuning` shows those. Captions come from a JSON Lines or Parquet file with the
columns of an export; by default from one beside this script. They are cleaned before they are
spoilt, as in a run. No model is asked.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from scripts.benchmarks.corrupt_captions import CORRUPTIONS
from vidcurate.captioning.options import CLEANING_RULES
from vidcurate.captioning.quality.faults import (
    FAULTS,
    JudgedCaption,
    WordRange,
    faults_of,
    rule_score,
)
from vidcurate.captioning.quality.judging import JudgingConfig
from vidcurate.captioning.templates.facts import Facts
from vidcurate.captioning.text.cleaning import Draft, repaired

OWN = Path(__file__).with_name("judge_captions.jsonl")
TABLES = ("motion", "quality", "text")


@dataclass(frozen=True, slots=True)
class Good:
    """A caption that is taken to be true, its language, and what was measured of its clip."""

    text: str
    language: str
    facts: Facts


@dataclass(slots=True)
class Detected:
    """How many spoilt captions have a new fault, a lower score, or something to clean."""

    new: int = 0
    lower: int = 0
    cleaned: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)


def read_captions(path: Path) -> list[Good]:
    """The captions of a file."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    else:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        Good(row["caption"], row.get("language") or "English", facts_of(row))
        for row in rows
        if row.get("caption")
    ]


def facts_of(row: dict[str, Any]) -> Facts:
    """Measurements by table, from columns that name both."""
    facts = {
        table: {
            name.removeprefix(f"{table}_"): value
            for name, value in row.items()
            if name.startswith(f"{table}_") and value is not None
        }
        for table in TABLES
    }
    motion = facts["motion"]
    if "camera" in motion:
        motion.setdefault(f"{motion['camera']}_share", 1.0)
    return {table: columns for table, columns in facts.items() if columns}


def found_in(text: str, good: Good, band: WordRange) -> dict[str, str]:
    """The faults of a text about a good caption's clip."""
    return faults_of(JudgedCaption(text, good.language, good.facts, band))


def false_alarms(goods: Sequence[Good], band: WordRange) -> Iterator[str]:
    """For each rule how many good captions it blames."""
    counts = Counter(name for good in goods for name in found_in(good.text, good, band))
    for name in FAULTS:
        yield f"{name:<14}{counts[name]:>4} of {len(goods)}  {counts[name] / len(goods):>5.0%}"
    any_rule = blamed(goods, band)
    yield f"{'any':<14}{any_rule:>4} of {len(goods)}  {any_rule / len(goods):>5.0%}"
    cleaned = sum(bool(clean(good.text, good.language)[1]) for good in goods)
    yield f"{'cleaning':<14}{cleaned:>4} of {len(goods)}  {cleaned / len(goods):>5.0%}"


def blamed(goods: Sequence[Good], band: WordRange) -> int:
    """How many good captions some rule blames."""
    return sum(bool(found_in(good.text, good, band)) for good in goods)


def clean(text: str, language: str) -> tuple[Draft, tuple[str, ...]]:
    """A text after all cleaning rules, and the names of those that found something."""
    return repaired(Draft(text, "ok", language), CLEANING_RULES)


def detection(goods: Sequence[Good], band: WordRange, dice: random.Random) -> Iterator[str]:
    """A line for each way of spoiling."""
    for kind, n, found in detected(goods, band, dice):
        shares = "".join(f"{m / n:>9.0%}" for m in (found.new, found.lower, found.cleaned))
        rules = ", ".join(f"{name} {m}" for name, m in found.by_rule.most_common(3))
        yield f"{kind:<15}{n:>4}{shares}  {rules}"


def detected(
    goods: Sequence[Good], band: WordRange, dice: random.Random
) -> Iterator[tuple[str, int, Detected]]:
    """For each way of spoiling: how many were spoilt, and what rules and cleaning found."""
    for kind, corrupt in CORRUPTIONS.items():
        spoilt = [(good, text) for good in goods if (text := corrupt(good.text, good.facts, dice))]
        if not spoilt:
            continue
        found = Detected()
        for good, text in spoilt:
            before, after = found_in(good.text, good, band), found_in(text, good, band)
            new = after.keys() - before.keys()
            found.new += bool(new)
            found.lower += rule_score(after) < rule_score(before)
            found.cleaned += bool(clean(text, good.language)[1])
            found.by_rule.update(new)
        yield kind, len(spoilt), found


def main() -> None:
    """Both tables, for one half of the captions or, with a file of one's own, for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", nargs="?", type=Path, help="JSON Lines or Parquet")
    parser.add_argument("--tuning", action="store_true", help="the half that limits are chosen on")
    parser.add_argument("--show", action="store_true", help="every false alarm with its reason")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    goods = read_captions(given.captions or OWN)
    if given.captions is None:
        goods = goods[0 if given.tuning else 1 :: 2]
    band = JudgingConfig().word_range
    print(f"false alarms on {len(goods)} good captions")
    print("\n".join(false_alarms(goods, band)))
    for good in goods if given.show else ():
        for name, reason in found_in(good.text, good, band).items():
            print(f"\n{name}: {reason}\n  {good.text}")
    goods = [replace(good, text=clean(good.text, good.language)[0].text) for good in goods]
    print(f"\n{'spoilt by':<15}{'n':>4}{'found':>9}{'lower':>9}{'cleaned':>9}  by the rules")
    print("\n".join(detection(goods, band, random.Random(given.seed))))  # noqa: S311 - reproducible dice


if __name__ == "__main__":
    main()
