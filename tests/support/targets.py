"""Small targets for tests of exports: what they write, drop and read back is set by the test."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.targets import target_of
from vidcurate.stages.output import export


def write_pairs(bundle: Bundle) -> None:
    """A clip file for each sample, and one list of all."""
    lines = []
    for sample in bundle.samples():
        bundle.place(sample, f"clips/{sample.stem}.mp4")
        lines.append(json.dumps([sample.stem, sample.caption]))
    bundle.text("list.jsonl", "".join(f"{line}\n" for line in lines))


def read_pairs(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """What the list says."""
    lines = (bundle.root / "list.jsonl").read_text("utf-8").splitlines()
    return [(stem, caption) for stem, caption in map(json.loads, lines)]


PAIRS = Target("sidecar", "Pairs.", write_pairs, read_pairs)


def use_target(monkeypatch: pytest.MonkeyPatch, target: Target = PAIRS, **changes: Any) -> None:
    """Have this target, with some changes, stand for the one of its name."""
    changed = replace(target, **changes)
    real: Callable[[Any], Target] = target_of
    monkeypatch.setattr(
        export, "target_of", lambda name: changed if name == target.name else real(name)
    )
