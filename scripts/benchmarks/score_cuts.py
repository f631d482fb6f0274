"""Counts what a detector of shot transitions gets right on videos of which the truth is known."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

KINDS = ("cut", "jump", "dissolve", "fade", "wipe", "push", "zoom", "whip")
NAME_OF = {"jump": "cut", "push": "wipe", "zoom": "wipe", "whip": "wipe"}
TOLERANCE = 2


@dataclass(frozen=True, slots=True)
class Passage:
    """A transition: last frame before, first frame after, kind, and how sure a detector is."""

    start: int
    end: int
    kind: str
    confidence: float = 1.0

    def meets(self, other: "Passage") -> bool:
        """Whether the frames of two overlap, or nearly: of two hard cuts, two frames apart.

        This is how TransNetV2's published evaluation counts.
        """
        apart = max(self.start - other.end, other.start - self.end)
        return apart < TOLERANCE


@dataclass(slots=True)
class Score:
    """Counts of one detector over all videos.

    `errors` are frames that found hard cuts are off; `off_ends` those that both ends of found
    gradual transitions are; `verdicts` are each found one's confidence and whether it is right.
    """

    n_right: int = 0
    n_wrong: int = 0
    seconds: float = 0.0
    n_frames: int = 0
    found: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)
    named: int = 0
    errors: list[int] = field(default_factory=list)
    off_ends: list[int] = field(default_factory=list)
    verdicts: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of the found that are true."""
        return self.n_right / max(1, self.n_right + self.n_wrong)

    @property
    def recall(self) -> float:
        """Share of the true that are found."""
        return self.n_right / max(1, self.true.total())

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.n_right / max(1, self.n_right + self.n_wrong + self.true.total())

    def add(self, truth: Sequence[Passage], found: Sequence[Passage]) -> list[Passage]:
        """Count one video; the found that match nothing."""
        pairs = matched(truth, found)
        right = set(pairs.values())
        self.true.update(one.kind for one in truth)
        for index, number in pairs.items():
            true, place = truth[index], found[number]
            self.found[true.kind] += 1
            self.named += place.kind == NAME_OF.get(true.kind, true.kind)
            if true.end == true.start + 1:
                self.errors.append(place.end - true.end)
            else:
                self.off_ends += [abs(place.start - true.start), abs(place.end - true.end)]
        self.n_right += len(pairs)
        self.n_wrong += len(found) - len(pairs)
        self.verdicts += verdicts(truth, found)
        return [one for n, one in enumerate(found) if n not in right]


def matched(truth: Sequence[Passage], found: Sequence[Passage]) -> dict[int, int]:
    """Which found transition each true one is found by, each used once.

    True ones are in time order; each takes the free one that it meets and that ends first.
    """
    left = sorted(range(len(found)), key=lambda n: found[n].end)
    pairs: dict[int, int] = {}
    for index, one in enumerate(truth):
        near = next((n for n in left if one.meets(found[n])), None)
        if near is not None:
            pairs[index] = near
            left.remove(near)
    return pairs


def verdicts(truth: Sequence[Passage], found: Sequence[Passage]) -> list[tuple[float, bool]]:
    """Confidence of each found one, surest first, and whether it is the surest at a transition."""
    left = list(truth)
    judged = []
    for one in sorted(found, key=lambda one: -one.confidence):
        met = next((true for true in left if one.meets(true)), None)
        if met is not None:
            left.remove(met)
        judged.append((one.confidence, met is not None))
    return judged


def counted(
    truth: Sequence[Passage], uncertain: Sequence[tuple[int, int]], found: Sequence[Passage]
) -> list[Passage]:
    """The found ones that count, in time order: all but those in doubt that match nothing.

    `uncertain` are the first and the last frame of each span that nobody judges.
    """
    doubtful = [Passage(first - 1, last, "uncertain") for first, last in uncertain]
    surest_first = sorted(found, key=lambda one: -one.confidence)
    judged = zip(surest_first, verdicts(truth, found), strict=True)
    kept = [one for one, (_, right) in judged if right or not any(map(one.meets, doubtful))]
    return sorted(kept, key=lambda one: one.end)


def truth_of(video: Path) -> list[Passage]:
    """The transitions of a composed video, from the file beside it."""
    rows = json.loads(video.with_suffix(".json").read_text("utf-8"))["transitions"]
    return [Passage(row["start"], row["end"], row["kind"]) for row in rows]


def table(scores: dict[str, Score]) -> str:
    """A line for each detector: a kind's column is its recall, `off` the hard cuts misplaced."""
    kinds = "".join(f"{kind:>9}" for kind in KINDS)
    lines = [
        f"{'detector':10} {'precision':>9} {'recall':>7} {'F1':>6}{kinds}   off  kind  frames/s"
    ]
    for name, score in scores.items():
        shares = "".join(f"{score.found[k] / max(1, score.true[k]):9.3f}" for k in KINDS)
        off = sum(error != 0 for error in score.errors)
        kind, speed = score.named / max(1, score.n_right), score.n_frames / max(1e-9, score.seconds)
        lines.append(
            f"{name:10} {score.precision:9.3f} {score.recall:7.3f} {score.f1:6.3f}{shares} "
            f"{off:5} {kind:5.2f} {speed:9.0f}"
        )
    return "\n".join(lines)


def reliability(score: Score, edges: Sequence[float] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97)) -> str:
    """For ranges of confidence: how many were found, their mean confidence, the share right."""
    lines = [f"{'confidence':>12} {'found':>6} {'mean':>6} {'right':>6}"]
    for low, high in zip(edges, (*edges[1:], 1.01), strict=True):
        inside = [(c, right) for c, right in score.verdicts if low <= c < high]
        if inside:
            mean = sum(c for c, _ in inside) / len(inside)
            share = sum(right for _, right in inside) / len(inside)
            lines.append(
                f"{low:5.2f}..{min(high, 1.0):5.2f} {len(inside):6} {mean:6.3f} {share:6.3f}"
            )
    return "\n".join(lines)
