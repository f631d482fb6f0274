"""From what a user asks of an export to one model, its training and one rendition: pure.

All targets of an export share its files, and so the model that is trained.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vidcurate.errors import UsageError
from vidcurate.exporting.rendition import RenditionOptions
from vidcurate.exporting.target import Target
from vidcurate.exporting.training import Size, Training, VideoModel
from vidcurate.exporting.video_models import VIDEO_MODELS, ModelName
from vidcurate.options import listed

MODEL, SOURCE, AUTO = "model", "source", "auto"
# Stands for the model where none is trained: files keep their rate, and any length will do.
UNTRAINED = VideoModel("", 0, 2, 1, 0, Size(0, 0), 0)
# Television's rates are these over 1.001; people write them with two or three digits.
NTSC_RATES = (24, 30, 48, 60, 120)
NTSC_TOLERANCE = 0.005
MAX_FPS = 240


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asks of clip files, in the words of options."""

    training_model: ModelName | None = None
    fps: str = MODEL
    shape: tuple[str, ...] = (MODEL,)
    lengths: tuple[int, ...] = ()
    fit: Literal["crop", "pad"] = "crop"
    enlarge: bool = False


def model_of(targets: Sequence[Target], asked: ModelName | None) -> VideoModel | None:
    """Return the model that all targets train; None where they only hold clips.

    Raises UsageError where targets train different models, or one cannot train what is asked for.
    """
    trainers = [target for target in targets if target.models]
    if asked is not None:
        for target in trainers:
            if asked not in target.models:
                raise UsageError(
                    f"{target.name} cannot train {asked}: export.training_model must be "
                    f"{listed(target.models, 'or')}"
                )
        return VIDEO_MODELS[asked]
    names = {target.model: target.name for target in targets if target.model}
    if len(names) > 1:
        what = listed([f"{target} {model}" for model, target in names.items()], "and")
        shared = [n for n in VIDEO_MODELS if all(n in t.models for t in trainers)]
        remedy = f"set export.training_model to {listed(shared, 'or')}" if shared else ""
        raise UsageError(
            f"files of one export are made for one model, but these differ: {what}: "
            f"{f'{remedy}, or ' if remedy else ''}export each target by a run of its own"
        )
    return VIDEO_MODELS[next(iter(names))] if names else None


def training_for(targets: Sequence[Target], asked: Asked) -> Training:
    """Return what clips are trained with; its model is UNTRAINED where targets only hold clips.

    Raises UsageError for sizes and lengths that the model cannot hold.
    """
    model = model_of(targets, asked.training_model)
    sizes = file_sizes(targets, model, asked)
    lengths = tuple(sorted(set(asked.lengths))) or ((model.n_frames,) if model else ())
    training = Training(model or UNTRAINED, sizes, lengths)
    check_lengths(training)
    return training


def check_lengths(training: Training) -> None:
    """Check that the model can hold the lengths that are trained; raises UsageError."""
    model = training.model
    for length in training.lengths:
        near = model.floor_frames(length)
        if near != length:
            raise UsageError(
                f"{model.name} trains {model.frame_step}k+1 frames: export.lengths must be "
                f"{near} or {near + model.frame_step}, not {length}"
            )


def rendition_options(targets: Sequence[Target], asked: Asked) -> RenditionOptions:
    """Return what the files of all targets are to be like.

    Raises UsageError for what is no size, rate or length that all targets take.
    """
    training = training_for(targets, asked)
    model = None if training.model is UNTRAINED else training.model
    cutting = [target for target in targets if target.cuts_to_length]
    spare = max((target.spare_frames for target in targets), default=0)
    if exact := next((target for target in cutting if target.spare_frames != spare), None):
        needing = next(target for target in targets if target.spare_frames == spare)
        raise UsageError(
            f"{needing.name} needs {spare} frame more than {exact.name} may have: export each "
            "target by a run of its own"
        )
    return RenditionOptions(
        fps=file_rate(asked.fps, model),
        sizes=training.sizes,
        short_side=short_side(asked.shape),
        side_multiple=model.side_multiple if model and not keeps_size(asked.shape) else 2,
        fit=asked.fit,
        enlarge=asked.enlarge,
        lengths=tuple(length + spare for length in training.lengths),
        cuts_to_length=bool(cutting and training.lengths),
    )


def file_rate(fps: str, model: VideoModel | None) -> Fraction | None:
    """Return the constant rate of files; None keeps the video's own."""
    if fps == SOURCE or (fps == MODEL and model is None):
        return None
    return Fraction(model.fps) if fps == MODEL and model else exact_rate(fps)


def exact_rate(fps: str) -> Fraction:
    """Return a rate as it was written, 16, 23.976 or 30000/1001, as an exact fraction.

    Raises ValueError for what is none.
    """
    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= MAX_FPS:
        raise ValueError(f"must be model, source, or frames a second up to {MAX_FPS}, not {fps!r}")
    for whole in NTSC_RATES:
        exact = Fraction(whole * 1000, 1001)
        if abs(float(rate - exact)) < NTSC_TOLERANCE:
            return exact
    return rate


def keeps_size(shape: Sequence[str]) -> bool:
    """Check whether files keep the size of their video."""
    return tuple(shape) == (SOURCE,)


def short_side(shape: Sequence[str]) -> int | None:
    """Return the bound of the shorter side that a shape names: 480p."""
    found = re.fullmatch(r"(\d+)p", shape[0]) if len(shape) == 1 else None
    return int(found[1]) if found else None


def exact_size(word: str) -> Size | None:
    """Return the size that a word names, 832x480; None for another word."""
    found = re.fullmatch(r"(\d+)x(\d+)", word)
    return Size(int(found[1]), int(found[2])) if found else None


def check_shape(shape: tuple[str, ...]) -> tuple[str, ...]:
    """Check the words of a shape; raises ValueError for one that is none, or not with others."""
    for word in shape:
        size = exact_size(word)
        alone = word in (MODEL, SOURCE, AUTO) or re.fullmatch(r"[1-9]\d*p", word)
        if not alone and (size is None or min(size) < 2):  # noqa: PLR2004 - colour's pair of pixels
            raise ValueError(
                f"must be model, source, auto, a short side as 480p or sizes as 832x480, "
                f"not {word!r}"
            )
        if alone and len(shape) > 1:
            raise ValueError(f"{word} is a shape by itself: leave the others out")
    if not shape:
        raise ValueError("must name a size, or be model or source")
    return shape


def file_sizes(
    targets: Sequence[Target], model: VideoModel | None, asked: Asked
) -> tuple[Size, ...]:
    """Return the exact sizes that files have; none where they keep their own aspect.

    Raises UsageError for sides that the model cannot hold.
    """
    [word, *_] = asked.shape
    if word == MODEL:
        return () if model is None else model_sizes(model, one=any(t.one_size for t in targets))
    multiple = model.side_multiple if model else 2
    sizes = tuple(dict.fromkeys(size for size in map(exact_size, asked.shape) if size))
    for size in sizes:
        if any(side % multiple for side in size):
            near = Size(*(max(multiple, round(side / multiple) * multiple) for side in size))
            raise UsageError(
                f"sides are multiples of {multiple}{f' for {model.name}' if model else ''}: "
                f"export.shape {size} can be {near}"
            )
    return sizes


def model_sizes(model: VideoModel, *, one: bool = False) -> tuple[Size, ...]:
    """Return a model's size, a square of no more pixels and that size turned; or only the first."""
    if one:
        return (model.size,)
    side = math.isqrt(model.size.width * model.size.height)
    side = side // model.side_multiple * model.side_multiple
    width, height = model.size
    return tuple(dict.fromkeys((Size(width, height), Size(side, side), Size(height, width))))
