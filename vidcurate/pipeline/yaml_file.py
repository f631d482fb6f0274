"""A YAML file with the line of each thing in it, so that what is wrong can be pointed at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from vidcurate.options import StageConfig, option_faults

YamlPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One thing that is wrong in a config file."""

    line: int
    path: str
    message: str


def validated(
    config: type[StageConfig],
    options: Mapping[str, Any],
    at: YamlPath,
    lines: Mapping[YamlPath, int],
) -> StageConfig | list[ConfigFault]:
    """Options as a config model, or what is wrong with them; `at` is where they stand."""
    try:
        return config.model_validate(options)
    except ValidationError as error:
        places = [((*at, *where), why) for where, why in option_faults(config, error)]
        return [ConfigFault(line_of(lines, place), dotted(place), why) for place, why in places]


def dotted(place: Sequence[str | int]) -> str:
    """A place in a file as a path."""
    return ".".join(str(step) for step in place)


def fault_line(file: Path, fault: ConfigFault) -> str:
    """One fault as a line; the indented lines below it, which point at a place, stay."""
    head = f"{file}:{fault.line}: {fault.path + ': ' if fault.path else ''}"
    lines = fault.message.splitlines()
    return "\n".join(line if line.startswith(" ") else head + line for line in lines)


def sorted_faults(faults: Sequence[ConfigFault]) -> list[ConfigFault]:
    """Faults in the order of the file."""
    return sorted(faults, key=lambda fault: fault.line)


def line_of(lines: Mapping[YamlPath, int], place: YamlPath) -> int:
    """The line where a place begins, or where the nearest place around it does."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def read_yaml(text: str) -> tuple[dict[Any, Any], dict[YamlPath, int], list[ConfigFault]]:
    """A YAML mapping, the line of every place in it, and what is wrong with its form."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        return {}, {}, [ConfigFault(mark.line + 1 if mark else 1, "", f"not valid YAML: {problem}")]
    if node is None or data is None:
        return {}, {}, []
    if not isinstance(data, dict):
        return {}, {}, [ConfigFault(1, "", "must be a mapping of stages to their options")]
    try:
        found = list(places(node))
    except RecursionError:
        return {}, {}, [ConfigFault(1, "", "an alias holds itself")]
    faults = [
        ConfigFault(line, dotted(place), "is given twice") for place, line, again in found if again
    ]
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
