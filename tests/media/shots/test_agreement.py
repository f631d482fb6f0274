import pytest

from vidcurate.media.shots.agreement import merge_agreeing
from vidcurate.media.shots.recording import Hit


def hit(last: int, first: int, confidence: float, detector: str, kind: str = "cut") -> Hit:
    """A transition of one detector."""
    return Hit(last, first, confidence, kind, detector)


def test_agreement_is_surer_and_keeps_the_first_span() -> None:
    """A dissolve and a cut within it are one: the dissolve, wrong only if both are."""
    [found] = merge_agreeing([hit(10, 20, 0.8, "a", "dissolve")], [hit(14, 15, 0.6, "b")], 2)
    assert (found.last, found.first, found.kind, found.detector) == (10, 20, "dissolve", "a+b")
    assert found.confidence == pytest.approx(0.92)


def test_what_one_found_is_half_as_sure() -> None:
    """Cuts that only one detector found are kept in time order, at half their confidence."""
    found = merge_agreeing(
        [hit(50, 51, 0.8, "a")], [hit(9, 10, 0.6, "b"), hit(90, 91, 0.5, "b")], 2
    )
    assert [(one.first, one.detector, one.confidence) for one in found] == [
        (10, "b", 0.3),
        (51, "a", 0.4),
        (91, "b", 0.25),
    ]


@pytest.mark.parametrize(("tolerance", "n_found"), [(0, 2), (1, 2), (2, 1)])
def test_tolerance_counts_frames_between_spans(tolerance: int, n_found: int) -> None:
    """Cuts three frames apart, spans two, are one from a tolerance of two frames on."""
    ours, theirs = [hit(9, 10, 0.8, "a")], [hit(12, 13, 0.8, "b")]
    assert len(merge_agreeing(ours, theirs, tolerance)) == n_found
    assert len(merge_agreeing(theirs, ours, tolerance)) == n_found


def test_several_in_one_span_are_one() -> None:
    """All that one detector finds within the other's transition backs it; the surest counts."""
    cuts = [hit(11, 12, 0.5, "b"), hit(15, 16, 0.9, "b")]
    [found] = merge_agreeing([hit(10, 20, 0.5, "a")], cuts, 0)
    assert found.confidence == pytest.approx(0.95)


def test_nothing_to_agree_on() -> None:
    """Two detectors that find nothing agree on nothing."""
    assert merge_agreeing([], [], 2) == []
