"""What became of every stage's inputs, and which stages are stale and why."""

from collections.abc import Mapping
from typing import Any

from vidcurate.analysis.view import present_plan, present_scope
from vidcurate.pipeline.counts import StageCount, count, why_redone
from vidcurate.pipeline.pruning import narrowed
from vidcurate.pipeline.resolve import Planned
from vidcurate.pipeline.runner import plan_for
from vidcurate.stages import STAGES
from vidcurate.store.dataset import Dataset


def funnel(dataset: Dataset) -> list[StageCount]:
    """Counts of every stage that the data set has."""
    plan = present_plan(dataset)
    scope = present_scope(dataset, plan)
    manifest = dataset.manifest()
    current = {p.stage.name: p for p in plan_for(dataset, STAGES, names_of(plan), {})}
    counts = []
    for planned in plan:
        judged = narrowed(dataset, plan, planned, scope)
        entry = manifest[planned.stage.writes.name]
        why = why_stale(entry, current[planned.stage.name], planned)
        why = why or why_redone(dataset, planned, judged)
        counts.append(count(dataset, planned, judged, why_stale=why))
    return counts


def why_stale(entry: Mapping[str, Any], current: Planned, planned: Planned) -> str:
    """Why a stage would make other rows now than those that it made, in words; or nothing."""
    if current.fingerprint == planned.fingerprint:
        return ""
    if entry["version"] != current.stage.version.number:
        return "this version of vidcurate makes it otherwise"
    own = current.stage.writes.name
    changed = [
        t for t, made in current.tables.items() if t != own and entry["reads"].get(t) != made
    ]
    if changed:
        return f"{', '.join(changed)} changed since it was made"
    return "what its options name changed, such as weights, a prompt or another data set"


def names_of(plan: tuple[Planned, ...]) -> list[str]:
    """The stages of a plan."""
    return [planned.stage.name for planned in plan]
