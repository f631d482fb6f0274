"""The tree of a parsed rule; the text of each node parses to the same node."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import ClassVar


class Level(IntEnum):
    """How tightly operators bind, loosest first."""

    RULE = 0
    OR = 1
    AND = 2
    NOT = 3
    COMPARE = 4
    SUM = 5
    PRODUCT = 6
    SIGN = 7
    VALUE = 8


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a string, true or false."""

    level: ClassVar[Level] = Level.VALUE
    value: float | str | bool

    def __str__(self) -> str:
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if isinstance(self.value, str):
            return "'" + self.value.replace("'", "''") + "'"
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one table."""

    level: ClassVar[Level] = Level.VALUE
    table: str
    name: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Percentile:
    """The percentile, 0 to 100, of what it is compared with, over all rows that have a value.

    With `of_video` it is computed over the rows of the same video.
    """

    level: ClassVar[Level] = Level.VALUE
    rank: Decimal
    of_video: bool = False

    def __str__(self) -> str:
        return f"p{self.rank:f} of video" if self.of_video else f"p{self.rank:f}"


@dataclass(frozen=True, slots=True)
class Negative:
    """A value with a minus sign."""

    level: ClassVar[Level] = Level.SIGN
    operand: "Node"

    def __str__(self) -> str:
        return "-" + bracketed(self.operand, Level.SIGN)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers joined by one of `+ - * /`."""

    operator: str
    left: "Node"
    right: "Node"

    @property
    def level(self) -> Level:
        """How tightly the operator binds."""
        return Level.SUM if self.operator in "+-" else Level.PRODUCT

    def __str__(self) -> str:
        # The right side of equal level keeps its brackets: a - (b - c) is not a - b - c.
        right = bracketed(self.right, Level(self.level + 1))
        return f"{bracketed(self.left, self.level)} {self.operator} {right}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A chain `a < b <= c`: true where every link is; one operator fewer than operands."""

    level: ClassVar[Level] = Level.COMPARE
    operands: tuple["Node", ...]
    operators: tuple[str, ...]

    def __str__(self) -> str:
        first, *others = [bracketed(operand, Level.SUM) for operand in self.operands]
        links = zip(self.operators, others, strict=True)
        return first + "".join(f" {operator} {other}" for operator, other in links)


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a value is in a list, or with `negated` is not in it."""

    level: ClassVar[Level] = Level.COMPARE
    operand: "Node"
    choices: tuple[Constant, ...]
    negated: bool

    def __str__(self) -> str:
        word = "not in" if self.negated else "in"
        choices = ", ".join(map(str, self.choices))
        return f"{bracketed(self.operand, Level.SUM)} {word} [{choices}]"


@dataclass(frozen=True, slots=True)
class TextTest:
    """Whether a text `contains` one of some texts, or `matches` a pattern; `negated` turns it.

    Case does not count for `contains`. A list contains a text that is one of its items.
    """

    level: ClassVar[Level] = Level.COMPARE
    word: str
    operand: "Node"
    choices: tuple[Constant, ...]
    negated: bool

    def __str__(self) -> str:
        choices = ", ".join(map(str, self.choices))
        listed = choices if len(self.choices) == 1 else f"[{choices}]"
        word = f"not {self.word}" if self.negated else self.word
        return f"{bracketed(self.operand, Level.SUM)} {word} {listed}"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that is computed of a text or a list: its `words`, `length` or `margin`."""

    level: ClassVar[Level] = Level.VALUE
    function: str
    operand: "Node"

    def __str__(self) -> str:
        return f"{self.function}({self.operand})"


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether a value is null or NaN, or with `negated` is neither."""

    level: ClassVar[Level] = Level.COMPARE
    operand: "Node"
    negated: bool

    def __str__(self) -> str:
        word = "is not null" if self.negated else "is null"
        return f"{bracketed(self.operand, Level.SUM)} {word}"


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a condition."""

    level: ClassVar[Level] = Level.NOT
    operand: "Node"

    def __str__(self) -> str:
        return "not " + bracketed(self.operand, Level.NOT)


@dataclass(frozen=True, slots=True)
class Junction:
    """Two or more conditions joined by `and` or `or`."""

    word: str
    operands: tuple["Node", ...]

    @property
    def level(self) -> Level:
        """How tightly the word binds."""
        return Level.AND if self.word == "and" else Level.OR

    def __str__(self) -> str:
        inner = Level(self.level + 1)
        return f" {self.word} ".join(bracketed(operand, inner) for operand in self.operands)


# Groups the clips of a video.
VIDEO = Column("clips", "video_id")

Node = (
    Constant
    | Column
    | Percentile
    | Negative
    | Arithmetic
    | Comparison
    | Membership
    | TextTest
    | Measure
    | Missing
    | Not
    | Junction
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that a clip must meet: its text and its tree."""

    text: str
    tree: Node

    @property
    def columns(self) -> frozenset[tuple[str, str]]:
        """Every (table, column) that the rule reads."""
        return frozenset((column.table, column.name) for column in columns_in(self.tree))


def bracketed(node: Node, min_level: Level) -> str:
    """A node's text, in brackets if its operator binds less tightly than `min_level`."""
    return f"({node})" if node.level < min_level else str(node)


def children(node: Node) -> tuple[Node, ...]:
    """The direct children of a node."""
    match node:
        case Junction(operands=operands) | Comparison(operands=operands):
            return operands
        case Arithmetic(left=left, right=right):
            return (left, right)
        case Negative() | Not() | Membership() | TextTest() | Measure() | Missing():
            return (node.operand,)
        case Constant() | Column() | Percentile():
            return ()


def columns_in(node: Node) -> Iterator[Column]:
    """Every column of a node and its descendants, as often as it occurs."""
    if isinstance(node, Column):
        yield node
    if isinstance(node, Percentile) and node.of_video:
        yield VIDEO
    for child in children(node):
        yield from columns_in(child)
