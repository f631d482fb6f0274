"""What a trainer will do with every clip, known before a file is written: pure, over columns."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.rendition import Box, FileFacts, Rendition, Size
from vidcurate.exporting.forecast.clip_facts import ClipFacts, Example, Kinds
from vidcurate.exporting.rendition import RenditionOptions, even_box, plan_rendition
from vidcurate.exporting.settings import UNTRAINED
from vidcurate.exporting.target import Target
from vidcurate.exporting.training import Action, Bucket, Fate, Training

ACTIONS: tuple[Action, ...] = get_args(Action)
EXAMPLES = 3
NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Who leaves a clip out, or shortens it: the export, by its own options, or the trainer.
By = Literal["export", "trainer"]

NO_TRAINING = Training(UNTRAINED, (), ())


@dataclass(frozen=True, slots=True)
class Setting:
    """How clips are made into files, and what is trained on those; its model may be UNTRAINED."""

    options: RenditionOptions
    training: Training = NO_TRAINING


@dataclass(frozen=True, slots=True)
class Group:
    """Clips with which the same is done for the same reason, numbers aside.

    `seconds` is how long they are. Numbers that differ stand in `reason` as from-to.
    """

    action: Action
    by: By
    reason: str
    clips: int
    seconds: float
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class BucketCount:
    """Clips of one bucket; `n_frames` is None where no trainer puts them into one.

    `frames` and `pixels` are sums over clips, of what is trained; `hours` are at their rate.
    """

    width: int
    height: int
    n_frames: int | None
    clips: int
    frames: int
    pixels: int
    hours: float

    def __str__(self) -> str:
        length = "" if self.n_frames is None else f"x{self.n_frames}"
        return f"{self.width}x{self.height}{length}"


@dataclass(frozen=True)
class Fates:
    """What becomes of each kind of clips under one setting, for one target.

    `frames` is how many frames a clip of each kind has at the rate of its file. `planned` is that
    file, or why there is none; `fates` is what is done with the clips, and `by` who does it.
    """

    facts: ClipFacts
    setting: Setting
    kinds: Kinds
    frames: NDArray[np.int64]
    planned: Sequence[Rendition | str]
    fates: Sequence[Fate]
    by: Sequence[By]

    @cached_property
    def is_kept(self) -> NDArray[np.bool_]:
        """Whether a kind is trained."""
        return np.array([fate.action != "dropped" for fate in self.fates], np.bool_)

    @property
    def kept(self) -> int:
        """How many clips are trained."""
        return int(self.kinds.clips[self.is_kept].sum())

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """The rate of each kind's files, in frames a second."""
        fps = self.setting.options.fps
        if fps is not None:
            return np.full(len(self.fates), float(fps))
        pairs = self.facts.rate[self.kinds.first]
        return np.asarray(pairs[:, 0] / pairs[:, 1])

    @cached_property
    def file_frames(self) -> NDArray[np.int64]:
        """How many frames the file of a kind has; 0 without one."""
        return np.array([0 if isinstance(p, str) else p.n_frames for p in self.planned], np.int64)

    @cached_property
    def trained_frames(self) -> NDArray[np.int64]:
        """How many frames of a clip of each kind are trained; 0 where it is dropped."""
        lengths = [0 if fate.bucket is None else fate.bucket.n_frames for fate in self.fates]
        return np.array(lengths, np.int64)

    @cached_property
    def used_frames(self) -> NDArray[np.int64]:
        """How many frames of a clip of each kind are trained, or stand for those around them.

        A trainer that takes a clip whole may sample its frames, as models of text do.
        """
        is_whole = np.array([fate.action == "whole" for fate in self.fates], np.bool_)
        return np.where(is_whole, self.file_frames, self.trained_frames)

    @property
    def trained_s(self) -> float:
        """How much video is trained, in seconds at the rate of files."""
        return float((self.kinds.clips * self.used_frames / self.rates).sum())

    @property
    def lost_frames(self) -> NDArray[np.int64]:
        """How many frames of a clip of each kind are not trained."""
        lost: NDArray[np.int64] = np.maximum(0, self.frames - self.used_frames)
        return lost

    @property
    def lost_s(self) -> float:
        """How much video is not trained, in seconds at the rate of files."""
        return float((self.kinds.clips * self.lost_frames / self.rates).sum())

    def count(self, is_meant: Callable[[Fate], bool]) -> int:
        """Count the clips with a kind of fate."""
        meant = np.array([is_meant(fate) for fate in self.fates], np.bool_)
        return int(self.kinds.clips[meant].sum())


def foretell(
    facts: ClipFacts, setting: Setting, target: Target, like: Fates | None = None
) -> Fates:
    """Plan the file of each kind of clips, and ask the target what its trainer does with it.

    `like` is a forecast of the same clips: at an equal rate they are of the same kinds.
    """
    fps = setting.options.fps
    if like is not None and like.setting.options.fps == fps:
        kinds, frames = like.kinds, like.frames
    else:
        kinds = facts.kinds(fps)
        frames = facts.frames_at(fps)[kinds.first]
    planned = [plan_of(facts, int(clip), setting.options) for clip in kinds.first]
    judged = [
        fate_of(target, setting, one, int(n_frames), facts.own_rate(int(clip)))
        for one, n_frames, clip in zip(planned, frames, kinds.first, strict=True)
    ]
    fates, by = [fate for fate, _ in judged], [by for _, by in judged]
    return Fates(facts, setting, kinds, frames, planned, fates, by)


def plan_of(facts: ClipFacts, clip: int, options: RenditionOptions) -> Rendition | str:
    """Plan the file of one clip, or say why it gets none."""
    size, box = facts.pictures[facts.picture[clip]]
    return plan_rendition(size, box, facts.duration(clip), int(facts.n_frames[clip]), options)


def fate_of(
    target: Target,
    setting: Setting,
    planned: Rendition | str,
    n_frames: int,
    own_rate: Fraction,
) -> tuple[Fate, By]:
    """Say what is done with a clip of so many frames at the rate of its file, and by whom.

    Where the export cuts a file to a trained length, and the trainer takes all of that, the export
    has cut the clip. Where there is no trainer, all of a file is taken.
    """
    if isinstance(planned, str):
        return Fate("dropped", None, planned), "export"
    file = planned.facts(own_rate)
    if target.fate is None:
        fate = Fate("whole", whole_bucket(file))
    else:
        fate = target.fate(file, setting.training)
    if fate.action == "whole" and planned.n_frames < n_frames:
        reason = f"the first {planned.n_frames} of {n_frames} frames"
        return Fate("cut", fate.bucket, reason), "export"
    return fate, "trainer"


def whole_bucket(file: FileFacts) -> Bucket:
    """Return the bucket that is a file's own size and length."""
    return Bucket(file.width, file.height, file.n_frames)


def count_actions(fates: Fates) -> dict[Action, int]:
    """Count the clips by what is done with them."""
    return {action: fates.count(lambda fate, a=action: fate.action == a) for action in ACTIONS}  # type: ignore[misc]


def group_fates(fates: Fates) -> tuple[Group, ...]:
    """Put clips together with which the same is done for the same reason; most clips first.

    Clips of which all is used are in no group, unless there is something to say of them.
    """
    alike: dict[tuple[Action, By, str], list[int]] = {}
    for kind, (fate, by) in enumerate(zip(fates.fates, fates.by, strict=True)):
        if fate.reason:
            alike.setdefault((fate.action, by, NUMBER.sub("#", fate.reason)), []).append(kind)
    groups = [group_of(fates, action, by, kinds) for (action, by, _), kinds in alike.items()]
    return tuple(sorted(groups, key=lambda group: (-group.clips, group.reason)))


def group_of(fates: Fates, action: Action, by: By, kinds: Sequence[int]) -> Group:
    """Make a group of kinds whose reasons differ in numbers alone."""
    members = fates.kinds.members(kinds, len(fates.facts))
    return Group(
        action,
        by,
        merged_reason([fates.fates[kind].reason for kind in kinds]),
        len(members),
        round(float(fates.facts.seconds[members].sum()), 3),
        tuple(fates.facts.example(int(clip)) for clip in members[:EXAMPLES]),
    )


def merged_reason(reasons: Sequence[str]) -> str:
    """Make one sentence of several that differ in numbers alone: 12 and 30 become 12-30."""
    words = NUMBER.split(reasons[0])
    columns = zip(*(NUMBER.findall(reason) for reason in reasons), strict=True)
    spans = [span_of(dict.fromkeys(column)) for column in columns]
    return "".join(part for pair in zip(words, [*spans, ""], strict=True) for part in pair)


def span_of(values: Iterable[str]) -> str:
    """Write one number as it is, several as the least and the greatest."""
    ordered = sorted(values, key=float)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]}-{ordered[-1]}"


def count_buckets(fates: Fates, *, by_length: bool) -> tuple[BucketCount, ...]:
    """Count clips, frames and pixels of each bucket, the most used first.

    Without `by_length` clips of equal size are together, as where no trainer makes batches.
    """
    sums: dict[tuple[int, int, int | None], list[float]] = {}
    for kind, fate in enumerate(fates.fates):
        if fate.bucket is None:
            continue
        width, height, n_frames = fate.bucket
        clips = int(fates.kinds.clips[kind])
        counted = sums.setdefault((width, height, n_frames if by_length else None), [0, 0, 0.0])
        counted[0] += clips
        counted[1] += clips * n_frames
        counted[2] += clips * n_frames / fates.rates[kind]
    counts = [
        BucketCount(
            *bucket,
            int(clips),
            int(frames),
            int(frames) * bucket[0] * bucket[1],
            round(float(seconds) / 3600, 6),
        )
        for bucket, (clips, frames, seconds) in sums.items()
    ]
    return tuple(sorted(counts, key=lambda b: (-b.clips, b.width, b.height, b.n_frames or 0)))


def long_enough_pictures(facts: ClipFacts, options: RenditionOptions) -> dict[Size, float]:
    """Count the clips that fill the shortest length, by the size of what bars leave of them."""
    frames = facts.frames_at(options.fps)
    is_long = frames >= min(options.lengths, default=1)
    counts = np.bincount(facts.picture[is_long], minlength=len(facts.pictures))
    found: dict[Size, float] = {}
    for (size, box), count in zip(facts.pictures, counts.tolist(), strict=True):
        area = even_box(box or Box(0, 0, *size))
        if count and min(area.width, area.height) > 1:
            inside = Size(area.width, area.height)
            found[inside] = found.get(inside, 0.0) + count
    return found
