from types import ModuleType

import pytest

from scripts.benchmarks import score_cuts as score_cuts_script


@pytest.fixture(scope="module")
def score_cuts() -> ModuleType:
    """The script as a module."""
    return score_cuts_script


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (97, 98, False),
        (98, 99, True),
        (112, 113, True),
        (113, 114, False),
        (80, 99, True),
        (105, 140, True),
        (60, 140, True),
    ],
)
def test_spans_that_overlap_match(
    score_cuts: ModuleType, start: int, end: int, found: bool
) -> None:
    """One that overlaps a transition from 100 to 111, or has one frame between, matches it."""
    truth = [score_cuts.Passage(100, 111, "dissolve")]
    assert (score_cuts.matched(truth, [score_cuts.Passage(start, end, "cut")]) == {0: 0}) is found


def test_a_cut_may_be_two_frames_off(score_cuts: ModuleType) -> None:
    """A hard cut told three frames early or late is another one."""
    cut = score_cuts.Passage(49, 50, "cut")
    met = [n for n in range(40, 60) if cut.meets(score_cuts.Passage(n - 1, n, "cut"))]
    assert met == [48, 49, 50, 51, 52]


def test_each_counts_once(score_cuts: ModuleType) -> None:
    """Two found at one transition are one right and one wrong; each serves one transition."""
    cuts = [score_cuts.Passage(n - 1, n, "cut") for n in (50, 52)]
    found = [score_cuts.Passage(n - 1, n, "cut") for n in (51, 53)]
    assert score_cuts.matched(cuts, found) == {0: 0, 1: 1}
    assert score_cuts.matched(cuts[:1], found[::-1]) == {0: 1}
    score = score_cuts.Score()
    wrong = score.add(cuts[:1], [score_cuts.Passage(n - 1, n, "cut") for n in (50, 51)])
    assert [one.end for one in wrong] == [51]
    assert (score.precision, score.recall) == (0.5, 1.0)
    assert score.f1 == pytest.approx(2 / 3)


def test_position_errors_are_of_hard_cuts(score_cuts: ModuleType) -> None:
    """A hard cut found one frame late is an error of 1; a gradual one's ends count apart."""
    score = score_cuts.Score()
    truth = [score_cuts.Passage(49, 50, "jump"), score_cuts.Passage(100, 110, "whip")]
    found = [score_cuts.Passage(50, 51, "cut"), score_cuts.Passage(101, 108, "wipe")]
    assert score.add(truth, found) == []
    assert (score.errors, score.off_ends, score.named) == ([1], [1, 2], 2)


def test_reliability_is_the_share_right(score_cuts: ModuleType) -> None:
    """Of two found with a confidence of about 0.6, one of them right, half are right."""
    score = score_cuts.Score()
    score.verdicts = [(0.55, True), (0.65, False), (0.99, True)]
    lines = score_cuts.reliability(score).splitlines()[1:]
    assert [line.split()[-3:] for line in lines] == [
        ["2", "0.600", "0.500"],
        ["1", "0.990", "1.000"],
    ]
