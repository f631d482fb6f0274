"""The outcome of every stage's inputs, and which stages are stale and why."""

from collections.abc import Mapping
from typing import Any

from vidcurate.analysis.view import present_plan, present_scope
from vidcurate.errors import quantity
from vidcurate.pipeline.counts import StageCount, count_stage
from vidcurate.pipeline.dataset_view import LiveDatasetView
from vidcurate.pipeline.provenance import reason_to_redo
from vidcurate.pipeline.pruning import prune
from vidcurate.pipeline.resolve import ResolvedStage, resolve
from vidcurate.pipeline.scope import Scope
from vidcurate.records import DECISIONS
from vidcurate.stage import MapStage
from vidcurate.stages.registry import stages_with
from vidcurate.store.dataset import Dataset


def funnel(dataset: Dataset) -> list[StageCount]:
    """Counts of every stage that the data set has."""
    plan = present_plan(dataset)
    scope = present_scope(dataset, plan)
    manifest = dataset.manifest()
    stages = stages_with(manifest)
    current = {p.stage.name: p for p in resolve(dataset, stages, stage_names(plan), {})}
    counts = []
    for resolved in plan:
        judged = prune(dataset, plan, resolved, scope)
        entry = manifest[resolved.stage.writes.name]
        why = why_stale(entry, current[resolved.stage.name], resolved)
        why = why or reason_to_redo(dataset, resolved, judged) or revised(dataset, resolved, scope)
        counts.append(count_stage(dataset, resolved, judged, why_stale=why))
    return counts


def revised(dataset: Dataset, resolved: ResolvedStage, scope: Scope) -> str:
    """Why a stage that takes each row by itself makes some anew for what people decided."""
    stage = resolved.stage
    if not isinstance(stage, MapStage) or stage.outdated is None:
        return ""
    if not any(lookup.table is DECISIONS for lookup in stage.lookups):
        return ""
    view = LiveDatasetView(dataset, resolved, scope, ())
    n_outdated = len(stage.outdated(resolved.config, view))
    return f"{quantity(n_outdated, 'video')} changed in review since" if n_outdated else ""


def why_stale(entry: Mapping[str, Any], current: ResolvedStage, resolved: ResolvedStage) -> str:
    """Why a stage would make other rows now than those that it made, in words; or nothing."""
    if current.fingerprint == resolved.fingerprint:
        return ""
    if entry["version"] != current.stage.version.number:
        return "this version of vidcurate makes it otherwise"
    beside = (current.stage.writes.name, DECISIONS.name)  # neither makes it another stage
    changed = [
        t for t, made in current.tables.items() if t not in beside and entry["reads"].get(t) != made
    ]
    if changed:
        return f"{', '.join(changed)} changed since it was made"
    return "what its options name changed, such as weights, a prompt or another data set"


def stage_names(plan: tuple[ResolvedStage, ...]) -> list[str]:
    """The stages of a plan."""
    return [resolved.stage.name for resolved in plan]
