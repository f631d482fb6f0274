import pytest

from vidcurate.captioning.quality.keypoint_search import (
    Action,
    Expansion,
    Node,
    NodeValue,
    NoValue,
    SearchLimits,
    drawn_actions,
    possible_actions,
    search,
)

ALL = 6  # as many branches as there are actions, so that nothing is drawn
VALUES: dict[str, NodeValue] = {
    "overall": NodeValue(1.0, 0.0),  # quality 1
    "overall overall": NodeValue(1.0, 1.0),  # 0.9
    "overall time": NodeValue(0.0, 0.0),  # 0.5
    "overall space": NodeValue(1.0, 0.5),  # 0.9487
    "overall background": NodeValue(0.5, 0.0),  # 0.7071
}


def run(limits: SearchLimits, *outcomes: NoValue) -> tuple[list[Node], list[Expansion]]:
    """The nodes of a search, and what it asked; the outcomes replace the last values."""
    tree, asked = search(limits), []
    actions: dict[tuple[int, ...], str] = {(0,): ""}
    values: list[NodeValue | NoValue] = []
    try:
        expansion = next(tree)
        while True:
            asked.append(expansion)
            way = f"{actions[expansion.way]} {expansion.action}".strip()
            value: NodeValue | NoValue = VALUES.get(way, NodeValue(0.0, 0.0))
            if len(asked) <= len(outcomes):
                value = outcomes[len(asked) - 1]
            if isinstance(value, NodeValue):
                n_nodes = 1 + sum(isinstance(v, NodeValue) for v in values)
                actions[*expansion.way, n_nodes] = way
            values.append(value)
            expansion = tree.send(value)
    except StopIteration as end:
        return list(end.value), asked


def asked_for(expansions: list[Expansion]) -> list[tuple[int, str]]:
    """The node and the action of each expansion."""
    return [(expansion.way[-1], expansion.action) for expansion in expansions]


def test_the_leaf_with_the_highest_value_is_expanded() -> None:
    """Three rounds by hand: the root, the only answer, then space with 0.9487 + 0.125."""
    nodes, asked = run(SearchLimits(3, ALL, "seed"))
    assert asked_for(asked) == [
        (0, "overall"),
        *((1, action) for action in ("overall", "time", "space", "background")),
        *((4, action) for action in ("overall", "time", "space", "background")),
    ]
    assert [expansion.rollout for expansion in asked] == [0, *[1] * 4, *[2] * 4]
    assert [node.visits for node in nodes] == [3, 2, 0, 0, 1, *[0] * 5]
    # What lies below space is worth 0.5 each, and its parents take the means.
    assert [node.quality for node in nodes[4:]] == pytest.approx([0.5, 0.70711, *[0.5] * 4], 1e-4)
    below = (0.9 + 0.5 + 0.5 + 0.5**0.5) / 4
    assert nodes[1].quality == nodes[0].quality == pytest.approx(below)


def test_children_of_what_was_expanded_compete_with_its_neighbours() -> None:
    """The fourth round goes to the second overall: 0.9 + 0.125 * sqrt(2) is above 0.5 + 0.125."""
    nodes, asked = run(SearchLimits(4, ALL, "seed"))
    assert asked_for(asked)[9:] == [(2, "time"), (2, "space"), (2, "background")]
    assert [node.visits for node in nodes[:5]] == [4, 3, 1, 0, 1]


def test_with_one_branch_the_search_is_a_chain() -> None:
    """As in the published code, each answer has one successor."""
    nodes, asked = run(SearchLimits(12, 1, "seed"))
    assert [expansion.way for expansion in asked] == [tuple(range(n + 1)) for n in range(12)]
    assert [node.visits for node in nodes] == [*range(12, -1, -1)]


def test_an_action_has_its_conditions() -> None:
    """Details need time, space and background, the camera a detail; all but details come twice."""
    first: list[Action] = ["overall", "time", "space", "background"]
    assert possible_actions([]) == ["overall"]
    assert possible_actions(["overall", "time", "time"]) == ["overall", "space", "background"]
    assert possible_actions(first) == ["overall", "detail", "time", "space", "background"]
    assert "camera" in possible_actions([*first, "detail"])
    assert possible_actions([*first * 2, "detail", "detail", "camera", "camera"]) == ["detail"]


def test_details_are_drawn_twice_as_often() -> None:
    """Of five possible actions the detail is drawn with 2/6, the others with 1/6 each."""
    taken: list[Action] = ["overall", "time", "space", "background"]
    leaf = Node((0, 1), "background", 1.0)
    drawn = [
        action
        for number in range(3000)
        for action in drawn_actions(taken, SearchLimits(1, 1, f"clip {number}"), leaf)
    ]
    assert drawn.count("detail") / len(drawn) == pytest.approx(2 / 6, abs=0.03)
    assert drawn.count("time") / len(drawn) == pytest.approx(1 / 6, abs=0.03)


def test_the_same_seed_asks_the_same() -> None:
    """Two searches of one clip are equal; another clip's is another."""
    one, other = SearchLimits(25, 2, "clip"), SearchLimits(25, 2, "another")
    assert run(one) == run(one)
    assert asked_for(run(one)[1]) != asked_for(run(other)[1])


def test_what_failed_leaves_no_node_and_the_search_goes_on() -> None:
    """A leaf without answers is closed; where no leaf is left, the search is at its end."""
    nodes, asked = run(SearchLimits(25, ALL, "seed"), NoValue.FAILED)
    assert (len(nodes), len(asked)) == (1, 1)
    assert nodes[0].visits == 0


def test_a_spent_budget_ends_the_search() -> None:
    """The first expansion that cannot be paid is the last that is asked for."""
    nodes, asked = run(SearchLimits(25, ALL, "seed"), NoValue.SPENT)
    assert (len(nodes), len(asked)) == (1, 1)
