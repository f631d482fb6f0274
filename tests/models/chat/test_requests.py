from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.chat_bench import opened
from tests.support.chat_server import Script
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Answer, Conversation, ModelRequest

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def conversation() -> Conversation[Answer]:
    """One request for JSON."""
    answer = yield ModelRequest(("How many?",), SCHEMA)
    return answer


def asked(script: Script, n: int = 1, **changes: object) -> list[Answer | MediaError]:
    """What so many requests for JSON come to."""
    conversations: Iterator[Conversation[Answer]] = (conversation() for _ in range(n))
    return list(opened(script, **changes).converse(conversations))


def forms(script: Script) -> list[Any]:
    """The form that each request asked for."""
    return [body.get("response_format") for body in script.bodies]


def refusing(script: Script, words: str, status: int = 400) -> None:
    """Let the server refuse every request that has a form, with these words."""
    script.refuse = lambda body: (status, words) if "response_format" in body else None


def test_a_schema_is_sent_where_there_is_one(script: Script) -> None:
    """The server must bind the answer; a request without a schema does not mention one."""
    asked(script)
    [form] = forms(script)
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"] == SCHEMA
    assert form["json_schema"]["strict"] is True
    opened(script).ask(ModelRequest(("Describe.",)))
    assert forms(script)[1] is None


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_without_schemas_gets_the_schema_in_words(script: Script, status: int) -> None:
    """When it knows no response_format, it is asked for any JSON, then in words from then on."""
    refusing(script, "Unexpected fields: {'response_format'}", status)
    answers = asked(script, 3, max_retries=0)
    assert all(isinstance(answer, Answer) for answer in answers)
    form_types = [form and form["type"] for form in forms(script)]
    assert form_types == ["json_schema", "json_object", None, None, None]


def test_insisting_on_the_schema_is_an_error_with_a_remedy(script: Script) -> None:
    """With `schema` the refusal is the row's failure; with `prompt` no schema is ever sent."""
    refusing(script, "response_format is not supported")
    [error] = asked(script, structured_output="schema", max_retries=0)
    assert "response_format is not supported" in str(error)
    [answer] = asked(script, structured_output="prompt")
    assert isinstance(answer, Answer)
    assert forms(script)[-1] is None


def test_another_refusal_is_no_want_of_schemas(script: Script) -> None:
    """A 400 that speaks of something else fails the row, and schemas are sent as before."""
    refusing(script, "the picture is too large")
    errors = asked(script, 2, max_retries=0)
    assert all(isinstance(error, MediaError) for error in errors)
    assert None not in forms(script)
