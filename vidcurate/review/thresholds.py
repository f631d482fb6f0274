"""Rules tried at once on all clips, and written back to the YAML file that they come from."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidcurate.analysis.tune import removals
from vidcurate.errors import ConfigError, UsageError
from vidcurate.pipeline.config import load_config
from vidcurate.review.answers import ConflictError, number_or_none
from vidcurate.review.clips import REJECTED, ClipsNow
from vidcurate.review.listing import score_named
from vidcurate.review.rules_file import with_rules
from vidcurate.rules import Rule, check, parse
from vidcurate.stages.registry import STAGES
from vidcurate.stages.selection.filter import COMMANDS, FILTER, RULED, FilterConfig
from vidcurate.store.atomic import atomic_write

MAX_IDS = 200
MAX_RULES, MAX_RULE_CHARS = 200, 2000
MAX_BINS = 200
ENDS = (1, 99)  # percentiles


def rules_in(texts: Sequence[str]) -> list[Rule]:
    """Rules by their texts; raises RuleError with all that is wrong with them."""
    rules = [parse(text) for text in texts]
    check(
        rules,
        {name: table.schema for name, table in RULED.items()},
        {name: COMMANDS.get(name, name) for name in RULED},
    )
    return rules


def texts_in(value: Any) -> list[str]:
    """The texts of rules that a request gives, each once; raises UsageError for another kind."""
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise UsageError(f"rules must be a list of texts, and not {value!r}")
    texts = list(dict.fromkeys(text.strip() for text in value if text.strip()))
    if len(texts) > MAX_RULES or any(len(text) > MAX_RULE_CHARS for text in texts):
        raise UsageError(f"at most {MAX_RULES} rules of at most {MAX_RULE_CHARS} characters each")
    return texts


def try_rules(now: ClipsNow, texts: Sequence[str]) -> dict[str, Any]:
    """What other rules would do to the clips, beside the verdicts of people.

    Raises RuleError where a rule makes no sense.
    """
    rules = rules_in(texts)
    passes, before = now.passing(rules), now.passes
    outcomes = now.spans.judged_by(rules)
    is_open = outcomes.undecided.is_valid().to_numpy(zero_copy_only=False)
    is_broken = outcomes.first_failed.is_valid().to_numpy(zero_copy_only=False)
    unmeasured = int((is_open & ~is_broken & ~passes & (now.verdicts != REJECTED)).sum())
    added, removed = np.flatnonzero(passes & ~before), np.flatnonzero(before & ~passes)
    kept = int(passes.sum())
    seconds = {
        name: round(float(now.spans.seconds[places].sum()), 3)
        for name, places in (("kept", passes), ("added", added), ("removed", removed))
    }
    return {
        "kept": kept,
        "seconds": seconds,
        "rejected": len(passes) - kept - unmeasured,
        "unmeasured": unmeasured,
        "added": [now.spans.ids[place] for place in added[:MAX_IDS]],
        "removed": [now.spans.ids[place] for place in removed[:MAX_IDS]],
        "n_added": len(added),
        "n_removed": len(removed),
        "by_rule": [
            {"rule": r.rule, "removes": r.removes, "only_it": r.only_it}
            for r in removals(rules, now.spans.columns_of(rules))
        ],
    }


def histogram(now: ClipsNow, name: str, bins: int) -> dict[str, Any]:
    """How a score's values lie, of clips that pass and others, and where rules set limits.

    The bins reach from the 1st percentile to the 99th, and to limits among the values; the first
    and the last also count what lies beyond. Raises UsageError for an unknown score.
    """
    if not 1 <= bins <= MAX_BINS:
        raise UsageError(f"a histogram has 1 to {MAX_BINS} bins, and not {bins}")
    numbers = now.spans.numbers(score_named(now, name))
    limits = [
        {"rule": rule.text, "condition": limit.condition, "value": limit.value}
        for rule in now.rules
        for limit in now.spans.limits_in(rule)
        if limit.score == name
    ]
    is_there = np.isfinite(numbers)
    present = numbers[is_there]
    edges = np.array([])
    if len(present):
        least, greatest = present.min(), present.max()
        values = [limit["value"] for limit in limits if limit["value"] is not None]
        among = [value for value in values if least <= value <= greatest]
        ends = [*np.percentile(present, ENDS), *among]
        edges = np.histogram_bin_edges(present, bins, (min(ends), max(ends)))
        present = np.clip(present, edges[0], edges[-1])
    passes = now.passes[is_there]
    kept, rejected = (
        np.histogram(present[chosen], edges)[0].tolist() if len(present) else []
        for chosen in (passes, ~passes)
    )
    missing = int(len(numbers) - len(present))
    return {
        "edges": edges.tolist(),
        "kept": kept,
        "rejected": rejected,
        "missing": missing,
        "limits": limits,
    }


def range_of(now: ClipsNow, score: tuple[str, str]) -> dict[str, Any]:
    """The ends of a score's values, with and without outliers, and how many clips have none."""
    numbers = now.spans.numbers(score)
    present = numbers[np.isfinite(numbers)]
    ends = np.percentile(present, [0, *ENDS, 100]) if len(present) else [np.nan] * 4
    low, first, last, high = map(float, ends)
    return {
        "min": number_or_none(low),
        "max": number_or_none(high),
        "p1": number_or_none(first),
        "p99": number_or_none(last),
        "missing": len(numbers) - len(present),
    }


def rules_of_file(file: Path) -> tuple[str, ...]:
    """The rules of a config file's filter; raises ConfigError where the file is wrong."""
    config = load_config(file, STAGES).get(FILTER.name)
    return config.rules if isinstance(config, FilterConfig) else ()


def save_rules(file: Path | None, texts: Sequence[str], dataset: str) -> dict[str, str]:
    """Write rules into a config file, whose comments and order stay; says what runs them.

    Raises ConflictError where no file was given, it changed so that it cannot be read, or its
    rules are written in a way that cannot be changed.
    """
    if file is None:
        raise ConflictError(
            "no config file was given: start the review with -c FILE to write rules into it"
        )
    rules_in(texts)
    try:
        load_config(file, STAGES)
    except ConfigError as error:
        first = str(error).splitlines()[0]
        raise ConflictError(f"the file must be right before rules are put in: {first}") from error
    before = file.read_bytes().decode("utf-8")  # as it is, also its line ends
    written = with_rules(before, texts)
    with atomic_write(file.resolve()) as partial:
        partial.write_bytes(written.encode())
        shutil.copymode(file, partial)
    return {"file": str(file), "command": f"vidcurate filter -d {dataset} -c {file}"}
