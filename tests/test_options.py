import pickle
from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vidcurate.options import (
    Choice,
    StageConfig,
    choice,
    given_options,
    option,
    option_faults,
    options_of,
    put_over,
)


class Quick(Choice):
    """A way without options, and without a part of the stage's."""

    without: ClassVar[tuple[str, ...]] = ("effort", "shape")

    name: Literal["quick"] = "quick"


class Careful(Choice):
    """A way that two words choose."""

    name: Literal["careful", "slow"] = "careful"
    passes: int = option(2, "How often", ge=1)
    threads: int = option(1, "At once", neutral=True, ge=1)


class Round(Choice):
    """A shape."""

    name: Literal["round"] = "round"
    radius: float | None = option(None, "How large", ge=0)


class Square(Choice):
    """A shape."""

    name: Literal["square"] = "square"
    side: float = option(1.0, "How large", ge=0)


class ToolConfig(StageConfig):
    """Two options that choose, and one that not every way takes."""

    way: Quick | Careful = choice(Careful, "Which way")
    shape: Round | Square = choice(Round, "Which shape")
    effort: int = option(3, "How much", ge=0)
    title: str = option("", "A word")


def made(**options: object) -> ToolConfig:
    """Options as a file has them."""
    return ToolConfig.model_validate(options)


def faults(**options: object) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong with options."""
    with pytest.raises(ValidationError) as caught:
        made(**options)
    return option_faults(ToolConfig, caught.value)


FLAT = st.fixed_dictionaries(
    {},
    optional={
        "way": st.sampled_from(["quick", "careful", "slow"]),
        "shape": st.sampled_from(["round", "square"]),
        "effort": st.integers(0, 9),
        "passes": st.integers(1, 9),
        "threads": st.integers(1, 9),
        "radius": st.none() | st.floats(0, 9),
        "side": st.floats(0, 9),
        "title": st.text(max_size=3),
    },
)


@given(FLAT)
def test_flat_options_are_the_whole_config(options: dict[str, object]) -> None:
    """What a config gives back makes it again, from all its options and from those given alone."""
    try:
        config = made(**options)
    except ValidationError:
        return
    assert made(**config.model_dump()) == config
    assert made(**config.model_dump(mode="json")) == config
    given_alone = config.model_dump(exclude_unset=True)
    assert made(**given_alone) == config
    assert options.items() <= given_alone.items() <= config.model_dump().items()
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 - our own bytes


@given(FLAT, FLAT)
def test_options_put_over_others_fail_only_for_themselves(
    base: dict[str, object], over: dict[str, object]
) -> None:
    """Of valid options none stands in the way of others; those given alone may be wrong."""
    try:
        start = made(**base).model_dump(exclude_unset=True)
        alone = {**start, **over}
    except ValidationError:
        return
    merged = put_over(ToolConfig, start, over)
    assert merged.items() <= alone.items()
    assert over.items() <= merged.items()
    try:
        made(**merged)
    except ValidationError as error:
        reported = " ".join(f"{where} {why}" for where, why in option_faults(ToolConfig, error))
        assert any(name in reported for name in over)


def test_only_what_the_chosen_ways_take_decides() -> None:
    """Options of other ways are not there, neutral ones do not count."""
    square = made(way="slow", shape="square", side=2, threads=5)
    assert given_options(square) == {
        "way": "slow",
        "shape": "square",
        "side": 2.0,
        "effort": 3,
        "title": "",
        "passes": 2,
    }
    assert given_options(made(way="quick")) == {"way": "quick", "title": ""}


def test_a_later_option_leaves_old_fingerprints_alone() -> None:
    """An option whose default is neutral decides rows only where another value is given."""

    class Later(StageConfig):
        effort: int = option(3, "How much")
        hears: bool = option(False, "Whether it hears", neutral="default")

    assert given_options(Later(hears=False)) == {"effort": 3}
    assert given_options(Later(hears=True)) == {"effort": 3, "hears": True}


def test_models_of_ways_can_be_given_themselves() -> None:
    """Python code names the models; flat options and models make the same config."""
    config = ToolConfig(way=Careful(name="slow", passes=4), shape=Square(side=2))
    assert config == made(way="slow", passes=4, shape="square", side=2)
    assert config.model_dump(exclude_unset=True) == {
        "way": "slow",
        "passes": 4,
        "shape": "square",
        "side": 2.0,
    }


def test_what_a_way_does_not_take_is_refused_in_one_line() -> None:
    """Each fault stands at the option as files have it, and names the choices that take it."""
    assert faults(side=1) == [(("side",), "only shape square takes it")]
    assert faults(way="quick", passes=1) == [(("passes",), "only way careful or slow takes it")]
    assert faults(way="quick", effort=1) == [((), "only way careful or slow takes effort")]
    assert faults(way="quick", shape="square", side=1)[0][1] == (
        "only way careful or slow takes shape"
    )
    assert faults(way="quik", passes=1) == [
        (("way",), "must be 'quick', 'careful' or 'slow', not 'quik'")
    ]
    assert faults(passes=0, effort=-1, titel="") == [
        (("passes",), "must be at least 1, not 0"),
        (("effort",), "must be at least 0, not -1"),
        (("titel",), "unknown option: did you mean 'title'?"),
    ]


@pytest.mark.parametrize("value", [None, True, 5, ["quick"]])
def test_a_choice_is_a_word(value: object) -> None:
    """Anything else is refused with the words that there are."""
    [(where, why)] = faults(way=value)
    assert where == ("way",)
    assert why.startswith("must be 'quick', 'careful' or 'slow', not ")


def test_yaml_words_are_no_numbers() -> None:
    """Yes is not 1, and none is null where that is allowed."""
    assert faults(effort=True) == [(("effort",), "must be a whole number, not 'yes'")]
    assert faults(passes=False)[0][1] == "must be a whole number, not 'no'"
    assert made(radius="none") == made(radius=None)
    assert faults(title=False) == [(("title",), "must be text, not no")]


def test_every_option_knows_who_takes_it() -> None:
    """The stage's own come first, then those of each choice with their conditions."""
    conditions = {name: spec.condition for name, spec in options_of(ToolConfig).items()}
    assert conditions == {
        "way": "",
        "shape": "way careful or slow",
        "effort": "way careful or slow",
        "title": "",
        "passes": "way careful or slow",
        "threads": "way careful or slow",
        "radius": "shape round",
        "side": "shape square",
    }
    assert options_of(ToolConfig)["way"].words == ("quick", "careful", "slow")
    assert options_of(ToolConfig)["way"].default == "careful"
