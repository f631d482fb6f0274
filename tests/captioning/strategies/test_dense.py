import json
from typing import Any

import pytest

from tests.support.conversations import Model, caption_by, reply
from vidcurate.captioning.strategies.dense import EVENTS
from vidcurate.captioning.text.json_answer import fault_in
from vidcurate.errors import MediaError


def events(*spans: tuple[Any, Any, str]) -> str:
    """An answer with these events."""
    named = [{"start_s": a, "end_s": b, "text": text} for a, b, text in spans]
    return json.dumps({"events": named})


def test_events_are_in_time_order() -> None:
    """The text is one line an event, the list holds seconds; events may overlap."""
    answer = events((2, 4, "It  rains."), (0.5, 3.25, "A hare runs"))
    result = caption_by(Model([reply(answer)]), strategy="dense")
    assert result.text == "0.5 to 3.2 s: A hare runs.\n2.0 to 4.0 s: It rains."
    assert result.structured == [
        {"start_s": 0.5, "end_s": 3.25, "text": "A hare runs"},
        {"start_s": 2.0, "end_s": 4.0, "text": "It rains."},
    ]
    assert result.repairs == ()


def test_what_reaches_beyond_the_clip_is_cut() -> None:
    """Times before the clip and after it become its own, which is noted."""
    result = caption_by(
        Model([reply(events((-1, 99, "It rains."), (10**400, 1, "x")))]), strategy="dense"
    )
    assert result.structured == [{"start_s": 0.0, "end_s": 4.0, "text": "It rains."}]
    assert len(result.repairs) == 2
    assert result.repairs[0] == "event cut to the clip: -1 to 99 s, 'It rains.'"
    assert result.repairs[1].startswith("event dropped: 100000000000 to 1 s")


@pytest.mark.parametrize("span", [(5, 9, "late"), (2, 2, "no time"), (3, 1, "back"), (0, 4, " ")])
def test_unusable_events_are_dropped(span: tuple[float, float, str]) -> None:
    """What lies outside, lasts no time, runs backwards or says nothing goes, and is noted."""
    result = caption_by(Model([reply(events(span, (0, 1, "A hare sits.")))]), strategy="dense")
    assert [e["text"] for e in result.structured] == ["A hare sits."]
    assert "dropped" in result.repairs[0]
    with pytest.raises(MediaError, match=r"no event inside the clip.*dropped"):
        caption_by(Model([reply(events(span))]), strategy="dense")


@pytest.mark.parametrize(
    "answer",
    ["[]", '{"events": "none"}', events(("0:01", "0:02", "x")), events((True, 2, "x")), "words"],
)
def test_another_form_is_requested_once_more(answer: str) -> None:
    """Times that are no numbers and lists that are none are refused; then the row fails."""
    result = caption_by(Model([reply(answer), reply(events((0, 1, "A hare.")))]), strategy="dense")
    assert result.text == "0.0 to 1.0 s: A hare."
    with pytest.raises(MediaError):
        caption_by(Model([reply(answer)] * 2), strategy="dense")


def test_no_event_is_an_error() -> None:
    """A clip without any event has no caption."""
    with pytest.raises(MediaError, match="named no event"):
        caption_by(Model([reply(events())]), strategy="dense")
    assert fault_in({"events": []}, dict(EVENTS)) is None
