"""What to change so that a trainer takes more of the clips, and what that wins: by trying it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np

from vidcurate.errors import quantity
from vidcurate.exporting.forecast.clip_facts import ClipFacts
from vidcurate.exporting.forecast.contract import Fates, Setting, foretell, long_enough_pictures
from vidcurate.exporting.forecast.shape import MAX_SHAPES, choose_sizes, shape_losses
from vidcurate.exporting.settings import UNTRAINED
from vidcurate.exporting.target import Target
from vidcurate.exporting.training import Fate

# Shorter lengths that are tried, as shares of the shortest one: 49, 33 and 17 of 81.
SHORTER = (0.61, 0.42, 0.21)
# A change that wins less than this share of the clips, or of the video, is not worth a line.
MIN_GAIN = 0.005
# Times are told in seconds up to so many, then in minutes, then in hours.
UP_TO_S, UP_TO_MIN = 120, 120
# What a smaller loss of pictures must be, as a share of them.
MIN_PICTURE_GAIN = 0.01


@dataclass(frozen=True, slots=True)
class Advice:
    """A change of options, and what it wins: in words, in clips and in seconds that are trained."""

    change: str
    wins: str
    clips: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SplitLengths:
    """How long `split` makes clips, in seconds."""

    min_clip_s: float
    max_clip_s: float


def advise(
    facts: ClipFacts,
    target: Target,
    now: Fates,
    split: SplitLengths,
    others: Mapping[str, Setting] | None = None,
) -> tuple[Advice, ...]:
    """Say which changes win clips or video for a target, the most first.

    `others` are whole settings to try, by what chooses them, where files are made in another way
    than those options that are tried here belong to.
    """
    training = now.setting.training
    if target.fate is None or not training.lengths:
        return ()
    if training.model is UNTRAINED:
        return tuple(split_advice(facts, now, split))
    settings = others or other_settings(now)
    found = [
        *(tried(facts, target, now, change, setting) for change, setting in settings.items()),
        *length_advice(facts, target, now),
        *split_advice(facts, now, split),
        *shape_advice(facts, target, now),
    ]
    kept = [advice for advice in found if advice is not None]
    return tuple(sorted(kept, key=lambda advice: -advice.seconds))


def tried(
    facts: ClipFacts, target: Target, now: Fates, change: str, setting: Setting
) -> Advice | None:
    """Try other settings; None where they win next to nothing."""
    then = foretell(facts, setting, target, now)
    clips, seconds = then.kept - now.kept, then.trained_s - now.trained_s
    spoiled = now.count(is_spoiled) - then.count(is_spoiled)
    if max(clips, spoiled) <= MIN_GAIN * len(facts) and seconds <= MIN_GAIN * now.trained_s:
        return None
    if clips < 0:
        return None
    return Advice(change, words(clips, seconds, spoiled), clips, round(seconds, 3))


def is_spoiled(fate: Fate) -> bool:
    """Check whether a fate changes the speed of a clip, or the length of its whole batch."""
    return fate.action in ("stretched", "shortened")


def words(clips: int, seconds: float, spoiled: int = 0) -> str:
    """Say what is won."""
    parts = []
    if clips:
        parts.append(f"{quantity(clips, 'more clip')}")
    if spoiled > 0:
        parts.append(f"{quantity(spoiled, 'clip')} fewer stretched or shortened")
    if seconds >= 1:
        parts.append(f"{duration_text(seconds)} more of video trained")
    return ", ".join(parts)


def duration_text(seconds: float) -> str:
    """Write a length of time in the unit that suits it."""
    if seconds < UP_TO_S:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < UP_TO_MIN else f"{minutes / 60:.1f} h"


def other_settings(now: Fates) -> dict[str, Setting]:
    """List the settings worth a try: the model's own rate, and enlarged pictures."""
    options, training = now.setting.options, now.setting.training
    found: dict[str, Setting] = {}
    if options.fps != training.model.fps:
        at_rate = replace(options, fps=Fraction(training.model.fps))
        found[f"--fps {training.model.fps}"] = Setting(at_rate, training)
    if options.sizes and not options.enlarge and any(map(is_too_small, now.planned)):
        found["--enlarge"] = Setting(replace(options, enlarge=True), training)
    return found


def length_advice(facts: ClipFacts, target: Target, now: Fates) -> Iterator[Advice]:
    """Try shorter lengths beside those that are trained, each only if it wins more by itself."""
    options, training = now.setting.options, now.setting.training
    shortest = min(training.lengths)
    spare = min(options.lengths, default=shortest) - shortest
    if not (now.frames < shortest + spare).any():
        return
    wanted, best = training.lengths, 0
    for share in SHORTER:
        length = training.model.floor_frames(round(share * shortest))
        if length < training.model.frame_step or length in wanted:
            return
        more = tuple(sorted({*wanted, length}))
        at_lengths = replace(options, lengths=tuple(n + spare for n in more))
        setting = Setting(
            at_lengths if options.lengths else options, replace(training, lengths=more)
        )
        change = f"--lengths {','.join(map(str, more))}"
        advice = tried(facts, target, now, change, setting)
        if advice is None or advice.clips - best <= MIN_GAIN * len(facts):
            return
        yield advice
        wanted, best = more, advice.clips


def is_too_small(planned: object) -> bool:
    """Check whether a clip has no file since it would have to be enlarged."""
    return isinstance(planned, str) and "enlarge" in planned


def split_advice(facts: ClipFacts, now: Fates, split: SplitLengths) -> Iterator[Advice]:
    """Say what other lengths of clips win: none that is too short, and none that is cut.

    The clips themselves are known only when `split` has run, so that gains of shorter ones are
    those of dividing each clip that is longer.
    """
    training, fps = now.setting.training, now.setting.options.fps
    if fps is None:
        return
    shortest = min(now.setting.options.lengths or training.lengths)
    is_short = (now.frames < shortest) & ~now.is_kept
    lengths = facts.seconds
    needed_s = tenth_above((shortest - 1) / float(fps))
    if is_short.any() and needed_s > split.min_clip_s:
        dropped = ~now.is_kept[now.kinds.of_clip]
        gone = int((dropped & (lengths < needed_s)).sum())
        yield Advice(
            f"split.min_clip_s {needed_s:g} instead of {split.min_clip_s:g}",
            f"{gone} of {quantity(int(dropped.sum()), 'clip')} left out would not exist",
            0,
            0.0,
        )
    longest = max(now.setting.options.lengths or training.lengths)
    rates = facts.rate[:, 0] / facts.rate[:, 1]
    full_s = tenth_above((longest - 1) / float(fps) + 1 / float(rates.min()))
    is_cut = now.is_kept & (now.frames > now.trained_frames)
    if full_s >= split.max_clip_s or not is_cut.any():
        return
    is_long = is_cut[now.kinds.of_clip]
    long_s = lengths[is_long]
    piece_s = np.floor(full_s * rates[is_long]) / rates[is_long]
    full = np.floor(long_s / piece_s + 1e-9)
    rest = (long_s - full * piece_s >= max(needed_s, split.min_clip_s)).astype(int)
    clips = int((full + rest).sum()) - len(long_s)
    trained = float((now.kinds.clips * now.trained_frames / now.rates)[is_cut].sum())
    seconds = float((full * longest + rest * min(training.lengths)).sum()) / float(fps) - trained
    if clips > MIN_GAIN * len(facts):
        shorter = f", split.min_clip_s {full_s:g}" if split.min_clip_s > full_s else ""
        yield Advice(
            f"split.max_clip_s {full_s:g} instead of {split.max_clip_s:g}{shorter}",
            f"about {words(clips, seconds)}, as long clips become several",
            clips,
            round(seconds, 3),
        )


def tenth_above(seconds: float) -> float:
    """Return the least tenth of a second that is longer than a time."""
    return floor(seconds * 10 + 1e-9 + 1) / 10


def shape_advice(facts: ClipFacts, target: Target, now: Fates) -> Iterator[Advice | None]:
    """Try sizes chosen from the clips themselves; they win what sizes of the model crop or drop."""
    options, training = now.setting.options, now.setting.training
    if not options.sizes:
        return
    pictures = long_enough_pictures(facts, options)
    pixels = max(size.width * size.height for size in options.sizes)
    sizes = choose_sizes(
        pictures,
        training.model.side_multiple,
        pixels,
        enlarge=options.enlarge,
        max_shapes=1 if target.one_size else MAX_SHAPES,
    )
    if not sizes or set(sizes) == set(options.sizes):
        return
    before, after = (
        shape_losses(pictures, some, pixels, enlarge=options.enlarge).lost
        for some in (options.sizes, sizes)
    )
    setting = Setting(replace(options, sizes=sizes), replace(training, sizes=sizes))
    then = foretell(facts, setting, target, now)
    clips, seconds = then.kept - now.kept, then.trained_s - now.trained_s
    if clips < 0 or before - after < MIN_PICTURE_GAIN:
        return
    won = words(clips, seconds)
    yield Advice(
        f"--shape auto ({', '.join(map(str, sizes))})",
        f"pictures lose {after:.1%} instead of {before:.1%}{'; ' if won else ''}{won}",
        clips,
        round(seconds, 3),
    )
