"""YAML to checked options: every fault at once, with file, line, path and a suggestion."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from vidcurate.errors import ConfigError, suggest
from vidcurate.stage import Stage, StageConfig

YamlPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a config file."""

    line: int
    path: str
    message: str


def load_config(file: Path, stages: Sequence[Stage]) -> dict[str, StageConfig]:
    """The stages that a file names, with their options.

    Raises ConfigError with one line a fault.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read the config file {file}: {reason}") from error
    data, lines, faults = read_yaml(text)
    configs: dict[str, StageConfig] = {}
    known = {stage.name: stage for stage in stages}
    for name, options in data.items():
        if name not in known:
            message = f"unknown stage{suggest(name, known)}"
            faults.append(Fault(line_of(lines, (name,)), str(name), message))
            continue
        checked = check_options(known[name], {} if options is None else options, lines)
        if isinstance(checked, StageConfig):
            configs[name] = checked
        else:
            faults += checked
    if not data and not faults:
        faults.append(Fault(1, "", f"the file names no stage; stages are {', '.join(known)}"))
    if faults:
        raise ConfigError("\n".join(show(file, fault) for fault in sorted_faults(faults)))
    return {name: configs[name] for name in known if name in configs}


def override(configs: Mapping[str, StageConfig], stage: Stage, given: Mapping[str, Any]) -> Any:
    """A stage's options with those of the command line put over them.

    Raises ConfigError where they do not fit.
    """
    base = configs.get(stage.name)
    values = {} if base is None else base.model_dump(exclude_unset=True)
    try:
        return stage.config.model_validate({**values, **given})
    except ValidationError as error:
        faults = [f"{dotted((stage.name, *e['loc']))}: {words(e, stage)}" for e in error.errors()]
        raise ConfigError("\n".join(faults)) from error


def check_options(
    stage: Stage, options: Any, lines: Mapping[YamlPath, int]
) -> StageConfig | list[Fault]:
    """A stage's options as its config model, or what is wrong with them."""
    if not isinstance(options, dict):
        at = line_of(lines, (stage.name,))
        return [Fault(at, stage.name, "must be a mapping of options to values")]
    try:
        config: StageConfig = stage.config.model_validate(options)
    except ValidationError as error:
        return [
            Fault(
                line_of(lines, (stage.name, *e["loc"])),
                dotted((stage.name, *e["loc"])),
                words(dict(e), stage),
            )
            for e in error.errors()
        ]
    return config


def words(error: Mapping[str, Any], stage: Stage) -> str:
    """One pydantic error in plain words."""
    if error["type"] == "extra_forbidden":
        return f"unknown option{suggest(error['loc'][-1], stage.config.model_fields)}"
    if error["type"] == "value_error":  # our own words, which name the value
        return str(error["ctx"]["error"])
    message = error["msg"]
    shown = repr(error["input"])
    given = shown if len(shown) < 60 else f"{shown[:57]}..."  # noqa: PLR2004 - fits a line
    return f"{message[0].lower()}{message[1:]}, not {given}"


def dotted(place: Sequence[str | int]) -> str:
    """A place in a file as a path."""
    return ".".join(str(step) for step in place)


def show(file: Path, fault: Fault) -> str:
    """One fault as a line; the indented lines below it, which point at a place, stay."""
    head = f"{file}:{fault.line}: {fault.path + ': ' if fault.path else ''}"
    lines = fault.message.splitlines()
    return "\n".join(line if line.startswith(" ") else head + line for line in lines)


def sorted_faults(faults: Sequence[Fault]) -> list[Fault]:
    """Faults in the order of the file."""
    return sorted(faults, key=lambda fault: fault.line)


def line_of(lines: Mapping[YamlPath, int], place: YamlPath) -> int:
    """The line where a place begins, or where the nearest place around it does."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def read_yaml(text: str) -> tuple[dict[Any, Any], dict[YamlPath, int], list[Fault]]:
    """A YAML mapping, the line of every place in it, and what is wrong with its form."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        return {}, {}, [Fault(mark.line + 1 if mark else 1, "", f"not valid YAML: {problem}")]
    if node is None or data is None:
        return {}, {}, []
    if not isinstance(data, dict):
        return {}, {}, [Fault(1, "", "must be a mapping of stages to their options")]
    try:
        found = list(places(node))
    except RecursionError:
        return {}, {}, [Fault(1, "", "an alias holds itself")]
    faults = [Fault(line, dotted(place), "is given twice") for place, line, again in found if again]
    return data, {place: line for place, line, _ in found}, faults


def places(node: yaml.Node, at: YamlPath = ()) -> Iterator[tuple[YamlPath, int, bool]]:
    """Every place below a node: its path, its line, and whether it is a repeated key."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            place = (*at, key.value)
            yield place, key.start_mark.line + 1, key.value in seen
            seen.add(key.value)
            yield from places(value, place)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield (*at, number), value.start_mark.line + 1, False
            yield from places(value, (*at, number))
