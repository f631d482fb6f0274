from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.support.conversations import Model, reply
from vidcurate.captioning.strategies.merging import Merged, as_lines, in_groups, merge
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import ModelRequest, Outcome, run_conversation
from vidcurate.records import SpanText

NOTES = [SpanText(float(n), float(n), f"note {n} " + "x" * 40) for n in range(20)]


def merged(notes: Sequence[SpanText], max_chars: int, outcomes: Sequence[Outcome]) -> object:
    """What merging comes to with these answers."""
    return run_conversation(merge(notes, max_chars, str), Model(outcomes).ask)


def test_few_notes_take_one_request() -> None:
    """Notes that fit are shown together, one a line after their times."""
    model = Model([reply("all", "truncated")])
    assert run_conversation(merge(NOTES[:2], 1000, str), model.ask) == Merged(
        "all", "truncated", ()
    )
    assert model.texts() == [as_lines(NOTES[:2])]
    assert model.texts()[0].startswith("0.0 s: note 0")


def test_many_notes_are_merged_in_steps() -> None:
    """No request is longer than allowed, each note is shown, and what follows has their times."""
    shown: list[str] = []

    def answer(request: ModelRequest) -> Outcome:
        shown.append(str(request.parts[0]))
        return reply(f"sum {len(shown)}")

    result = run_conversation(merge(NOTES, 300, str), answer)
    assert isinstance(result, Merged)
    assert result.text == f"sum {len(shown)}"
    assert all(len(text) <= 300 for text in shown)
    assert all(any(f"note {n} " in text for text in shown) for n in range(20))
    assert shown[-1].splitlines()[0].startswith("0.0 to ")
    assert " to 19.0 s: sum" in shown[-1]


def test_a_group_that_fails_leaves_a_gap() -> None:
    """The rest is merged all the same, and the gap is named with its times."""
    groups = in_groups(NOTES, 300)
    outcomes: list[Outcome] = [reply("ok")] * (len(groups) + 1)
    outcomes[1] = MediaError("no answer")
    result = merged(NOTES, 300, outcomes)
    assert isinstance(result, Merged)
    first, last = groups[1][0].start_s, groups[1][-1].end_s
    assert result.gaps == (f"{first:.1f} to {last:.1f} s is missing: no answer",)


def test_nothing_left_is_an_error() -> None:
    """Where all groups fail, or the last request, there is no text."""
    down: list[Outcome] = [MediaError("down")] * 20
    assert "down" in str(merged(NOTES, 300, down))
    refused = merged(NOTES[:2], 300, [reply("", "refused")])
    assert isinstance(refused, MediaError)


@given(
    texts=st.lists(st.text(max_size=900), min_size=2, max_size=30),
    max_chars=st.integers(500, 1500),
)
def test_groups_hold_all_notes_and_grow_fewer(texts: list[str], max_chars: int) -> None:
    """Each note is in one group, in order; lists are short enough; two fit, so that it ends."""
    notes = [SpanText(n, n + 1, text) for n, text in enumerate(texts)]
    groups = in_groups(notes, max_chars)
    assert [n.start_s for group in groups for n in group] == [n.start_s for n in notes]
    assert all(len(as_lines(group)) <= max_chars for group in groups)
    assert all(len(group) > 1 for group in groups[:-1])
