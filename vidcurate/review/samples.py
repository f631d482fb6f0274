"""Samples of clips that people judge, and the share of good clips that follows from them.

D/decisions/samples/ID.json   what was drawn: clips with their strata, and how large strata were
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import numpy as np

from vidcurate.analysis.fates import FATES
from vidcurate.analysis.quality_estimate import Estimate, draw_sample, estimate_share
from vidcurate.clips.reviews import span_id, standing
from vidcurate.errors import UsageError
from vidcurate.records import DECISIONS, Decision
from vidcurate.review.answers import NotFoundError
from vidcurate.review.clips import ClipsNow
from vidcurate.review.listing import fate_named, score_named, video_name
from vidcurate.store.atomic import write_text
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import Location, list_names

SAMPLE_ID = re.compile(r"[0-9a-f]{8}")
MAX_CLIPS = 100_000
QUARTERS = (0.25, 0.5, 0.75)
WHOLE = "all clips"


@dataclass(frozen=True)
class Sample:
    """Clips that were drawn, in the order to judge them, each with its stratum at that time."""

    sample: str
    made_at: str
    n: int
    by: str | None
    seed: int
    fate: str | None
    clips: Mapping[str, str]
    sizes: Mapping[str, int]


def make_sample(now: ClipsNow, n: int, by: str | None, seed: int, fate: str | None) -> Sample:
    """Draw clips from every stratum in proportion to its size, and keep what was drawn.

    Strata are those of `by`: fate, video, tag, or a score's quarters; with a `fate` only clips that
    have it are drawn. Raises UsageError for another `by`, no clips, and a number that makes no
    sense.
    """
    if not 1 <= n <= MAX_CLIPS:
        raise UsageError(f"a sample has 1 to {MAX_CLIPS} clips, and not {n}")
    places = (
        np.arange(len(now.spans.ids))
        if fate is None
        else np.flatnonzero(now.fates == fate_named(fate))
    )
    if not len(places):
        raise UsageError("there is no clip to draw" + (f" with the fate '{fate}'" if fate else ""))
    strata = strata_of(now, by)
    ids = [now.spans.ids[place] for place in places]
    names = few([strata[place] for place in places], n)
    drawn = draw_sample(ids, names, n, seed)
    stratum = dict(zip(ids, names, strict=True))
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    name = hashlib.sha256(json.dumps([drawn, by, made_at]).encode()).hexdigest()[:8]
    sizes = dict(sorted(Counter(names).items()))
    clips = {clip_id: stratum[clip_id] for clip_id in drawn}
    sample = Sample(name, made_at, n, by, seed, fate, clips, sizes)
    write_text(folder_of(now.facts.dataset) / f"{name}.json", json.dumps(asdict(sample)) + "\n")
    return sample


def strata_of(now: ClipsNow, by: str | None) -> list[str]:
    """The stratum of each clip."""
    if by is None:
        return [WHOLE] * len(now.spans.ids)
    if by == "fate":
        return [FATES[code] for code in now.fates]
    if by == "video":
        return [video_name(path) or "unknown" for path in now.spans.video_names.to_pylist()]
    if by in ("tag", "tags"):
        return [label or "no tag" for label in now.spans.labels]
    numbers = now.spans.numbers(score_named(now, by))
    present = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(present, QUARTERS)) if len(present) else np.array([])
    words = [f"from {edge:.4g}" for edge in edges]
    names = [f"{by} below {edges[0]:.4g}" if len(edges) else by, *(f"{by} {w}" for w in words)]
    quarters = np.searchsorted(edges, numbers, "right")
    return [
        names[quarter] if np.isfinite(value) else f"{by} missing"
        for value, quarter in zip(numbers, quarters, strict=True)
    ]


def few(strata: Sequence[str], n: int) -> list[str]:
    """The strata, the small ones put together where there are more than half of `n`.

    A stratum of which nothing is drawn would be left out of the estimate.
    """
    sizes = Counter(strata)
    most = max(1, n // 2)
    if len(sizes) <= most:
        return list(strata)
    large = {name for name, _ in sizes.most_common(most - 1)}
    return [name if name in large else "others" for name in strata]


def read_sample(dataset: Dataset, name: str) -> Sample:
    """A sample that was drawn; raises NotFoundError where there is none."""
    if not SAMPLE_ID.fullmatch(name):
        raise NotFoundError(f"{name!r} is no sample's id: it has 8 hex digits")
    try:
        found = json.loads((folder_of(dataset) / f"{name}.json").read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no sample {name}: draw one with --sample") from error
    return Sample(**found)


def samples_of(dataset: Dataset) -> list[Sample]:
    """All samples that were drawn, the first one first."""
    names = [n.removesuffix(".json") for n in list_names(folder_of(dataset)) if n.endswith(".json")]
    found = [read_sample(dataset, name) for name in names if SAMPLE_ID.fullmatch(name)]
    return sorted(found, key=lambda sample: (sample.made_at, sample.sample))


def latest_sample(dataset: Dataset) -> Sample:
    """The sample that was drawn last; raises NotFoundError where none was."""
    samples = samples_of(dataset)
    if not samples:
        raise NotFoundError("no sample was drawn yet: draw one with --sample 200")
    return samples[-1]


def find_sample(
    dataset: Dataset, n: int, by: str | None, seed: int, fate: str | None
) -> Sample | None:
    """The last sample that was drawn in a way, to go on with it; None where there is none."""
    asked = (n, by, seed, fate)
    same = [s for s in samples_of(dataset) if (s.n, s.by, s.seed, s.fate) == asked]
    return same[-1] if same else None


def folder_of(dataset: Dataset) -> Location:
    """The folder of a data set's samples."""
    return dataset.root / DECISIONS.name / "samples"


def estimate(now: ClipsNow, sample: Sample) -> dict[str, Any]:
    """The share of good clips, those that people accept, by what is judged of a sample so far.

    Only the clips up to the first that nobody judged count: whoever judges others first chooses
    them by what they are, and not by chance. `ahead` are those judged beyond, and `gone` those that
    are no longer there.
    """
    verdicts = judgements(now, sample)
    judged = [
        (stratum, good) for stratum, good in takewhile(is_judged, verdicts) if good is not None
    ]
    n_judged = sum(map(is_judged, verdicts))
    found: Estimate = estimate_share(judged, sample.sizes)
    facts = asdict(found)
    return {
        **facts,
        "sample": sample.sample,
        "by": sample.by,
        "n": len(sample.clips),
        "reviewed": len(judged),
        "ahead": n_judged - len(judged),
        "gone": len(sample.clips) - len(verdicts),
        "good": sum(is_good for _, is_good in judged),
    }


def is_judged(judgement: tuple[str, bool | None]) -> bool:
    """Whether somebody said if a clip is good."""
    return judgement[1] is not None


def judgements(now: ClipsNow, sample: Sample) -> list[tuple[str, bool | None]]:
    """The stratum of each clip of a sample, and whether it is good: None where nobody judged it.

    Clips are in drawn order. Those that are gone, and that nobody put others in the place of, are
    left out: nobody can judge them.
    """
    made = successors(now.decisions)
    return [
        (stratum, verdict_of(now, clip_id, made))
        for clip_id, stratum in sample.clips.items()
        if clip_id in now.spans.place or clip_id in made
    ]


def verdict_of(now: ClipsNow, clip_id: str, made: Mapping[str, Sequence[str]]) -> bool | None:
    """Whether a clip is good; None where nobody judged it.

    A clip that people put others in the place of is judged by these: it is good where one is, bad
    where all are bad.
    """
    while clip_id not in now.spans.place and len(made.get(clip_id, ())) == 1:
        [clip_id] = made[clip_id]  # nudged, perhaps a thousand times
    if clip_id in now.spans.place or clip_id not in made:
        verdict = now.review(clip_id).verdict
        return None if verdict is None else verdict == "accept"
    verdicts = [verdict_of(now, other, made) for other in made[clip_id]]
    if any(verdict is True for verdict in verdicts):
        return True
    return None if None in verdicts else False


def successors(decisions: Sequence[Decision]) -> dict[str, tuple[str, ...]]:
    """For each clip that people replaced, the clips in its place.

    Of several decisions the last counts; one that brings a clip back ends the chain there.
    """
    found: dict[str, tuple[str, ...]] = {}
    for decision in standing(decisions):
        made = tuple(span_id(decision.video_id, span) for span in decision.spans)
        for clip_id in made:
            found.pop(clip_id, None)
        for clip_id in decision.replaces:
            found[clip_id] = made
    return found
