import inspect
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner

from vidcurate.cli.options import describe, flags, given_values, stage_parameters, with_parameters
from vidcurate.cli.reference import reference
from vidcurate.options import StageConfig, option
from vidcurate.stage import Stage
from vidcurate.stages import STAGES


class Knobs(StageConfig):
    """One option of each kind."""

    way: Literal["left", "right"] = option("left", "Which way")
    length_s: float = option(2.5, "How long", unit="seconds", ge=0, lt=60)
    count: int = option(3, "How many", ge=1)
    loud: bool = option(True, "With sound")
    rules: tuple[str, ...] = option((), "What must hold", flag="--rule")
    side: int | None = option(None, "How wide", unit="pixels", ge=16)
    out: Path | None = option(None, "Where to")


def parsed(*arguments: str) -> dict[str, Any]:
    """What a command with these options is given, as its config model gets it."""
    seen: dict[str, Any] = {}
    app = typer.Typer()

    def command(**values: Any) -> None:
        seen.update(given_values(Knobs, values))

    with_parameters(command, stage_parameters(Knobs))
    app.command()(command)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return seen


def test_nothing_given_is_nothing_said() -> None:
    """Without options on the command line, none is put over those of the file."""
    assert parsed() == {}


def test_each_kind_of_option_arrives_with_its_type() -> None:
    """Choice, number, flag, repeated text, optional number and path reach the config model."""
    given = parsed(
        *("--way", "right", "--length-s", "4", "--count", "7", "--no-loud"),
        *("--rule", "a.b > 1", "--rule", "c.d < 2", "--side", "640", "--out", "x"),
    )
    assert Knobs.model_validate(given) == Knobs(
        way="right",
        length_s=4.0,
        count=7,
        loud=False,
        rules=("a.b > 1", "c.d < 2"),
        side=640,
        out=Path("x"),
    )


def test_the_model_checks_what_the_command_line_gives() -> None:
    """A bound stands in the model alone; a value outside passes typer and fails there."""
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Knobs.model_validate(parsed("--count", "0"))


def test_a_wrong_choice_is_refused() -> None:
    """A word that is no choice is a usage error."""
    app = typer.Typer()

    def command(**_values: Any) -> None:
        raise AssertionError

    with_parameters(command, stage_parameters(Knobs))
    app.command()(command)
    assert CliRunner().invoke(app, ["--way", "up"]).exit_code == 2


def test_help_of_an_option_says_all() -> None:
    """Description, unit, bounds, choices and default stand in one line."""
    fields = Knobs.model_fields
    assert describe(fields["length_s"]) == "How long (seconds; >= 0, < 60; default 2.5)"
    assert describe(fields["way"]) == "Which way (left | right; default left)"
    assert describe(fields["loud"]) == "With sound (default yes)"
    assert describe(fields["rules"]) == "What must hold (default none)"
    assert describe(fields["side"]) == "How wide (pixels; >= 16; default none)"


def test_the_flag_that_an_option_names_is_used() -> None:
    """`flag` replaces the name that would follow from the YAML key."""
    names = {name: flags(name, info) for name, info in Knobs.model_fields.items()}
    assert names["rules"] == ["--rule"]
    assert names["length_s"] == ["--length-s"]
    assert names["loud"] == ["--loud/--no-loud"]


def test_other_parameters_of_a_command_stay() -> None:
    """The options are put after a command's own parameters, in place of its `**values`."""

    def command(first: int, **values: Any) -> None:
        del first, values

    with_parameters(command, stage_parameters(Knobs))
    assert list(inspect.signature(command).parameters)[:2] == ["first", "way"]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_option_of_every_stage_is_described(stage: Stage) -> None:
    """Each option has a description, and its default stands within its own bounds."""
    for name, info in stage.config.model_fields.items():
        assert info.description, name
    stage.config.model_validate(stage.config().model_dump())


def test_reference_has_every_option() -> None:
    """Each stage has its part, each option its row of three cells."""
    page = reference(STAGES)
    for stage in STAGES:
        part = page.partition(f"### `vidcurate {stage.name}`")[2].partition("###")[0]
        cells = [line.replace("\\|", "").count("|") for line in part.splitlines() if "| `" in line]
        assert cells == [4] * len(stage.config.model_fields)
