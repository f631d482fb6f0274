"""The options of partition: shares, what is kept together, and quotas."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from vidcurate.clips.classes import check_classes, check_score
from vidcurate.clips.quotas import Amount
from vidcurate.errors import RuleError
from vidcurate.options import Options, StageConfig, option
from vidcurate.stages.selection.filter import COMMANDS, RULED

Together = Literal["copies", "set-ups", "kept-copies", "videos"]
PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")


def read_mapping(text: Any) -> Any:
    """Read options that stand in one text, as the command line has them: as YAML within braces.

    Raises ValueError for what is none.
    """
    if not isinstance(text, str):
        return text
    import yaml

    braced = text if text.lstrip().startswith("{") else f"{{{text}}}"
    try:
        found = yaml.safe_load(braced)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, Mapping) or None in found.values():
        raise ValueError(
            f"cannot read {text!r}: write it as in YAML, such as 'by: tags.top_name, at_most: 5%'"
        )
    return found


def read_class(value: Any) -> Any:
    """Read a class that YAML takes for a number or a truth as the text that it is written with."""
    return str(value).lower() if isinstance(value, int) else value


def read_stratum(text: Any) -> Any:
    """Read a column alone, or with edges as `read_mapping` does."""
    is_column = isinstance(text, str) and not re.search(r"\bby\s*:", text)
    return {"by": text} if is_column else read_mapping(text)


class Grouping(Options):
    """What tells clips apart."""

    by: str = ""
    edges: tuple[float, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_words(cls, data: Any) -> Any:
        """Refuse words that have no meaning here; raises ValueError."""
        unknown = (
            [w for w in data if w not in cls.model_fields] if isinstance(data, Mapping) else []
        )
        if unknown:
            known = ", ".join(cls.model_fields)
            raise ValueError(f"unknown word {unknown[0]!r}: known are {known}")
        return data

    @model_validator(mode="after")
    def check_by(self) -> Self:
        """Check that there is such a column, and that edges rise; raises ValueError."""
        if not self.by:
            raise ValueError("name by what clips are told apart, such as by: tags.top_name")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must rise")
        check_column(self.by, self.edges)
        return self


class QuotaOptions(Grouping):
    """How many clips of each class may stay, and how many are wanted."""

    at_most: int | str | None = None
    at_least: int | str | None = None
    classes: tuple[Annotated[str, BeforeValidator(read_class)], ...] = ()

    @model_validator(mode="after")
    def check_amounts(self) -> Self:
        """Check that there is an amount, and that amounts can be read; raises ValueError."""
        if self.at_most is None and self.at_least is None:
            raise ValueError("name at_most or at_least")
        for amount in (self.at_most, self.at_least):
            if amount is not None:
                read_amount(amount)
        return self


def check_column(by: str, edges: Sequence[float] = (), *, is_score: bool = False) -> None:
    """Check that clips can be told apart by this; raises ValueError with what is wrong."""
    commands = {name: COMMANDS.get(name, name) for name in RULED}
    try:
        if is_score:
            check_score(by, RULED, commands)
        else:
            check_classes(by, edges, RULED, commands)
    except RuleError as error:
        raise ValueError(str(error)) from error


def check_group(text: str) -> str:
    """Check that clips can be put together by this; raises ValueError with what is wrong."""
    check_column(text)
    return text


def check_preferred(text: str | None) -> str | None:
    """Check that clips can be put in order by this; raises ValueError with what is wrong."""
    if text is None or text == "none":
        return None
    check_column(text, is_score=True)
    return text


def read_amount(amount: int | str) -> Amount:
    """A number of clips, at least one, or a share such as 5%.

    Raises ValueError for anything else.
    """
    share = PERCENT.fullmatch(str(amount))
    if share and 0 < Fraction(share[1]) <= 100:  # noqa: PLR2004 - percent
        return Amount(share=Fraction(share[1]) / 100)
    if re.fullmatch("[0-9]+", str(amount)) and int(amount) > 0:
        return Amount(count=int(amount))
    raise ValueError(f"{amount} is neither a number of clips nor a share: write 50, or 5%")


class PartitionConfig(StageConfig):
    """How many clips of each kind stay, and which of them train, validate and test."""

    validation: float = option(0.0, "Share of the groups that validate, such as 0.05", ge=0, lt=1)
    test: float = option(0.0, "Share of the groups that test; all others train", ge=0, lt=1)
    keep_together: Together = option(
        "copies",
        "What is in one split as a whole: videos: each video; copies: also videos that hold copies "
        "of each other's clips, as dedup finds them, in part or mirrored too; set-ups: also videos "
        "with clips that look as if taken from one set-up, as the scenes of a film that were "
        "published as files of their own; kept-copies: copies, by the clips alone that are kept",
    )
    group_by: tuple[Annotated[str, AfterValidator(check_group)], ...] = option(
        (),
        "Column whose equal values are in one split too, such as sources.extra.channel; repeat for "
        "more",
    )
    split_column: str | None = option(
        None,
        "Column of the list that ingest read, which names the split of some videos: train, "
        "validation or test",
    )
    stratify_by: tuple[Annotated[Grouping, BeforeValidator(read_stratum)], ...] = option(
        (),
        "Column whose classes get the same shares, such as tags.top_name or 'by: "
        "clips.duration_s, edges: [2, 5, 10]'; repeat for more",
    )
    balance: tuple[Annotated[QuotaOptions, BeforeValidator(read_mapping)], ...] = option(
        (),
        "Quota of each class of clips, such as 'by: clips.video_id, at_most: 50' or 'by: "
        "tags.top_name, at_most: 5%, at_least: 100'; with edges for a number, classes for some "
        "alone; repeat for more",
    )
    prefer: Annotated[str | None, BeforeValidator(check_preferred)] = option(
        None,
        "Score by which clips stay where a class has too many, the highest first, such as "
        "aesthetic.score_mean or -text.area_mean; without one they are drawn",
    )
    seed: int = option(0, "What the draws depend on: another one divides otherwise", ge=0)

    @model_validator(mode="after")
    def check_shares(self) -> Self:
        """Refuse shares that leave nothing to train; raises ValueError."""
        if self.validation + self.test >= 1:
            total = f"{self.validation:g} and {self.test:g}"
            raise ValueError(f"validation and test take {total}: that leaves nothing to train")
        return self

    @property
    def divides(self) -> bool:
        """Whether there is more than one split."""
        return bool(self.validation or self.test or self.split_column)

    @property
    def wanted(self) -> tuple[float, float, float]:
        """The shares of the splits, in their order."""
        return 1 - self.validation - self.test, self.validation, self.test
