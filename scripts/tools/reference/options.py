"""Options as rows of a table, each stated once."""

from collections.abc import Iterable

from scripts.tools.reference.markdown import code, table
from vidcurate.options import OptionSpec
from vidcurate.pipeline.option_text import default_text, flags, notes_on

HEADS = ("option", "what it does", "values", "default")


def option_table(options: Iterable[OptionSpec], *, by_flag: bool = False) -> str:
    """The table of some options, by their keys or by what they are on the command line."""
    return table(HEADS, [option_row(option, by_flag=by_flag) for option in options])


def option_row(option: OptionSpec, *, by_flag: bool) -> tuple[str, ...]:
    """One option by its key, and its flag where that is another word."""
    flag, plain = flags(option)[0].partition("/")[0], "--" + option.name.replace("_", "-")
    name = code(option.name) + (f" ({code(flag)})" if flag != plain else "")
    condition = f"With {option.condition}: " if option.condition else ""
    values, default = "; ".join(notes_on(option)), code(default_text(option.default))
    return code(flag) if by_flag else name, condition + option.description, values, default
