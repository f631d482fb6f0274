import inspect
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner

from vidcurate.captioning.options import CaptionConfig
from vidcurate.cli.options import PANEL, given_values, panel_of, stage_parameters, with_parameters
from vidcurate.options import StageConfig, option, options_of
from vidcurate.pipeline.option_text import flags, option_line


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
    specs = options_of(Knobs)
    assert option_line(specs["length_s"]) == "How long (seconds; >= 0, < 60; default 2.5)"
    assert option_line(specs["way"]) == "Which way (left | right; default left)"
    assert option_line(specs["loud"]) == "With sound (default yes)"
    assert option_line(specs["rules"]) == "What must hold"
    assert option_line(specs["side"]) == "How wide (pixels; >= 16; default none)"


def test_the_flag_that_an_option_names_is_used() -> None:
    """`flag` replaces the name that would follow from the YAML key."""
    names = {name: flags(spec) for name, spec in options_of(Knobs).items()}
    assert names["rules"] == ["--rule"]
    assert names["length_s"] == ["--length-s"]
    assert names["loud"] == ["--loud/--no-loud"]


def test_other_parameters_of_a_command_stay() -> None:
    """The options are put after a command's own parameters, in place of its `**values`."""

    def command(first: int, **values: Any) -> None:
        del first, values

    with_parameters(command, stage_parameters(Knobs))
    assert list(inspect.signature(command).parameters)[:2] == ["first", "way"]


def test_help_groups_options_by_the_choices_that_take_them() -> None:
    """An option stands below the choices that take it, those of backends last."""
    specs = options_of(CaptionConfig)
    panels = list(dict.fromkeys(panel_of(spec) for spec in specs.values()))
    assert panels[0] == PANEL
    assert panels[1] == "With --strategy single"
    several = panel_of(specs["max_prompt_chars"])
    assert several == "With --strategy differential, script or audio-visual"
    assert panels[-1] == "With --backend transformers"
    assert "with backend openai, transformers or vllm" in option_line(specs["language"])
