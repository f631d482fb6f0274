"""Parses a rule by precedence climbing; an error shows a caret under its position.

Method: Pratt, "Top Down Operator Precedence", POPL 1973.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.errors import RuleError
from vidcurate.rules.tree import (
    Arithmetic,
    Column,
    Comparison,
    Constant,
    Junction,
    Level,
    Measure,
    Membership,
    Missing,
    Negative,
    Node,
    Not,
    Percentile,
    Rule,
    TextTest,
    columns_in,
)

TOKEN = re.compile(
    r"""
    (?P<number>     (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? ) |
    (?P<string>     '(?:[^']|'')*' | "(?:[^"]|"")*" ) |
    (?P<percentile> p\d+(?:\.\d+)?(?![\w.]) ) |
    (?P<word>       [A-Za-z_]\w*(?:\.\w+)* ) |
    (?P<foreign>    && | \|\| | <> | =(?!=) | !(?!=) | & | \| ) |
    (?P<symbol>     == | != | <= | >= | [-<>()\[\],+*/] ) |
    (?P<unknown>    \S )
    """,
    re.VERBOSE | re.ASCII,
)
TEXT_TESTS = ("contains", "matches")
MEASURES = ("words", "length", "margin")
KEYWORDS = {"and", "or", "not", "in", "is", "null", "true", "false", *TEXT_TESTS}
SPELLINGS = {"&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "=": "==", "<>": "!="}
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
LEVELS = {
    "or": Level.OR,
    "and": Level.AND,
    **dict.fromkeys((*COMPARISONS, *TEXT_TESTS, "in", "not", "is"), Level.COMPARE),
    **dict.fromkeys("+-", Level.SUM),
    **dict.fromkeys("*/", Level.PRODUCT),
}
# Each of these may deepen the tree; the limit keeps it far from Python's recursion limit.
DEEPENING = {"(", "not", "+", "-", "*", "/"}
MAX_DEEPENING = 100
EXACT_DIGITS = 18  # fit 64 bits in any case; longer numbers become doubles
LAST_RANK = 100
CONTEXT = 60  # characters of the rule that an error shows on either side of its position
VALUE = "a value (table.column, number, string, true, false)"


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a rule and its start; the last one has the kind `end` and no text."""

    kind: str
    text: str
    at: int


@dataclass(slots=True)
class Reader:
    """The tokens of a rule and the position of the next one."""

    text: str
    tokens: Sequence[Token]
    position: int = 0

    @property
    def next(self) -> Token:
        """The next token."""
        return self.tokens[self.position]

    def take(self, *, wanted: str = "") -> Token:
        """Consume the next token; raises RuleError if it is not the wanted one."""
        token = self.next
        if wanted and token.text != wanted:
            self.expected(f"'{wanted}'")
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token

    def expected(self, what: str) -> NoReturn:
        """Raise RuleError at the next token."""
        found = f"'{self.next.text}'" if self.next.text else "the end"
        fail(self.text, self.next.at, f"expected {what}, found {found}")


@lru_cache
def parse(text: str) -> Rule:
    """Parse a rule; results are cached.

    Raises RuleError with the fault, the rule, and a caret under its position.
    """
    reader = Reader(text, read_tokens(text))
    tree = expression(reader, Level.RULE)
    if reader.next.kind != "end":
        reader.expected("an operator, 'and', 'or' or the end")
    return Rule(text, tree)


def fail(text: str, at: int, fault: str) -> NoReturn:
    """Raise RuleError with a caret under the position of the fault."""
    start, end = max(0, at - CONTEXT), at + CONTEXT
    before, after = "..." if start else "", "..." if end < len(text) else ""
    excerpt = re.sub(r"\s", " ", text[start:end])
    caret = " " * (len(before) + at - start) + "^"
    raise RuleError(f"cannot read the rule: {fault}\n  {before}{excerpt}{after}\n  {caret}")


def read_tokens(text: str) -> list[Token]:
    """Split a rule into tokens; raises RuleError for an unknown one."""
    tokens = []
    for match in TOKEN.finditer(text):
        token = Token(match.lastgroup or "", match.group(), match.start())
        spelling = SPELLINGS.get(token.text) or token.text.lower()
        if token.kind == "foreign" or (spelling in KEYWORDS and spelling != token.text):
            fail(text, token.at, f"write '{spelling}' for '{token.text}'")
        if token.kind == "unknown" and token.text in "'\"":
            fail(text, token.at, "this string is not closed")
        if token.kind == "unknown":
            fail(text, token.at, f"{token.text!r} has no meaning in a rule")
        tokens.append(token)
    deepening = [token for token in tokens if token.text in DEEPENING]
    if len(deepening) > MAX_DEEPENING:
        fault = f"more than {MAX_DEEPENING} brackets, signs and nots: split it into several rules"
        fail(text, deepening[MAX_DEEPENING].at, fault)
    return [*tokens, Token("end", "", len(text))]


def expression(reader: Reader, level: Level) -> Node:
    """Parse the longest expression whose operators bind more tightly than `level`."""
    left = operand(reader, level)
    ceiling = Level.VALUE
    while level < (found := LEVELS.get(reader.next.text, Level.RULE)) < ceiling:
        left = extended(reader, left)
        if found is Level.COMPARE:
            ceiling = found  # `a < b in [...]` would compare a truth value: it needs brackets
    return left


def operand(reader: Reader, level: Level) -> Node:
    """Parse an operand."""
    token = reader.next
    if token.kind in ("number", "string") or token.text in ("true", "false"):
        return constant(reader)
    if token.kind == "percentile":
        return percentile(reader, opens=level < Level.COMPARE)
    if token.text == "(":
        reader.take()
        inner = expression(reader, Level.RULE)
        reader.take(wanted=")")
        return inner
    if token.text == "-":
        return negative(reader)
    if token.text == "not" and level <= Level.NOT:
        reader.take()
        return Not(expression(reader, Level.NOT))
    if token.text == "null":
        reader.expected(f"{VALUE}; a missing value is tested by 'is null'")
    return column_or_measure(reader)


def column_or_measure(reader: Reader) -> Node:
    """Parse a column, or a function and what it is computed of, in brackets."""
    name = reader.next.text
    if reader.tokens[min(reader.position + 1, len(reader.tokens) - 1)].text != "(":
        return column(reader)
    if name not in MEASURES:
        reader.expected(f"{VALUE}; functions are {', '.join(MEASURES)}")
    reader.take()
    reader.take(wanted="(")
    inner = expression(reader, Level.RULE)
    reader.take(wanted=")")
    return Measure(name, inner)


def column(reader: Reader) -> Column:
    """Parse a column: table, dot, name."""
    table, _, name = reader.next.text.partition(".")
    if reader.next.kind != "word" or reader.next.text in KEYWORDS:
        reader.expected(VALUE)
    if not name or "." in name:
        reader.expected("a column as table.column")
    reader.take()
    return Column(table, name)


def constant(reader: Reader) -> Constant:
    """Parse a number with or without sign, a string, true or false."""
    sign = reader.take().text if reader.next.text == "-" else ""
    token = reader.next
    if token.kind == "number":
        reader.take()
        exact = token.text.isdigit() and len(token.text) <= EXACT_DIGITS
        value = int(sign + token.text) if exact else float(sign + token.text)
        if math.isinf(value):
            fail(reader.text, token.at, "this number is too large")
        return Constant(value)
    if sign or (token.kind != "string" and token.text not in ("true", "false")):
        reader.expected("a number" if sign else "a number, string, true or false")
    reader.take()
    if token.kind == "string":
        quote = token.text[0]
        return Constant(token.text[1:-1].replace(quote * 2, quote))
    return Constant(token.text == "true")


def negative(reader: Reader) -> Node:
    """Parse a minus sign and its operand; a signed number is a constant."""
    if reader.tokens[reader.position + 1].kind == "number":
        return constant(reader)
    reader.take()
    return Negative(operand(reader, Level.SIGN))


def percentile(reader: Reader, *, opens: bool) -> Percentile:
    """Parse a percentile; where it `opens` an expression, a comparison must follow."""
    token = reader.next
    found = rank(reader)
    if not opens or reader.next.text not in COMPARISONS:
        fail(reader.text, token.at, "a percentile stands alone on one side of a comparison")
    return found


def rank(reader: Reader) -> Percentile:
    """Parse a percentile from p0 to p100, of all clips or with `of video` of the video's."""
    token = reader.take()
    value = Decimal(token.text[1:])
    if value > LAST_RANK:
        fail(reader.text, token.at, f"expected a percentile from p0 to p100, found '{token.text}'")
    of_video = reader.next.text == "of" and bool(reader.take())
    if of_video:
        reader.take(wanted="video")
    return Percentile(value, of_video)


def extended(reader: Reader, left: Node) -> Node:
    """Extend an expression by the operator that follows it and its other operands."""
    operator = reader.next.text
    if operator in COMPARISONS:
        return comparison(reader, left)
    if operator in ("and", "or"):
        operands = [left]
        while reader.next.text == operator:
            reader.take()
            operands.append(expression(reader, LEVELS[operator]))
        return Junction(operator, tuple(operands))
    reader.take()
    if operator == "is":
        negated = reader.next.text == "not" and bool(reader.take())
        reader.take(wanted="null")
        return Missing(left, negated)
    negated = operator == "not"
    if negated:
        operator = reader.next.text
        if operator not in ("in", *TEXT_TESTS):
            reader.expected("'in', 'contains' or 'matches'")
        reader.take()
    if operator in TEXT_TESTS:
        return TextTest(operator, left, texts(reader, operator), negated)
    if operator == "in":
        return Membership(left, choices(reader), negated)
    return Arithmetic(operator, left, expression(reader, LEVELS[operator]))


def comparison(reader: Reader, first: Node) -> Comparison:
    """Parse a chain of comparisons, where only the ends may be percentiles."""
    operands = [first]
    operators: list[str] = []
    start = reader.next.at
    while reader.next.text in COMPARISONS:
        if operators and isinstance(operands[-1], Percentile):
            break
        operators.append(reader.take().text)
        is_percentile = reader.next.kind == "percentile"
        operands.append(rank(reader) if is_percentile else expression(reader, Level.COMPARE))
    for link in pairwise(operands):
        others = [side for side in link if not isinstance(side, Percentile)]
        if len(others) < len(link) and not any(any(columns_in(side)) for side in others):
            fail(reader.text, start, "a percentile is compared with something that has columns")
    return Comparison(tuple(operands), tuple(operators))


def choices(reader: Reader) -> tuple[Constant, ...]:
    """Parse a list of at least one constant in square brackets."""
    reader.take(wanted="[")
    values = [constant(reader)]
    while reader.next.text == ",":
        reader.take()
        values.append(constant(reader))
    if reader.next.text != "]":
        reader.expected("',' or ']'")
    reader.take()
    return tuple(values)


def texts(reader: Reader, word: str) -> tuple[Constant, ...]:
    """Parse the text that follows `contains` or `matches`, or a list of them."""
    at = reader.next.at
    found = choices(reader) if reader.next.text == "[" else (constant(reader),)
    for one in found:
        if not isinstance(one.value, str) or not one.value:
            fail(reader.text, at, f"expected a text after '{word}', such as 'logo', found {one}")
        if word == "matches":
            check_pattern(reader, one.value, at)
    return found


def check_pattern(reader: Reader, pattern: str, at: int) -> None:
    """Raise RuleError for a pattern that RE2 cannot read."""
    try:
        pc.match_substring_regex(pa.scalar(""), pattern)
    except pa.ArrowInvalid as error:
        fault = str(error).removeprefix("Invalid regular expression: ")
        fail(reader.text, at, f"this is no pattern: {fault}")
