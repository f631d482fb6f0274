"""The contract of an export: for each target what its trainer will do, before a file is written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from vidcurate.clips.rendition import Size
from vidcurate.exporting.forecast.advice import Advice, SplitLengths, advise
from vidcurate.exporting.forecast.caption_check import CaptionCheck, check_captions
from vidcurate.exporting.forecast.clip_facts import ClipFacts
from vidcurate.exporting.forecast.contract import (
    BucketCount,
    Fates,
    Group,
    Setting,
    count_actions,
    count_buckets,
    foretell,
    group_fates,
    long_enough_pictures,
)
from vidcurate.exporting.forecast.shape import ShapeLosses, shape_losses
from vidcurate.exporting.forecast.size_estimate import (
    EncodingChoice,
    SizeEstimate,
    estimate_size,
    pixel_weights,
)
from vidcurate.exporting.settings import UNTRAINED
from vidcurate.exporting.target import Target
from vidcurate.exporting.training import Action

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class TargetContract:
    """What one target's trainer will do.

    `actions` counts the clips, of which `kept` are trained. `frames` are those that all clips have
    at the rate of files, `trained_frames` those that are trained; `lost_s` is the rest as time.
    Buckets of fewer clips than `batch_size` hold `below_batch` clips. `pictures` says what sizes
    lose, and `pictures_by_default` what the model's own sizes would; None where files keep theirs.
    """

    target: str
    summary: str
    model: str | None
    clips: int
    kept: int
    actions: Mapping[Action, int]
    groups: tuple[Group, ...]
    frames: int
    trained_frames: int
    lost_frames: int
    trained_s: float
    lost_s: float
    buckets: tuple[BucketCount, ...]
    batch_size: int
    below_batch: int
    pictures: ShapeLosses | None
    pictures_by_default: ShapeLosses | None
    captions: CaptionCheck
    needs_captions: bool
    advice: tuple[Advice, ...]

    @property
    def captioned(self) -> int:
        """How many clips are trained and have a caption."""
        return self.kept - self.captions.missing


@dataclass(frozen=True, slots=True)
class Contract:
    """What an export would write and what trainers would do with it.

    `fps` is the rate of files and `sizes` their sizes; None and empty where they keep the videos'
    own. `clip_s` is how long all clips are, `file_s` how long their files are.
    """

    clips: int
    clip_s: float
    files: int
    file_s: float
    media: str
    fps: float | None
    sizes: tuple[str, ...]
    lengths: tuple[int, ...]
    size: SizeEstimate | None
    targets: tuple[TargetContract, ...]
    has_captions: bool

    @property
    def empty(self) -> tuple[TargetContract, ...]:
        """The targets for which no clip would be left.

        Where captions were not begun yet, they are no reason: a check before them saves their cost.
        """
        return tuple(
            target
            for target in self.targets
            if not target.kept
            or (self.has_captions and target.needs_captions and not target.captioned)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What is checked: settings and targets of an export, and what its advice may change.

    `default_sizes` are those of the model itself. `others` are whole settings to try, by what
    chooses them. `choice` is None where no file is encoded, and `exported` the bits per pixel of
    clips that are exported in this way already. `has_captions` says whether any were made.
    """

    targets: tuple[Target, ...]
    setting: Setting
    media: str
    split: SplitLengths
    default_sizes: tuple[Size, ...] = ()
    others: Mapping[str, Setting] | None = None
    choice: EncodingChoice | None = None
    exported: float | None = None
    batch_size: int = 1
    has_captions: bool = True


def check(facts: ClipFacts, request: CheckRequest) -> Contract:
    """Foretell what becomes of every clip, for each target."""
    fates: list[Fates] = []
    for target in request.targets:
        fates.append(foretell(facts, request.setting, target, fates[0] if fates else None))
    options = request.setting.options
    first = fates[0]
    per_file = first.kinds.clips * first.file_frames
    return Contract(
        clips=len(facts),
        clip_s=round(float(facts.seconds.sum()), 3),
        files=int(first.kinds.clips[first.file_frames > 0].sum()),
        file_s=round(float((per_file / first.rates).sum()), 3),
        media=request.media,
        fps=None if options.fps is None else float(options.fps),
        sizes=tuple(map(str, options.sizes)),
        lengths=options.lengths,
        size=None
        if request.choice is None
        else file_sizes(first, request.choice, request.exported),
        targets=tuple(
            check_target(facts, target, one, request)
            for target, one in zip(request.targets, fates, strict=True)
        ),
        has_captions=request.has_captions,
    )


def check_target(
    facts: ClipFacts, target: Target, fates: Fates, request: CheckRequest
) -> TargetContract:
    """Say what one target's trainer will do."""
    training = fates.setting.training
    trains = target.fate is not None and training.model is not UNTRAINED
    by_length = target.fate is not None and bool(training.lengths)
    buckets = count_buckets(fates, by_length=by_length)
    kept = np.flatnonzero(fates.is_kept[fates.kinds.of_clip])
    clips = fates.kinds.clips
    return TargetContract(
        target=target.name,
        summary=target.summary,
        model=training.model.name if trains else None,
        clips=len(facts),
        kept=fates.kept,
        actions=count_actions(fates),
        groups=group_fates(fates),
        frames=int((clips * fates.frames).sum()),
        trained_frames=int((clips * fates.trained_frames).sum()),
        lost_frames=int((clips * fates.lost_frames).sum()),
        trained_s=round(fates.trained_s, 3),
        lost_s=round(fates.lost_s, 3),
        buckets=buckets,
        batch_size=request.batch_size,
        below_batch=sum(b.clips for b in buckets if b.clips < request.batch_size),
        pictures=picture_losses(facts, fates.setting, request, fates.setting.options.sizes),
        pictures_by_default=picture_losses(facts, fates.setting, request, request.default_sizes),
        captions=check_captions(
            facts,
            kept.tolist(),
            target.caption_fault,
            training.model.max_tokens if trains else None,
        ),
        needs_captions=target.needs_captions,
        advice=advise(facts, target, fates, request.split, request.others),
    )


def picture_losses(
    facts: ClipFacts, setting: Setting, request: CheckRequest, sizes: Sequence[Size]
) -> ShapeLosses | None:
    """Say what pictures lose by sizes; None where files keep their own, or are padded.

    Scaling loses nothing down to the largest size, be it asked for or the model's.
    """
    options = setting.options
    if not sizes or not options.sizes or options.fit == "pad":
        return None
    pixels = max(width * height for width, height in (*request.default_sizes, *options.sizes))
    pictures = long_enough_pictures(facts, options)
    return shape_losses(pictures, sizes, pixels, enlarge=options.enlarge)


def file_sizes(fates: Fates, choice: EncodingChoice, exported: float | None) -> SizeEstimate:
    """Estimate how large the files are."""
    has_file = fates.file_frames > 0
    areas = np.array(
        [0 if isinstance(p, str) else p.size.width * p.size.height for p in fates.planned], np.int64
    )
    weights = pixel_weights(areas * fates.rates) if exported is None else 1.0
    pixels = fates.kinds.clips * areas * fates.file_frames
    of_clip = fates.kinds.of_clip
    file_s = (fates.file_frames / fates.rates)[of_clip]
    audible = has_file[of_clip] & fates.facts.has_audio
    weighted = int((pixels * weights).sum())
    found = estimate_size(weighted, float(file_s[audible].sum()), choice, exported)
    if found.video_bytes is None or not weighted:
        return found
    return replace(found, bits_per_pixel=round(found.video_bytes * 8 / int(pixels.sum()), 4))
