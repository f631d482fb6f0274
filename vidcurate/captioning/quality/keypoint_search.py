"""Which answers about a clip to ask for next, by a tree search over what was asked so far.

After AutoCaption (Yu et al. 2025, MCTS-VCB): a node is the answers on the way to it, an action is a
question, and the leaf with the highest value is expanded. The published code takes one action a
leaf, so that its tree is a chain in which nothing is chosen; here a leaf gets several.

The search knows no model: it asks for the value of a node, and is told.
"""

import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import sqrt
from types import MappingProxyType
from typing import Literal, get_args

Action = Literal["overall", "detail", "time", "space", "background", "camera"]
ACTIONS: tuple[Action, ...] = get_args(Action)
# What must have been asked on the way before.
NEEDS: Mapping[Action, frozenset[Action]] = MappingProxyType(
    {
        "overall": frozenset(),
        "detail": frozenset({"time", "space", "background"}),
        "time": frozenset({"overall"}),
        "space": frozenset({"overall"}),
        "background": frozenset({"overall"}),
        "camera": frozenset({"detail"}),
    }
)
MAX_TIMES = 2  # on one way; details have no bound, as each is another one
WEIGHTS: Mapping[Action, int] = MappingProxyType({"detail": 2})
EXPLORATION = 0.125
UNVERIFIED_BASE, SIMILARITY_BASE = 0.5, 0.9


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """How long is searched: leaves that are expanded, and actions that each gets.

    Where a leaf has more actions than it gets, `seed` decides which.
    """

    max_rollouts: int
    branches: int
    seed: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """An action at the end of the way to a node, which is given by the numbers of its nodes."""

    way: tuple[int, ...]
    action: Action
    rollout: int


@dataclass(frozen=True, slots=True)
class NodeValue:
    """What an answer is worth: its share of key points that are verified, and how much it repeats.

    `similarity` is the mean cosine to the answers of the same action on its way, 0 without any.
    """

    verified_share: float
    similarity: float

    @property
    def quality(self) -> float:
        """0.45 to 1: higher the more is verified, lower the more is repeated."""
        unverified = UNVERIFIED_BASE ** (1 - self.verified_share)
        return float(unverified * SIMILARITY_BASE**self.similarity)


class NoValue(Enum):
    """Why an action has no value: its answer could not be had, or no more can be asked."""

    FAILED = "failed"
    SPENT = "spent"


@dataclass(slots=True)
class Node:
    """A node: its action (None for the root), its way with itself, and what is known of it."""

    way: tuple[int, ...]
    action: Action | None
    quality: float
    visits: int = 0
    children: list[int] = field(default_factory=list)
    is_closed: bool = False


Search = Generator[Expansion, NodeValue | NoValue, Sequence[Node]]


def search(limits: SearchLimits) -> Search:
    """Yield the expansions in turn, and be sent the value of each; the nodes at the end.

    A node's number is its place; the root is the first. An expansion that failed leaves no node.
    """
    nodes = [Node((0,), None, quality=1.0)]
    is_spent = False
    for rollout in range(limits.max_rollouts):
        leaf = best_leaf(nodes)
        if leaf is None or is_spent:
            break
        for action in drawn_actions(actions_on(leaf, nodes), limits, leaf):
            value = yield Expansion(leaf.way, action, rollout)
            is_spent = value is NoValue.SPENT
            if is_spent:
                break
            if isinstance(value, NodeValue):
                leaf.children.append(len(nodes))
                nodes.append(Node((*leaf.way, len(nodes)), action, value.quality))
        leaf.is_closed = not leaf.children
        if leaf.children:
            go_up(leaf, nodes)
    return nodes


def best_leaf(nodes: Sequence[Node]) -> Node | None:
    """The leaf with the largest sum of quality and exploration, the first of equals."""
    leaves = [node for node in nodes if not node.children and not node.is_closed]
    return max(leaves, key=lambda leaf: leaf.quality + exploration(leaf, nodes), default=None)


def exploration(node: Node, nodes: Sequence[Node]) -> float:
    """How much a node is worth a look because its parent was visited often and it was not."""
    if len(node.way) == 1:
        return 0.0
    parent = nodes[node.way[-2]]
    return EXPLORATION * sqrt(parent.visits) / (1 + node.visits)


def go_up(node: Node, nodes: Sequence[Node]) -> None:
    """Count a visit of each node on a way, whose quality becomes the mean of its children's."""
    for number in reversed(node.way):
        visited = nodes[number]
        visited.visits += 1
        qualities = [nodes[child].quality for child in visited.children]
        visited.quality = sum(qualities) / len(qualities)


def actions_on(node: Node, nodes: Sequence[Node]) -> tuple[Action, ...]:
    """The actions on the way to a node, in order."""
    taken = (nodes[number].action for number in node.way)
    return tuple(action for action in taken if action is not None)


def possible_actions(taken: Sequence[Action]) -> list[Action]:
    """The actions that may follow others, in the order of `ACTIONS`."""
    return [
        action
        for action in ACTIONS
        if NEEDS[action] <= {*taken} and (action == "detail" or taken.count(action) < MAX_TIMES)
    ]


def drawn_actions(taken: Sequence[Action], limits: SearchLimits, leaf: Node) -> list[Action]:
    """The actions that a leaf gets, in the order of `ACTIONS`: by weight, where not all."""
    left = possible_actions(taken)
    draw = random.Random(f"{limits.seed} {leaf.way}")  # noqa: S311 - no secret: the same each time
    drawn: list[Action] = []
    while left and len(drawn) < limits.branches:
        [action] = draw.choices(left, [WEIGHTS.get(action, 1) for action in left])
        left.remove(action)
        drawn.append(action)
    return sorted(drawn, key=ACTIONS.index)
