"""What an option is, as text: help, config comments, signatures and reference pages share it."""

import typing
from typing import Any

from pydantic.fields import FieldInfo


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
