from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.decisions import DECIDED, decided, spanned, undone
from vidcurate.clips.reviews import (
    ClipReview,
    Revision,
    dependants,
    reviews_of,
    revision_of,
    revisions_of,
    standing,
)
from vidcurate.records import Decision, ReviewedSpan

CLIPS = st.sampled_from(["v-0-10", "v-10-20", "v-20-30"])
ACTIONS = st.sampled_from(["accept", "reject", "caption", "tags"])
SPANS = st.sampled_from([(0, 10), (10, 20), (20, 30), (0, 20), (5, 15)])


@st.composite
def steps(draw: st.DrawFn) -> list[Decision]:
    """Steps of one decision each, of all kinds but undo."""
    found: list[Decision] = []
    for number in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            words = draw(st.text(max_size=3))
            one = decided(draw(ACTIONS), draw(CLIPS), text=words, tags=tuple(words))
        else:
            one = spanned(draw(CLIPS), *draw(st.lists(SPANS, min_size=1, max_size=2)))
        found.append(replace(one, step=f"step {number}"))
    return found


def state(log: Sequence[Decision]) -> tuple[dict[str, ClipReview], Revision]:
    """All that a log comes to."""
    return reviews_of(log), revision_of(log)


@given(steps())
def test_undoing_the_last_step_gives_the_state_before_it(log: list[Decision]) -> None:
    """However often: each undoing takes back one more step."""
    undoings: list[Decision] = []
    for number in range(len(log) - 1, -1, -1):
        undoings.append(undone(log[number].step))
        assert state([*log, *undoings]) == state(log[:number])


@given(steps(), st.data())
def test_an_undone_step_is_as_if_it_had_never_been(
    log: list[Decision], data: st.DataObject
) -> None:
    """Wherever it stands; and an undoing that is undone leaves what there was."""
    if not log:
        return
    chosen = data.draw(st.sampled_from(log)).step
    undoing = undone(chosen)
    without = [decision for decision in log if decision.step != chosen]
    assert standing([*log, undoing]) == without
    assert standing([*log, undoing, undone(undoing.step)]) == log


@given(steps())
def test_what_stands_stands_by_itself(log: list[Decision]) -> None:
    """The decisions that stand come to the same as the log, and no replaced clip is a span."""
    assert state(standing(log)) == state(log)
    revision = revision_of(log)
    spans = {f"v-{span.start_pts}-{span.end_pts}" for span in revision.spans}
    assert not spans & revision.replaced
    assert list(revision.spans) == sorted(
        revision.spans, key=lambda span: (span.start_pts, span.end_pts)
    )


def test_the_latest_decision_of_each_kind_counts() -> None:
    """A verdict replaces an earlier one; captions and tags stay beside it until others come."""
    log = [
        decided("reject", reason="blurred"),
        decided("caption", text="a cat"),
        decided("tags", tags=("cat", "night")),
        decided("tags", tags=("cat",)),
        decided("accept", reviewer="ben"),
    ]
    assert reviews_of(log[:1])["v-0-10"].why_rejected == "review: blurred"
    assert reviews_of([decided("reject")])["v-0-10"].why_rejected == "review"
    assert reviews_of(log) == {
        "v-0-10": ClipReview("accept", None, "a cat", ("cat",), "ben", DECIDED)
    }
    assert reviews_of([*log, decided("caption", text="")])["v-0-10"].caption is None


def test_a_span_that_was_replaced_comes_back_when_it_is_made_again() -> None:
    """A clip nudged there and back is one clip, the first, and not a replaced one."""
    there = spanned("v-0-10", (1, 10))
    back = spanned("v-1-10", (0, 10))
    assert revision_of([there]) == Revision(frozenset({"v-0-10"}), (ReviewedSpan(1, 10),))
    assert revision_of([there, back]) == Revision(frozenset({"v-1-10"}), (ReviewedSpan(0, 10),))


def test_a_video_whose_changes_were_undone_has_an_empty_revision() -> None:
    """It is still listed, since its rows may show them; other videos are not."""
    log = [spanned("v-0-10", (1, 10)), replace(decided("accept"), video_id="w")]
    assert revisions_of([*log, undone(log[0].step)]) == {"v": Revision()}


def test_a_step_cannot_be_undone_before_those_that_rest_on_its_spans() -> None:
    """A verdict about a clip that a nudge made needs the nudge; one about another clip does not."""
    nudge = spanned("v-0-10", (1, 10))
    later = [decided("accept", "v-1-10"), decided("accept", "v-20-30")]
    assert list(dependants([nudge, *later], nudge.step)) == later[:1]
    assert list(dependants([nudge, *later, undone(later[0].step)], nudge.step)) == []


def test_a_clip_that_a_person_made_is_one_that_was_decided_about() -> None:
    """The new clip names its reviewer; the clip it replaces has no review by that."""
    assert reviews_of([spanned("v-0-10", (1, 10))]) == {
        "v-1-10": ClipReview(reviewer="ada", decided_at=DECIDED)
    }
