"""Options as rows of a table, each stated once."""

from collections.abc import Iterable

from scripts.tools.reference.markdown import code, table
from vidcurate.pipeline.option_text import OptionText, shown

HEADS = ("option", "what it does", "values", "default")


def option_table(options: Iterable[OptionText], *, by_flag: bool = False) -> str:
    """The table of some options, by their keys or by what they are on the command line."""
    return table(HEADS, [option_row(option, by_flag=by_flag) for option in options])


def option_row(option: OptionText, *, by_flag: bool) -> tuple[str, ...]:
    """One option by its key, and its flag where that is another word."""
    plain = "--" + option.name.replace("_", "-")
    name = code(option.name) + (f" ({code(option.flag)})" if option.flag != plain else "")
    values, default = "; ".join(option.notes), code(shown(option.default))
    return code(option.flag) if by_flag else name, option.description, values, default
