"""What an option is, as text: help, config comments, signatures and reference pages share it."""

import inspect
import typing
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from vidcurate.stage import StageConfig


@dataclass(frozen=True, slots=True)
class OptionText:
    """One option of a stage or a run; `shared_by` is the model that several stages have it from."""

    name: str
    annotation: Any
    default: Any
    description: str
    flag: str
    notes: tuple[str, ...]
    shared_by: type[StageConfig] | None


def options_in(config: type[StageConfig]) -> dict[str, OptionText]:
    """The options of a config model by name, in its order."""
    return {
        name: OptionText(
            name,
            info.annotation,
            info.get_default(call_default_factory=True),
            str(info.description),
            facts(info)["flag"] or "--" + name.replace("_", "-"),
            tuple(n for n in (facts(info)["unit"], bounds(info), choices(info)) if n),
            stated_in(name, config),
        )
        for name, info in config.model_fields.items()
    }


def stated_in(name: str, config: type[StageConfig]) -> type[StageConfig] | None:
    """The base of a config model that states an option; None where the model does so itself."""
    if name in inspect.get_annotations(config):
        return None
    bases = [base for base in config.__mro__[1:] if issubclass(base, StageConfig)]
    return next((base for base in bases if name in inspect.get_annotations(base)), None)


def facts(info: FieldInfo) -> dict[str, Any]:
    """What `option` noted of a field beside pydantic's own facts."""
    assert isinstance(info.json_schema_extra, dict)
    return typing.cast("dict[str, Any]", info.json_schema_extra)


def describe(info: FieldInfo) -> str:
    """Description, unit, bounds and default in one line."""
    notes = [n for n in (facts(info)["unit"], bounds(info), choices(info)) if n]
    default = shown(info.default)
    notes += [f"default {default}"] if default else []
    return f"{info.description} ({'; '.join(notes)})" if notes else str(info.description)


def bounds(info: FieldInfo) -> str:
    """The bounds of a number."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return ", ".join(
        f"{sign} {getattr(limit, name)}"
        for limit in info.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    )


def choices(info: FieldInfo) -> str:
    """The words that an option takes, if it takes only some."""
    if typing.get_origin(info.annotation) is typing.Literal:
        return " | ".join(str(c) for c in typing.get_args(info.annotation))
    return ""


def shown(value: Any) -> str:
    """A default as YAML and the command line write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(str(v) for v in value) or "none"
    return str(value)
