import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.conversations import Model, reply
from vidcurate.captioning.text.json_answer import ask_json, fault_in, read_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Outcome, run_conversation

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 1}',
        ' \n{"n": 1}\n',
        '```json\n{"n": 1}\n```',
        'Here it is:\n```\n{"n": 1,}\n```\nI hope it helps {really}.',
        'Sure! [see below] {"n": 1} and that is all',
        '<think>{"n": 2, "draft": "longer than the answer itself"}</think>\n{"n": 1}',
        '[1] is a list, but {"n": 1, } is longer',
    ],
)
def test_small_faults_are_repaired(text: str) -> None:
    """Fences, words around, thoughts and trailing commas do not keep a value from being read."""
    assert read_json(text) == {"n": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "x, }", "b": [1, 2,],}', {"a": "x, }", "b": [1, 2]}),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}),
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('"only a word"', "only a word"),
        ('{"a": "say \\"hi\\", ]"}', {"a": 'say "hi", ]'}),
    ],
)
def test_what_is_inside_strings_stays(text: str, value: Any) -> None:
    """Repairs touch no string, and nothing that is right as it is."""
    assert read_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot say.",
        '{"n": 1',
        '{"n": }',
        "{'n': 1}",
        '{"n": NaN}',
        '{"n": Infinity}',
        "__import__('os')",
        '{"n": "\\ud800"}',
        "[" * 200_000,
        "{" * 200_000,
        '{"n": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_json_is_named(text: str) -> None:
    """Text that holds no whole value, or one that JSON or tables have not, is an error."""
    with pytest.raises(MediaError, match="JSON"):
        read_json(text)


def test_a_fault_names_its_place() -> None:
    """What breaks the schema is named with its path, in one short line."""
    assert fault_in({"n": 1}, SCHEMA) is None
    assert "$.n" in str(fault_in({"n": "one"}, SCHEMA))
    assert "'n' is a required" in str(fault_in({}, SCHEMA))
    fault = str(fault_in(["long\n" * 1000], SCHEMA))
    assert len(fault) < 250
    assert "\n" not in fault


def test_a_schema_calls_no_address() -> None:
    """A reference to the net is an error, and nothing is fetched."""
    with pytest.raises(Exception, match=r"example\.invalid"):
        fault_in(1, {"$ref": "https://example.invalid/schema.json"})


def asked(outcomes: Sequence[Outcome]) -> tuple[Any, Model]:
    """What asking for JSON comes to, and the model that was asked."""
    model = Model(outcomes)
    return run_conversation(ask_json(("What?",), SCHEMA, 77), model.ask), model


def test_the_schema_goes_with_the_request() -> None:
    """A good first answer ends it; the request holds the schema as such and in words."""
    value, model = asked([reply('{"n": 4}')])
    assert value == {"n": 4}
    [request] = model.requests
    assert (request.schema, request.max_tokens, request.parts[0]) == (SCHEMA, 77, "What?")
    assert json.dumps(SCHEMA) in str(request.parts[-1])


@pytest.mark.parametrize(
    ("first", "fault"), [("no idea", "not JSON"), ('{"n": "four"}', "another form"), ("{}", "'n'")]
)
def test_a_bad_answer_is_requested_once_more(first: str, fault: str) -> None:
    """The second request holds the bad answer and what is wrong with it."""
    value, model = asked([reply(first), reply('{"n": 4}')])
    assert value == {"n": 4}
    *before, quoted, again = model.requests[1].parts
    assert tuple(before) == model.requests[0].parts
    assert first in str(quoted)
    assert fault in str(again)


def test_two_bad_answers_are_an_error() -> None:
    """After the second bad answer the reason is raised without a third request."""
    error, model = asked([reply("no"), reply("still no")])
    assert isinstance(error, MediaError)
    assert "'still no'" in str(error)
    assert len(model.requests) == 2


def test_a_cut_answer_must_be_shorter() -> None:
    """JSON that ran out of tokens is named as such."""
    value, model = asked([reply('{"n": 4', "truncated"), reply('{"n": 4}')])
    assert value == {"n": 4}
    assert "shorter" in str(model.requests[1].parts[-1])


@pytest.mark.parametrize("status", ["refused", "empty"])
def test_a_refusal_is_not_requested_again(status: Any) -> None:
    """A model that would not answer is let be."""
    error, model = asked([reply("I cannot.", status)])
    assert isinstance(error, MediaError)
    assert status in str(error)
    assert len(model.requests) == 1
