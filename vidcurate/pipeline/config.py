"""YAML to checked options: every fault at once, with file, line, path and a suggestion."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vidcurate.errors import ConfigError, suggest
from vidcurate.options import StageConfig, option_faults, put_over
from vidcurate.pipeline.caption_versions import check_versions, parted
from vidcurate.pipeline.named_models import MODELS, NamedModels, UnusableModelError
from vidcurate.pipeline.yaml_file import (
    ConfigFault,
    YamlPath,
    dotted,
    fault_line,
    line_of,
    read_yaml,
    sorted_faults,
    validated,
)
from vidcurate.stage import Stage


def load_config(file: Path, stages: Sequence[Stage]) -> dict[str, StageConfig]:
    """The stages that a file names, with their options.

    A stage may name a model of the file's section `models`, whose options then become its own.
    Raises ConfigError with one line a fault.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text"
        if isinstance(error, IsADirectoryError):
            reason = "it is a folder: name a YAML file, or a recipe of `vidcurate config --list`"
        elif isinstance(error, FileNotFoundError):
            reason = "there is no such file; `vidcurate config --list` names the recipes"
        elif isinstance(error, OSError):
            reason = str(error.strerror)
        raise ConfigError(f"cannot read the config file {file}: {reason}") from error
    data, lines, faults = read_yaml(text)
    configs, more = check_config(data, lines, stages)
    faults += more
    if not data.keys() - {MODELS} and not faults:
        names = ", ".join(stage.name for stage in stages)
        faults.append(ConfigFault(1, "", f"the file names no stage; stages are {names}"))
    if faults:
        raise ConfigError("\n".join(fault_line(file, fault) for fault in sorted_faults(faults)))
    return configs


def mapping_config(
    data: Mapping[str, Mapping[str, Any] | StageConfig | None], stages: Sequence[Stage]
) -> dict[str, StageConfig]:
    """The stages that a mapping names, with their options: what `load_config` reads from a file.

    Raises ConfigError with one line a fault.
    """
    plain = {
        name: options.model_dump(exclude_unset=True)
        if isinstance(options, StageConfig)
        else options and dict(options)
        for name, options in data.items()
    }
    configs, faults = check_config(plain, {}, stages)
    if faults:
        raise ConfigError("\n".join(f"{fault.path}: {fault.message}" for fault in faults))
    return configs


def check_config(
    data: Mapping[Any, Any], lines: Mapping[YamlPath, int], stages: Sequence[Stage]
) -> tuple[dict[str, StageConfig], list[ConfigFault]]:
    """Stages with their options, in the order of the data, and what is wrong with them.

    Versions of captions are stages too, behind `caption`.
    """
    configs: dict[str, dict[str, StageConfig]] = {}
    faults: list[ConfigFault] = []
    known = {stage.name: stage for stage in stages}
    models = NamedModels(lines)
    faults = models.read(data.get(MODELS))
    for name, options in data.items():
        if name == MODELS:
            continue
        if name not in known:
            message = f"unknown stage{suggest(name, (*known, MODELS))}"
            faults.append(ConfigFault(line_of(lines, (name,)), str(name), message))
            continue
        own, versions = parted(name, {} if options is None else options)
        checked = check_options(known[name], own, models)
        if not isinstance(checked, StageConfig):
            faults += checked
            continue
        found, more = check_versions(known[name], own, versions, models)
        configs[name] = {name: checked, **found}
        faults += more
    ordered = (configs[name] for name in known if name in configs)
    return {name: config for found in ordered for name, config in found.items()}, faults


def override(configs: Mapping[str, StageConfig], stage: Stage, given: Mapping[str, Any]) -> Any:
    """A stage's options with those of the command line put over them.

    Raises ConfigError where they do not fit.
    """
    base = configs.get(stage.name)
    values = {} if base is None else base.model_dump(exclude_unset=True)
    try:
        return stage.config.model_validate(put_over(stage.config, values, given))
    except ValidationError as error:
        found = option_faults(stage.config, error)
        raise ConfigError(
            "\n".join(f"{dotted((stage.name, *where))}: {why}" for where, why in found)
        ) from error


def check_options(
    stage: Stage, options: Any, models: NamedModels
) -> StageConfig | list[ConfigFault]:
    """A stage's options as its config model, or what is wrong with them."""
    if not isinstance(options, dict):
        at = line_of(models.lines, (stage.name,))
        return [ConfigFault(at, stage.name, "must be a mapping of options to values")]
    try:
        options = models.put_into(stage, options)
    except UnusableModelError as error:
        return error.faults
    return validated(stage.config, options, (stage.name,), models.lines)
