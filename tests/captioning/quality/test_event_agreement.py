import json
from collections.abc import Iterator

import pytest

from vidcurate.captioning.quality.event_agreement import EventAgreement, compare_events
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Answer, ModelRequest, Outcome, run_conversation

CAPTION = "A man walks and a dog barks."
REFERENCE = "A man walks, sits down and sings."
ITEMS = {
    CAPTION: ["A man walks", "A dog barks"],
    REFERENCE: ["A man walks", "A man sits down", "A man sings"],
}


def text_of(request: ModelRequest) -> str:
    """The words of a request."""
    return "\n".join(part for part in request.parts if isinstance(part, str))


def reader(request: ModelRequest) -> Outcome:
    """A model that lists the items of a text, and entails those in both texts."""
    words = text_of(request)
    numbered = [line.partition(". ")[2] for line in words.splitlines() if line[:1].isdigit()]
    if numbered:
        text = CAPTION if CAPTION in words else REFERENCE
        verdicts = ["entailed" if item in ITEMS[text] else "neutral" for item in numbered]
        return json_reply({"verdicts": verdicts})
    return json_reply({"items": ITEMS[CAPTION if CAPTION in words else REFERENCE]})


def json_reply(value: object) -> Answer:
    """An answer that holds JSON."""
    return Answer(json.dumps(value), "ok", "m", 1, 1, 0.0)


def test_completeness_and_precision_count_entailed_events() -> None:
    """One of three reference events is in the caption, one of its two is in the reference."""
    result = run_conversation(compare_events(CAPTION, REFERENCE), reader)
    assert isinstance(result, EventAgreement)
    assert result.completeness == pytest.approx(1 / 3)
    assert result.precision == pytest.approx(1 / 2)
    assert result.f1 == pytest.approx(0.4)
    assert result.caption.verdicts == ("entailed", "neutral")


def test_both_kinds_are_requested_of_both_texts() -> None:
    """With details as well as events each text is divided twice and checked once."""
    requests: list[ModelRequest] = []

    def note(request: ModelRequest) -> Outcome:
        requests.append(request)
        return reader(request)

    result = run_conversation(compare_events(CAPTION, REFERENCE, ("events", "looks")), note)
    assert isinstance(result, EventAgreement)
    assert len(requests) == 6
    assert len(result.reference.items) == 6


def test_texts_without_events_have_no_score() -> None:
    """Where nothing happens nothing is judged, and no share is made up."""
    result = run_conversation(
        compare_events(CAPTION, REFERENCE), lambda _ask: json_reply({"items": []})
    )
    assert isinstance(result, EventAgreement)
    assert (result.completeness, result.precision, result.f1) == (None, None, None)


def test_a_model_that_judges_some_only_is_an_error() -> None:
    """Verdicts that do not go with the items, twice, fail the comparison with the reason."""
    answers: Iterator[object] = iter([ITEMS[REFERENCE], ITEMS[CAPTION]])

    def short(_ask: ModelRequest) -> Outcome:
        items = next(answers, None)
        return json_reply({"verdicts": ["entailed"]} if items is None else {"items": items})

    result = run_conversation(compare_events(CAPTION, REFERENCE), short)
    assert isinstance(result, MediaError)
    assert "verdicts" in str(result)
