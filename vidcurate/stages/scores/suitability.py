"""suitability: how suitable each clip is for training, as a number and in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vidcurate.captioning.templates.quality_words import quality_words
from vidcurate.clips.weight_fit import WeightFit
from vidcurate.errors import MediaError
from vidcurate.records import CLIPS, SOURCES, SUITABILITY, Clip, Suitability
from vidcurate.stage import Lookup, MapStage, Version, Workspace
from vidcurate.stages.scores.suitability_options import (
    RATINGS,
    PartsConfig,
    SuitabilityConfig,
    fit_entries,
    formula_text,
    part_weights,
    read_fit,
)
from vidcurate.stages.scores.suitability_parts import (
    BEST,
    JUDGED,
    REQUIRED,
    WORST,
    Rows,
    all_parts,
)
from vidcurate.stages.scores.suitability_ratings import RATINGS_SETTLING
from vidcurate.store.table import Table


def suitability(
    clips: Sequence[Clip], config: SuitabilityConfig, _tool: None, workspace: Workspace
) -> Iterator[list[Suitability]]:
    """Score each clip 1..5, after Koala-36M's training suitability, with its parts and words.

    With weights, the number is 1 + 4 times the geometric mean of the parts, each 0..1: it rises
    with every part, and a clip that is no good at all in one is not saved by the others. A part
    whose table or number is missing is null, left out of the mean, and named in `missing`; numbers
    made of other parts should not be compared. With a fit to ratings it is a sum of the parts.
    Raises MediaError where no part with a weight is left, where the fit needs one that was not
    measured, and for a number that is not one.
    """
    backend = config.backend
    assert isinstance(backend, PartsConfig)
    fit = read_fit(backend.fit) if backend.fit else None
    formula = formula_text(config)
    model = f"ratings {fit_entries(backend.fit).get(RATINGS, '')}".strip() if fit else ""
    for clip in clips:
        rows = clip_rows(clip, workspace)
        parts = all_parts(rows)
        yield [
            Suitability(
                clip_id=clip.clip_id,
                video_id=clip.video_id,
                backend=backend.name,
                model=model,
                score=(
                    fitted_score(parts, fit) if fit else overall_score(parts, part_weights(backend))
                ),
                formula=formula,
                **parts,
                missing=tuple(part for part, value in parts.items() if value is None),
                words=quality_words(rows),
            )
        ]


def clip_rows(clip: Clip, workspace: Workspace) -> Rows:
    """Return the clip's rows of the tables that exist, by table."""
    tables: list[Table[Any]] = [table for table in JUDGED if workspace.has(table)]
    found = {table.name: workspace.lookup(table).get(clip.clip_id) for table in tables}
    return {name: asdict(row) for name, row in found.items() if row is not None}


def overall_score(parts: Mapping[str, float | None], weight_of: Mapping[str, float]) -> float:
    """Combine a clip's parts into its score.

    Raises MediaError where no part with a weight is known.
    """
    known = {p: value for p, value in parts.items() if value is not None and weight_of[p]}
    if not known:
        raise MediaError("no part that counts was measured: give another part a weight")
    if not all(known.values()):
        return WORST
    logs = sum(weight_of[part] * math.log(value) for part, value in known.items())
    return WORST + (BEST - WORST) * math.exp(logs / sum(weight_of[part] for part in known))


def fitted_score(parts: Mapping[str, float | None], fit: WeightFit) -> float:
    """Combine a clip's parts by a fit to ratings, within 1 and 5.

    Raises MediaError where a part was not measured: a sum without it would be another number.
    """
    total = fit.base
    for part, weight in fit.weights.items():
        value = parts[part]
        if value is None:
            raise MediaError(
                f"the fit needs {part}, which was not measured of this clip: measure it, or fit "
                f"without it by {part}_weight 0"
            )
        total += weight * value
    return min(BEST, max(WORST, total))


def reads_ratings(config: SuitabilityConfig) -> bool:
    """Check whether the names of videos are needed."""
    return isinstance(config.backend, PartsConfig) and bool(config.backend.ratings)


SUITABILITY_STAGE = MapStage(
    name="suitability",
    summary="Rate how suitable each clip is for training, 1 to 5, from its other scores.",
    reads=CLIPS,
    writes=SUITABILITY,
    config=SuitabilityConfig,
    run=suitability,
    lookups=(
        *(Lookup(table, required=table in REQUIRED) for table in JUDGED),
        Lookup(SOURCES, when=reads_ratings, decides=False),
    ),
    settling=RATINGS_SETTLING,
    rows_per_part=512,
    version=Version(number=2),
)
