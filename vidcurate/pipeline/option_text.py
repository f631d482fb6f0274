"""What an option is, as text: help, config comments, signatures and reference pages share it."""

import types
import typing
from typing import Any

from vidcurate.options import OptionSpec, yes_or_no


def flags(spec: OptionSpec) -> list[str]:
    """The command-line names of an option."""
    flag = spec.facts["flag"] or "--" + spec.name.replace("_", "-")
    is_switch = bool in (spec.annotation, *typing.get_args(spec.annotation))
    return [f"{flag}/--no-{flag[2:]}"] if is_switch else [flag]


def option_line(spec: OptionSpec) -> str:
    """Description, unit, bounds, choices, condition and default in one line."""
    condition = f"with {spec.condition}" if spec.depends_on and not spec.is_own else ""
    default = default_text(spec.default)
    notes = [*notes_on(spec), condition, f"default {default}" if default else ""]
    details = "; ".join(note for note in notes if note)
    return f"{spec.description} ({details})" if details else spec.description


def notes_on(spec: OptionSpec) -> list[str]:
    """Unit, bounds and choices of an option, as far as it has any."""
    return [note for note in (spec.facts["unit"], bounds_text(spec), choices_text(spec)) if note]


def bounds_text(spec: OptionSpec) -> str:
    """The bounds of a number."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return ", ".join(
        f"{sign} {getattr(limit, name)}"
        for limit in spec.info.metadata
        for name, sign in signs.items()
        if getattr(limit, name, None) is not None
    )


def choices_text(spec: OptionSpec) -> str:
    """The words that an option takes, each or several of them, if it takes only some."""
    return " | ".join(words_in(spec.annotation))


def words_in(hint: Any) -> list[str]:
    """The words that a type allows: a Literal, one that may be none, or a tuple of them."""
    inside = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return [str(word) for word in inside]
    if typing.get_origin(hint) in (tuple, types.UnionType, typing.Union):
        return [word for part in inside for word in words_in(part)]
    return []


def default_text(value: Any) -> str:
    """A default as YAML and the command line write it; "" for what is empty."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return yes_or_no(value)
    return " ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)
