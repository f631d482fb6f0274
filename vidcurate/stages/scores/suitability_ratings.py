"""People's ratings of clips, 1 to 5, and the weights of a clip's parts that fit them."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.clips.clip_names import ClipNames
from vidcurate.clips.film_names import FilmNames
from vidcurate.clips.rank_correlation import Numbers, spearman
from vidcurate.clips.weight_fit import FitQuality, WeightFit, fit_quality, fit_weights
from vidcurate.errors import MediaError, UsageError, some
from vidcurate.options import listed
from vidcurate.records import CLIPS, SOURCES
from vidcurate.stage import DatasetView, Settling
from vidcurate.stages.scores.suitability_options import (
    LIST,
    RATINGS,
    PartsConfig,
    SuitabilityConfig,
    fit_entries,
    formula_text,
    part_weights,
    written_fit,
)
from vidcurate.stages.scores.suitability_parts import (
    BEST,
    JUDGED,
    WORST,
    all_parts,
    columns_judged,
)
from vidcurate.stages.sources.list_files import hash_of, unread_columns
from vidcurate.store.list_cells import cell, shown, span_cells, text_cell
from vidcurate.store.row_lists import ListRow, read_rows
from vidcurate.store.storage import location

RATING = "rating"
COLUMNS = (RATING, "clip_id", "film", "start_s", "end_s", "rater")
FEWEST = 10  # rated clips: more than there are weights
FAR_APART = 2.0  # points between two ratings of one clip that contradict each other


@dataclass(frozen=True, slots=True)
class Rating:
    """What one person thinks of one clip; `rater` is "" where the list names none."""

    clip_id: str
    points: float
    rater: str


@dataclass(frozen=True, slots=True)
class RatedClips:
    """The rated clips that can be fitted: shape (clips, names) of parts, and the mean ratings."""

    clip_ids: Sequence[str]
    videos: Sequence[str]
    names: Sequence[str]
    parts: Numbers
    points: Numbers


def ratings_hash(config: PartsConfig) -> str:
    """The first digits of a hash of the list's content; "" where there is none."""
    return hash_of(config.ratings)[:12] if config.ratings else ""


def open_ratings(config: SuitabilityConfig) -> str:
    """Name the option that the data decide, "" where the weights are those of the ratings.

    A fit stays where its list is gone, and is made anew where another one is in its place or is
    named.
    """
    backend = config.backend
    if not isinstance(backend, PartsConfig) or not backend.ratings:
        return ""
    made_from = fit_entries(backend.fit)
    content, name = ratings_hash(backend), PurePath(backend.ratings).name
    is_same = content == made_from.get(RATINGS) if content else name == made_from.get(LIST, name)
    return "" if backend.fit and is_same else "suitability.ratings"


def settle_ratings(config: SuitabilityConfig, view: DatasetView) -> tuple[SuitabilityConfig, str]:
    """Put the formula that fits the ratings in the place of the weights, and say what it is worth.

    Raises UsageError for a list that cannot be read, that holds what is no rating, or from which
    nothing can be fitted.
    """
    backend = config.backend
    assert isinstance(backend, PartsConfig)
    name = PurePath(backend.ratings).name
    clips = view.scan(CLIPS, ["clip_id", "video_id", "start_s", "end_s"])
    rows = list(read_rows(location(backend.ratings), [RATING], RATING))
    films = FilmNames.of(SOURCES.from_arrow(view.scan(SOURCES)))
    ratings, unplaced = read_ratings(name, rows, ClipNames.of(CLIPS.name, clips, films))
    if not rows:
        raise UsageError(f"{name} has no rows: give each rated clip one")
    if not ratings:
        raise UsageError(f"{name}: no rating is of a clip here: {some(unplaced)}")
    weighted = [part for part, weight in part_weights(backend).items() if weight]
    rated, left_out = rated_clips(ratings, clips, view, weighted)
    fit, quality = checked_fit(name, rated)
    figures = {
        LIST: name,
        RATINGS: ratings_hash(backend),
        "clips": str(quality.n_clips),
        "spearman": number(quality.spearman),
        "pearson": number(quality.pearson),
        "error": number(quality.error),
    }
    fitted = backend.model_copy(update={"fit": written_fit(fit, figures)})
    settled = config.model_copy(update={"backend": fitted})
    notes = [
        f"suitability.ratings: {formula_text(settled)}",
        quality_text(quality),
        raters_text(ratings),
        *left_out,
        f"{len(unplaced)} of {len(rows)} ratings not used: {some(unplaced)}" if unplaced else "",
        unread_columns(name, rows, COLUMNS),
    ]
    return settled, "; ".join(note for note in notes if note)


def read_ratings(
    name: str, rows: Iterable[ListRow], clips: ClipNames
) -> tuple[list[Rating], list[str]]:
    """The ratings of a list that are of clips here, and why others are not.

    A row without a rating is one that is still to be rated. Raises UsageError for a rating that is
    not from 1 to 5.
    """
    found: list[Rating] = []
    unplaced: list[str] = []
    wrong: list[str] = []
    for row in rows:
        if row.fault is not None:
            unplaced.append(row.fault)
            continue
        if cell(row.cells, RATING) is None:
            unplaced.append(f"row {row.number}: it has no rating")
            continue
        try:
            points = points_of(row.cells)
        except ValueError as fault:
            wrong.append(f"row {row.number}: {fault}")
            continue
        try:
            cells, rater = row.cells, text_cell(row.cells, "rater") or ""
            named, film = text_cell(cells, "clip_id"), text_cell(cells, "film")
            clip_id, _ = clips.find(named, film, span_cells(cells))
            found.append(Rating(clip_id, points, rater))
        except ValueError as fault:
            unplaced.append(f"row {row.number}: {fault}")
    if wrong:
        raise UsageError(
            f"{name}: {some(wrong)}: ratings are from {WORST:g} to {BEST:g}, such as 3 or 3.5"
        )
    return found, unplaced


def points_of(cells: Mapping[str, Any]) -> float:
    """The rating of a row; raises ValueError for what is none."""
    value = cell(cells, RATING)
    try:
        points = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        points = math.nan
    if not WORST <= points <= BEST:
        raise ValueError(f"rating is {shown(value)}")
    return points


def rated_clips(
    ratings: Iterable[Rating], clips: pa.Table, view: DatasetView, weighted: Sequence[str]
) -> tuple[RatedClips, list[str]]:
    """The rated clips with their parts, and what was left out of the fit and why.

    A part that was not measured of every rated clip is left out; so is a clip with a part that is
    not a number.
    """
    by_clip: dict[str, list[float]] = defaultdict(list)
    for rating in ratings:
        by_clip[rating.clip_id].append(rating.points)
    wanted = pa.array(list(by_clip))
    tables = {}
    for table in JUDGED:
        columns = columns_judged(table.name)
        if columns and view.has(table):
            found = rows_of(view.scan(table, ["clip_id", "video_id", *columns]), wanted)
            tables[table.name] = {row["clip_id"]: row for row in found}
    videos = {row["clip_id"]: row["video_id"] for row in rows_of(clips, wanted)}
    parts: dict[str, dict[str, float | None]] = {}
    faults: list[str] = []
    for clip_id in by_clip:
        try:
            rows = {name: own[clip_id] for name, own in tables.items() if clip_id in own}
            parts[clip_id] = all_parts(rows)
        except MediaError as error:
            faults.append(f"{clip_id}: {error}")
    unmeasured = {part: sum(known[part] is None for known in parts.values()) for part in weighted}
    names = [part for part, n in unmeasured.items() if not n]
    gone = [
        part if n == len(parts) else f"{part} (not of {n} clips)"
        for part, n in unmeasured.items()
        if n
    ]
    notes = [f"parts left out, as they were not measured: {', '.join(gone)}"] if gone else []
    notes += [f"clips left out: {some(faults)}"] if faults else []
    numbers = [[known[name] for name in names] for known in parts.values()]
    rated = RatedClips(
        clip_ids=list(parts),
        videos=[videos[clip_id] for clip_id in parts],
        names=names,
        parts=np.array(numbers, np.float64).reshape(len(parts), len(names)),
        points=np.array([np.mean(by_clip[clip_id]) for clip_id in parts], np.float64),
    )
    return rated, notes


def rows_of(table: pa.Table, clip_ids: pa.Array) -> list[dict[str, Any]]:
    """The rows of some clips."""
    chosen = table.filter(pc.is_in(table["clip_id"], value_set=clip_ids))
    found: list[dict[str, Any]] = chosen.to_pylist()
    return found


def checked_fit(name: str, rated: RatedClips) -> tuple[WeightFit, FitQuality]:
    """Fit the weights; raises UsageError where the ratings decide none."""
    n_clips = len(rated.clip_ids)
    if n_clips < FEWEST:
        raise UsageError(f"{name}: {n_clips} clips are rated, and a fit needs {FEWEST}: rate more")
    if np.ptp(rated.points) == 0:
        raise UsageError(
            f"{name}: all {n_clips} clips are rated {rated.points[0]:g}: there is nothing to fit"
        )
    fit = fit_weights(rated.parts, rated.points, rated.names)
    fit = WeightFit(fit.base, {part: weight for part, weight in fit.weights.items() if weight})
    if not fit.weights:
        names = ", ".join(rated.names) or "none was measured of every rated clip"
        raise UsageError(
            f"{name}: no part rises with the ratings ({names}): measure more parts, or check "
            "whether 5 is the best"
        )
    return fit, fit_quality(rated.parts, rated.points, rated.videos, (WORST, BEST))


def quality_text(quality: FitQuality) -> str:
    """What a fit is worth, in words."""
    folds = "5 folds of videos" if quality.by_video else "5 folds of clips, as videos are too few"
    is_worth_it = quality.error < quality.mean_error
    verdict = "" if is_worth_it else ", so the parts do not tell what the raters look at"
    return (
        f"{quality.n_clips} rated clips: Spearman {number(quality.spearman)}, Pearson "
        f"{number(quality.pearson)}; held out in {folds}: Spearman "
        f"{number(quality.held_out_spearman)}, error {number(quality.error)} points, where the "
        f"mean alone has {number(quality.mean_error)}{verdict}"
    )


def raters_text(ratings: Sequence[Rating]) -> str:
    """How far those who rated the same clips agree; "" where each clip has one rating."""
    by_clip: dict[str, list[float]] = defaultdict(list)
    for rating in ratings:
        by_clip[rating.clip_id].append(rating.points)
    several = {clip: points for clip, points in by_clip.items() if len(points) > 1}
    if not several:
        return ""
    far = [
        f"{clip} ({', '.join(f'{p:g}' for p in points)})"
        for clip, points in several.items()
        if max(points) - min(points) >= FAR_APART
    ]
    text = f"{len(several)} clips have several ratings, whose mean counts"
    if far:
        text += f"; on {len(far)} they differ by {FAR_APART:g} points or more: {some(far)}"
    opposed = opposed_raters(ratings)
    return f"{text}; {opposed}" if opposed else text


def opposed_raters(ratings: Sequence[Rating]) -> str:
    """Raters whose order of clips is against that of the others, in words; "" without any."""
    found = []
    for rater in sorted({rating.rater for rating in ratings} - {""}):
        own, others = (
            mean_points(r for r in ratings if (r.rater == rater) is is_own)
            for is_own in (True, False)
        )
        shared = sorted(own.keys() & others.keys())
        agreement = (
            spearman(
                np.array([own[clip] for clip in shared], np.float64),
                np.array([others[clip] for clip in shared], np.float64),
            )
            if len(shared) >= FEWEST // 2
            else None
        )
        if agreement is not None and agreement < 0:
            found.append(f"{rater} (Spearman {agreement:.2f})")
    return f"against the order of the others rate {listed(found, 'and')}" if found else ""


def mean_points(ratings: Iterable[Rating]) -> dict[str, float]:
    """The mean rating of each clip."""
    by_clip: dict[str, list[float]] = defaultdict(list)
    for rating in ratings:
        by_clip[rating.clip_id].append(rating.points)
    return {clip: sum(points) / len(points) for clip, points in by_clip.items()}


def number(value: float | None) -> str:
    """A figure with two decimals, "unknown" where there is none."""
    return "unknown" if value is None else f"{value:.2f}"


RATINGS_SETTLING = Settling(open_ratings, settle_ratings)
