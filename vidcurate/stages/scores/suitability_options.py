"""The options of suitability: a formula over parts with given or fitted weights, or a network."""

from collections.abc import Collection, Mapping
from typing import Literal, Self

from pydantic import field_validator, model_validator

from vidcurate.clips.weight_fit import WeightFit
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.stages.scores.suitability_parts import BEST, PARTS, WORST
from vidcurate.stages.sources.list_files import list_path

BASE = "base"
RATINGS = "ratings"
LIST = "list"
# What `fit` tells of the fit itself, which decides no row.
FIGURES = (LIST, RATINGS, "clips", "spearman", "pearson", "error")


def weight_option(part: str) -> float:
    """Return the option that says how much a part counts."""
    value: float = option(1.0, f"Weight of {part}; 0 leaves it out", ge=0, le=100)
    return value


class PartsConfig(Choice):
    """A formula over what was measured, with the weights of its parts."""

    name: Literal["parts"] = "parts"
    clarity_weight: float = weight_option("clarity (sharpness, noise, blocks)")
    light_weight: float = weight_option("light (dark and bright areas, contrast)")
    picture_weight: float = weight_option("a whole picture (bars, black and frozen frames)")
    motion_weight: float = weight_option("motion")
    steadiness_weight: float = weight_option("a steady camera")
    text_weight: float = weight_option("freedom from overlaid text")
    watermark_weight: float = weight_option("freedom from watermarks")
    aesthetic_weight: float = weight_option("the aesthetic score")
    consistency_weight: float = weight_option("consistency over time")
    ratings: str = option(
        "",
        "List of people's ratings that the weights are fitted to: CSV, TSV, JSON lines, JSON or "
        f"Parquet with a column rating from {WORST:g} to {BEST:g}, clip_id or film, start_s and "
        "end_s, and rater where there are several",
        neutral=True,
    )
    fit: tuple[str, ...] = option(
        (),
        "Formula that stands for the weights, as base=1.5 clarity=0.8: the ratings fill it in, "
        "with what it is worth; repeat for more",
        neutral="default",
    )

    @field_validator("ratings")
    @classmethod
    def ratings_are_a_list(cls, file: str) -> str:
        """A later run from another folder reads the same list; raises ValueError for none."""
        return list_path(file)

    @field_validator("fit")
    @classmethod
    def fit_can_be_read(cls, fit: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse a formula that is none; raises ValueError."""
        if fit:
            read_fit(fit)
        return fit

    @model_validator(mode="after")
    def something_counts(self) -> Self:
        """Refuse weights of 0 alone, and weights beside ratings; raises ValueError."""
        weights = part_weights(self)
        if not any(weights.values()):
            raise ValueError("one weight at least must be above 0")
        given = [part for part, weight in weights.items() if weight not in (0, 1)]
        if (self.ratings or self.fit) and given:
            raise ValueError(
                f"ratings decide the weights: {given[0]}_weight may only be 0, which leaves it out"
            )
        return self


class VtssConfig(Choice):
    """Koala-36M's network, trained on people's judgements of how suitable videos are."""

    name: Literal["vtss"] = "vtss"
    model: str = option("", "Folder with the published weights (infer.pth), or such a file")

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse the network without its weights; raises ValueError."""
        if not self.model:
            raise ValueError("backend vtss needs a model: set model to the folder with infer.pth")
        return self


class SuitabilityConfig(StageConfig):
    """What rates the clips."""

    backend: PartsConfig | VtssConfig = choice(
        PartsConfig,
        "parts: a formula over the other scores, with given weights or such as fit people's "
        "ratings; vtss: Koala-36M's network, from a folder",
    )


def part_weights(config: PartsConfig) -> dict[str, float]:
    """Return the weight of each part."""
    return {part: getattr(config, f"{part}_weight") for part in PARTS}


def fit_entries(fit: tuple[str, ...]) -> dict[str, str]:
    """The entries of a written fit by name."""
    return {name: value for name, _, value in (entry.partition("=") for entry in fit)}


def read_fit(fit: tuple[str, ...]) -> WeightFit:
    """Read a written fit; raises ValueError for what is none."""
    numbers: dict[str, float] = {}
    for name, value in fit_entries(fit).items():
        if name in FIGURES:
            continue
        if name not in (BASE, *PARTS):
            raise ValueError(f"fit has {name!r}, which is none of {', '.join((BASE, *PARTS))}")
        try:
            numbers[name] = float(value)
        except ValueError:
            raise ValueError(f"fit has {name}={value}, which is not a number") from None
    weights = {name: number for name, number in numbers.items() if name != BASE}
    if BASE not in numbers or not all(0 <= weight < float("inf") for weight in weights.values()):
        raise ValueError("fit needs base=NUMBER, and weights of parts of 0 or more")
    return WeightFit(numbers[BASE], weights)


def written_fit(fit: WeightFit, figures: Mapping[str, str]) -> tuple[str, ...]:
    """A fit as the option has it, to thousandths of a point, with what it is worth."""
    rounded = {part: round(weight, 3) for part, weight in fit.weights.items()}
    weights = (f"{part}={weight:g}" for part, weight in rounded.items() if weight)
    return (f"{BASE}={fit.base:.3f}", *weights, *(f"{n}={v}" for n, v in figures.items()))


def formula_text(config: SuitabilityConfig, missing: Collection[str] = ()) -> str:
    """How a score was made, in words and numbers; `missing` are parts that were not measured."""
    backend = config.backend
    if isinstance(backend, VtssConfig):
        return "the network's own number"
    if backend.fit:
        fit = read_fit(backend.fit)
        terms = " + ".join(f"{weight:.3g} {part}" for part, weight in fit.weights.items())
        return f"{fit.base:.3g} + {terms}, within {WORST:g} and {BEST:g}"
    counted = {p: weight for p, weight in part_weights(backend).items() if p not in missing}
    weights = ", ".join(f"{part} {weight:g}" for part, weight in counted.items() if weight)
    return f"1 + 4 times the geometric mean by weight: {weights}"
