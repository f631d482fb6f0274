"""Checks rules against the existing columns, and reports all unknown names and type errors."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

import pyarrow as pa

from vidcurate.errors import RuleError, suggest
from vidcurate.rules.tree import (
    Arithmetic,
    Column,
    Comparison,
    Constant,
    Junction,
    Measure,
    Membership,
    Missing,
    Negative,
    Node,
    Not,
    Percentile,
    Rule,
    TextTest,
    children,
    columns_in,
)
from vidcurate.store.table import FRACTION

MIN_SIMILARITY = 0.6  # difflib's default for a close match
TEXTS, SCORED = "list of strings", "list of candidates"
SCORE = "score"
# What each test of a text and each function takes.
TAKES = {
    "contains": ("string", TEXTS),
    "matches": ("string",),
    "words": ("string",),
    "length": ("string", "list", TEXTS, SCORED),
    "margin": (SCORED,),
}


def check(
    rules: Sequence[Rule],
    schemas: Mapping[str, pa.Schema],
    commands: Mapping[str, str],
) -> None:
    """Pass if every rule names existing columns and compares values of one type.

    `schemas` is keyed by table name; `commands` names the command that makes a table.
    Raises RuleError with one line for every fault of every rule.
    """
    types = {
        Column(table, field.name): field.type
        for table, schema in schemas.items()
        for field in schema
    }
    check_types(rules, types, commands)


def check_types(
    rules: Sequence[Rule],
    types: Mapping[Column, pa.DataType],
    commands: Mapping[str, str],
) -> None:
    """Check rules against columns and their types, as `check` does."""
    kinds = {column: kind_of_type(type_) for column, type_ in types.items()}
    faults: list[str] = []
    for rule in rules:
        unknown = [column for column in columns_in(rule.tree) if column not in kinds]
        faults += [unknown_name(column, kinds, commands) for column in unknown]
        faults += clashes(rule.tree, kinds)
        faults += unfit(rule.tree, (rule.tree,), "boolean", kinds)
    if faults:
        raise RuleError("\n".join(dict.fromkeys(faults)))


def kind_of_value(
    rule: Rule, schemas: Mapping[str, pa.Schema], commands: Mapping[str, str]
) -> tuple[str, bool]:
    """The type of what a text in the language of rules is worth, and whether it has no fractions.

    Raises RuleError for unknown names and for values that do not fit.
    """
    types = {
        Column(table, field.name): field.type
        for table, schema in schemas.items()
        for field in schema
    }
    kinds = {column: kind_of_type(type_) for column, type_ in types.items()}
    unknown = [column for column in columns_in(rule.tree) if column not in kinds]
    faults = [unknown_name(column, kinds, commands) for column in unknown]
    faults += clashes(rule.tree, kinds)
    if faults:
        raise RuleError("\n".join(dict.fromkeys(faults)))
    is_whole = isinstance(rule.tree, Column) and pa.types.is_integer(types[rule.tree])
    return kind_of(rule.tree, kinds) or "", is_whole


def kind_of_type(type_: pa.DataType) -> str:
    """The rule language's name of an Arrow type; a fraction is a number."""
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or type_ == FRACTION:
        return "number"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return "string"
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_list(type_):
        return kind_of_list(type_.value_type)
    return str(type_).partition("<")[0]


def kind_of_list(item: pa.DataType) -> str:
    """The name of a list's type, by its items."""
    if pa.types.is_string(item):
        return TEXTS
    if pa.types.is_struct(item) and item.get_field_index(SCORE) >= 0:
        return SCORED
    return "list"


def unknown_name(column: Column, known: Mapping[Column, str], commands: Mapping[str, str]) -> str:
    """The message for an unknown name, with the nearest known one."""
    names = [other.name for other in known if other.table == column.table]
    fault = f"unknown column '{column}'" if names else f"unknown table '{column.table}'"
    close = most_similar_column(column, known)
    if close is not None:
        command = commands.get(close.table)
        hint = f" (`vidcurate {command}` makes it)" if command else ""
        return f"{fault}: did you mean '{close}'?{hint}"
    tables = sorted({other.table for other in known})
    if not names:
        return fault + suggest(column.table, tables)
    return f"{fault}: known are {', '.join(names)}"


def most_similar_column(wanted: Column, known: Mapping[Column, str]) -> Column | None:
    """The column most similar in both names, or of the same name in another table."""
    best, best_score = None, 0.0
    for column in known:
        table = SequenceMatcher(None, wanted.table, column.table).ratio()
        name = SequenceMatcher(None, wanted.name, column.name).ratio()
        is_close = name >= MIN_SIMILARITY and (
            table >= MIN_SIMILARITY or wanted.name == column.name
        )
        if is_close and table + name > best_score:
            best, best_score = column, table + name
    return best


def kind_of(node: Node, kinds: Mapping[Column, str]) -> str | None:
    """The type of a node's value; None for an unknown column."""
    match node:
        case Column():
            return kinds.get(node)
        case Constant(value=bool()):
            return "boolean"
        case Constant(value=str()):
            return "string"
        case Constant() | Percentile() | Negative() | Arithmetic() | Measure():
            return "number"
        case Comparison() | Membership() | TextTest() | Missing() | Not() | Junction():
            return "boolean"


def clashes(node: Node, kinds: Mapping[Column, str]) -> Iterator[str]:
    """The type errors of a node and its descendants."""
    for child in children(node):
        yield from clashes(child, kinds)
    match node:
        case Negative() | Arithmetic():
            yield from unfit(node, children(node), "number", kinds)
        case Not() | Junction():
            yield from unfit(node, children(node), "boolean", kinds)
        case Comparison():
            for (left, right), operator in zip(
                pairwise(node.operands), node.operators, strict=True
            ):
                yield from unlike(node, left, right, kinds)
                if kind_of(left, kinds) == "boolean" and operator not in ("==", "!="):
                    yield f"{node}: true and false have no order, compare them by == or !="
        case Membership(operand=operand):
            for choice in node.choices:
                yield from unlike(node, operand, choice, kinds)
        case TextTest(word=word) | Measure(function=word):
            yield from not_taken(node, word, kind_of(node.operand, kinds))


def unfit(
    node: Node, parts: Sequence[Node], wanted: str, kinds: Mapping[Column, str]
) -> Iterator[str]:
    """The errors of parts that do not have the type that a node needs."""
    for part in parts:
        kind = kind_of(part, kinds)
        if kind not in (wanted, None):
            meaning = "a condition" if wanted == "boolean" else f"a {wanted}"
            yield f"{node}: {part} is a {kind}, expected {meaning}"


def not_taken(node: TextTest | Measure, word: str, kind: str | None) -> Iterator[str]:
    """The error of a test or function of something that it does not take."""
    if kind not in (*TAKES[word], None):
        taken = " or a ".join(TAKES[word])
        yield f"{node}: {node.operand} is a {kind}, and {word} takes a {taken}"


def unlike(node: Node, left: Node, right: Node, kinds: Mapping[Column, str]) -> Iterator[str]:
    """The error of two sides that cannot be compared."""
    ours, theirs = kind_of(left, kinds), kind_of(right, kinds)
    if ours is None or theirs is None:
        return
    if ours != theirs:
        yield f"{node}: {left} is a {ours}, {right} is a {theirs}"
    elif ours not in ("number", "string", "boolean"):
        tests = ", ".join([*(word for word, kinds in TAKES.items() if ours in kinds), "'is null'"])
        yield f"{node}: {left} is a {ours}, which only {tests} can test"
