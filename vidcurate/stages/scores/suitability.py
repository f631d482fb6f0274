"""suitability: how suitable each clip is for training, as a number and in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vidcurate.captioning.templates.quality_words import quality_words
from vidcurate.clips.weight_fit import WeightFit
from vidcurate.clips.windows import window
from vidcurate.errors import MediaError
from vidcurate.media.io.content import video_path
from vidcurate.models.device import model_resources
from vidcurate.models.vision.vtss import Scorer, open_vtss, require_torch, weights_file
from vidcurate.options import StageConfig
from vidcurate.records import CLIPS, SCANS, SOURCES, SUITABILITY, VIDEOS, Clip, Suitability
from vidcurate.stage import BY_CONTENT, Cost, Lookup, MapStage, Resources, Version, Workspace
from vidcurate.stages.scores.suitability_options import (
    RATINGS,
    PartsConfig,
    SuitabilityConfig,
    VtssConfig,
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
from vidcurate.store.digests import content_hash
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Formula:
    """A score of a clip's parts: by weights, or by a fit to ratings."""

    config: PartsConfig

    def __call__(
        self, _clip: Clip, parts: Mapping[str, float | None], _workspace: Workspace
    ) -> float:
        """The score; raises MediaError where the parts do not give one."""
        if self.config.fit:
            return fitted_score(parts, read_fit(self.config.fit))
        return overall_score(parts, part_weights(self.config))


@dataclass(frozen=True, slots=True)
class Network:
    """A score of a clip's own frames, decoded from its source, by a network."""

    score: Scorer

    def __call__(
        self, clip: Clip, _parts: Mapping[str, float | None], workspace: Workspace
    ) -> float:
        """The network's number; raises MediaError for what is none, or cannot be decoded."""
        from vidcurate.media.io.frames import read_images
        from vidcurate.media.scan.files import read_frames
        from vidcurate.media.visual.fragments import fragment_frames, fragment_pieces

        scan = workspace.lookup(SCANS)[clip.video_id]
        frames = window(read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",)), clip)
        pts = frames["pts"].to_pylist()
        order = [pts[number] for number in fragment_frames(len(pts))]
        path = video_path(workspace.lookup(SOURCES)[clip.video_id])
        video = workspace.lookup(VIDEOS)[clip.video_id]
        images = read_images(path, video, sorted(set(order)), scan.clock_offsets)
        score = self.score(fragment_pieces(images, order))
        if not math.isfinite(score):
            raise MediaError("the network gave a number that is none")
        return score


def open_scorer(config: SuitabilityConfig, _workspace: Workspace) -> Formula | Network:
    """Return what scores a clip; a network is loaded once a worker."""
    backend = config.backend
    if isinstance(backend, VtssConfig):
        return Network(open_vtss(backend.model))
    return Formula(backend)


def suitability(
    clips: Sequence[Clip],
    config: SuitabilityConfig,
    scorer: Formula | Network,
    workspace: Workspace,
) -> Iterator[list[Suitability]]:
    """Score each clip, after Koala-36M's training suitability, with its parts and words.

    With weights, the number is 1 + 4 times the geometric mean of the parts, each 0..1: it rises
    with every part, and a clip that is no good at all in one is not saved by the others. A part
    whose table or number is missing is null, left out of the mean, and named in `missing`; numbers
    made of other parts should not be compared. With a fit to ratings it is a sum of the parts, and
    with a network the network's own number.
    Raises MediaError where no part with a weight is left, where the fit needs one that was not
    measured, and for a number that is not one.
    """
    for clip in clips:
        rows = clip_rows(clip, workspace)
        parts = all_parts(rows)
        missing = tuple(part for part, value in parts.items() if value is None)
        yield [
            Suitability(
                clip_id=clip.clip_id,
                video_id=clip.video_id,
                backend=config.backend.name,
                model=model_name(config),
                score=scorer(clip, parts, workspace),
                formula=formula_text(config, missing),
                **parts,
                missing=missing,
                words=quality_words(rows),
            )
        ]


def model_name(config: SuitabilityConfig) -> str:
    """What made a score besides the formula: the ratings of a fit, or the network's file."""
    backend = config.backend
    if isinstance(backend, VtssConfig):
        return backend.model
    made_from = fit_entries(backend.fit).get(RATINGS)
    return f"{RATINGS} {made_from}" if made_from else ""


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


def is_network(config: SuitabilityConfig) -> bool:
    """Check whether clips are decoded for a network."""
    return isinstance(config.backend, VtssConfig)


def reads_sources(config: SuitabilityConfig) -> bool:
    """Check whether files or names of videos are needed."""
    backend = config.backend
    return isinstance(backend, VtssConfig) or bool(backend.ratings)


def check_network(config: SuitabilityConfig, _others: Mapping[str, StageConfig]) -> None:
    """Check that a network can be loaded, before a video is decoded; raises UsageError."""
    if isinstance(config.backend, VtssConfig):
        require_torch()
        weights_file(config.backend.model)


def weights_content(config: SuitabilityConfig) -> str:
    """Hash a network's file: another one under the same path gives other scores."""
    backend = config.backend
    return content_hash(weights_file(backend.model)) if isinstance(backend, VtssConfig) else ""


def content_options(config: SuitabilityConfig) -> Mapping[str, str]:
    """Return the option that names a network's file, if it does."""
    return {"model": BY_CONTENT} if is_network(config) else {}


def resources(config: SuitabilityConfig) -> Resources:
    """Put a network into one worker if there is a GPU."""
    return model_resources() if is_network(config) else Resources()


SUITABILITY_STAGE = MapStage(
    name="suitability",
    summary="Rate how suitable each clip is for training, 1 to 5, from its other scores.",
    reads=CLIPS,
    writes=SUITABILITY,
    config=SuitabilityConfig,
    open=open_scorer,
    run=suitability,
    lookups=(
        *(Lookup(table, required=table in REQUIRED) for table in JUDGED),
        Lookup(SOURCES, when=reads_sources),
        *(Lookup(table, when=is_network) for table in (VIDEOS, SCANS)),
    ),
    check=check_network,
    settling=RATINGS_SETTLING,
    rows_per_part=512,
    cost=Cost(resources=resources, advice="suitability.backend parts"),
    version=Version(number=2, depends=weights_content, contents=content_options),
)
