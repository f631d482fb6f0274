import json
import pickle
import re
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Ge, Gt, Le, Lt
from typer.testing import CliRunner

from vidcurate.cli.app import app
from vidcurate.options import NAME, OptionSpec, StageConfig, choices_of, options_of
from vidcurate.pipeline.config import load_config
from vidcurate.pipeline.default_config import MAIN_JOB, default_config
from vidcurate.pipeline.option_text import flags
from vidcurate.pipeline.resolve import waits_for
from vidcurate.records import DECISIONS, FILES
from vidcurate.stage import MapStage, Stage, fingerprint
from vidcurate.stages.registry import STAGES

each_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
OPTIONS = [(stage, spec) for stage in STAGES for spec in options_of(stage.config).values()]
each_option = pytest.mark.parametrize(
    ("stage", "spec"), OPTIONS, ids=[f"{stage.name}.{spec.name}" for stage, spec in OPTIONS]
)


def is_number(spec: OptionSpec) -> bool:
    """Whether an option is a number, or a number or nothing."""
    hints = {spec.annotation, *getattr(spec.annotation, "__args__", ())}
    return bool(hints & {int, float, Fraction}) and bool not in hints


def tables_of(stage: Stage) -> set[str]:
    """Every table that a stage may read while it runs, whatever its options."""
    beside = stage.lookups if isinstance(stage, MapStage) else stage.lookups(stage.config())
    return {stage.reads.name, *(b.table.name for b in beside)}


def tables_of_finish(stage: Stage) -> set[str]:
    """Every table that a stage's finish may read, whatever its options."""
    return (
        {b.table.name for b in stage.finish.lookups}
        if isinstance(stage, MapStage) and stage.finish
        else set()
    )


def test_names_and_tables_are_unique() -> None:
    """No two stages have one name, or write one table; no stage has a command's name."""
    names = [stage.name for stage in STAGES]
    assert len(set(names)) == len(names)
    assert len({stage.writes.name for stage in STAGES}) == len(STAGES)
    assert not set(names) & {"run", "status", "rows", "config", "clean"}
    assert all(re.fullmatch(r"[a-z]+", name) for name in names)


def test_stages_are_in_the_order_of_the_data() -> None:
    """Every table that a stage reads is written by an earlier stage, or holds files or decisions.

    Only options that are no defaults may let it read what a later stage writes, which then comes
    before it. What its finish reads is written by any stage.
    """
    written = {FILES.name, DECISIONS.name}
    for stage in STAGES:
        assert waits_for(stage, stage.config()) <= written
        written.add(stage.writes.name)
    for stage in STAGES:
        assert tables_of(stage) | tables_of_finish(stage) <= written


@each_stage
def test_a_stage_says_what_it_does(stage: Stage) -> None:
    """A summary is one sentence; a config has a docstring of its own."""
    assert re.fullmatch(r"[A-Z][^\n]+\.", stage.summary)
    assert stage.config.__doc__
    assert stage.version.number >= 1


@each_option
def test_an_option_is_described_and_bounded(stage: Stage, spec: OptionSpec) -> None:
    """Every option has a description without a final stop; every number has a bound."""
    assert spec.description, f"{stage.name}.{spec.name}"
    assert not spec.description.endswith(".")
    assert not spec.info.is_required()
    if is_number(spec):
        assert [m for m in spec.info.metadata if isinstance(m, (Ge, Gt, Le, Lt))]


@each_option
def test_a_unit_in_a_name_is_the_unit(stage: Stage, spec: OptionSpec) -> None:
    """An option whose name ends in a unit states that unit."""
    expected = {"s": "seconds", "kbit": "kbit/s", "tokens": "tokens", "side": "pixels"}
    last = spec.name.rsplit("_", 1)[-1]
    if is_number(spec) and last in expected:
        assert spec.facts["unit"] == expected[last], f"{stage.name}.{spec.name}"


@cache
def help_of(stage: str) -> str:
    """What the command of a stage says of itself."""
    shown = CliRunner().invoke(app, [stage, "--help"], terminal_width=400)
    assert shown.exit_code == 0
    return shown.stdout


@each_option
def test_an_option_is_an_option_of_the_command(stage: Stage, spec: OptionSpec) -> None:
    """The command of the stage shows the option and its description in its help."""
    shown = help_of(stage.name)
    for flag in flags(spec)[0].split("/"):
        assert re.search(rf"{flag}\b", shown), f"{flag} is not in the help"
    words = re.sub(r"[\s│]+", " ", shown)
    assert spec.description.split(" ")[0] in words


@each_stage
def test_defaults_are_valid(stage: Stage) -> None:
    """A stage runs with no option given, and its defaults are within its own bounds."""
    config = stage.config()
    assert stage.config.model_validate(config.model_dump()) == config
    if isinstance(stage, MapStage):
        resources = stage.cost.resources(config)
        assert resources.cpus > 0
        assert resources.gpus >= 0
        assert stage.rows_per_part >= 1


@each_stage
def test_options_survive_json(stage: Stage) -> None:
    """What the manifest keeps of a config is the config, with the same fingerprint."""
    config = stage.config()
    kept: Any = json.loads(json.dumps(config.model_dump(mode="json")))
    again = stage.config.model_validate(kept)
    assert again == config
    assert fingerprint(stage, again, {}) == fingerprint(stage, config, {})


@each_stage
def test_a_stage_travels_to_workers(stage: Stage) -> None:
    """Functions and configs pickle, the functions by their names: no lambda, no closure."""
    functions: list[Any] = [stage.run]
    if isinstance(stage, MapStage):
        functions += [stage.open, stage.check, stage.cost.resources, stage.cost.time_limit]
        functions += [stage.version.depends]
        functions += [stage.finish.run] if stage.finish else []
    for function in functions:
        assert pickle.loads(pickle.dumps(function)) is function  # noqa: S301 - our own bytes
    assert pickle.loads(pickle.dumps(stage)) == stage  # noqa: S301 - our own bytes
    config = stage.config()
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 - our own bytes


def test_the_printed_config_is_the_defaults(tmp_path: Path) -> None:
    """`vidcurate config` prints the main job, and all other stages as comments, by defaults."""
    printed = CliRunner().invoke(app, ["config"])
    assert printed.exit_code == 0
    assert printed.stdout.rstrip() == default_config(STAGES)
    file = tmp_path / "all.yaml"
    file.write_text(printed.stdout, "utf-8")
    assert load_config(file, STAGES).keys() == MAIN_JOB
    assert CliRunner().invoke(app, ["config", "--check", str(file)]).exit_code == 0
    lines = printed.stdout.splitlines()
    file.write_text("\n".join(re.sub(r"^#(?=\w|  )", "", line) for line in lines), "utf-8")
    configs = load_config(file, STAGES)
    assert configs == {stage.name: stage.config() for stage in STAGES}
    for stage in STAGES:
        given = configs[stage.name].model_dump(exclude_unset=True)
        assert given == stage.config().model_dump()


@each_stage
def test_no_two_ways_state_an_option_otherwise(stage: Stage) -> None:
    """An option means the same in each choice that takes it, and no two choices are rivals."""
    stated: dict[str, tuple[str, str]] = {}
    config: type[StageConfig] = stage.config
    for field, models in choices_of(config).items():
        for model in models.values():
            for name, info in model.model_fields.items():
                assert name not in config.model_fields
                reported = field, repr(info)
                assert name == NAME or stated.setdefault(name, reported) == reported


@pytest.mark.parametrize("command", ["run", "status", "rows", "config", "clean"])
def test_other_commands_have_help(command: str) -> None:
    """Every other command explains itself."""
    shown = CliRunner().invoke(app, [command, "-h"])
    assert shown.exit_code == 0
    assert "Usage" in shown.stdout
