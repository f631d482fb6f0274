"""Reads JSON from a model: strictly, then with small repairs; checks it, and asks once more."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from vidcurate.captioning.prompts import fill_prompt, load_prompt
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    Part,
    answer_text,
)
from vidcurate.models.chat.output_text import without_thoughts

JSON_PROMPTS = ("json-form", "json-again")
"""The prompts that `ask_json` adds to a strategy's own; a strategy that uses it names them."""

# A string is matched whole, so that a comma inside one is let be.
TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
MAX_STARTS = 64  # brackets that are tried as the beginning of JSON: more is no answer
# Names under which models put a text that was asked for without any form, the likeliest first.
TEXT_NAMES = ("caption", "description", "text", "answer", "response", "detailed", "summary")
FENCED = re.compile(r"```[\w-]*\s*(\{.*\}|\[.*\])\s*```", re.DOTALL)
MAX_FAULT = 200  # characters of what is wrong, for the model and the user


def ask_json(
    parts: Sequence[Part],
    schema: Mapping[str, Any],
    max_tokens: int | None = None,
    bound: Mapping[str, Any] | None = None,
) -> Conversation[Any]:
    """Ask for JSON that follows a schema, and once more where the answer does not.

    The prompt contains the schema, since not every server can bind an answer to one; `bound` is
    what a server binds the model to, where that is not the whole schema. Raises MediaError for a
    refusal, and where the second answer cannot be used either.
    """
    form = fill_prompt(load_prompt("json-form"), {"schema": json.dumps(schema, ensure_ascii=False)})
    asked = (*parts, form)
    answer = yield ModelRequest(asked, bound or schema, max_tokens)
    text = answer_text(answer)
    try:
        return answer_value(answer, schema)
    except MediaError as error:
        again = asked_again(text, str(error))
    answer = yield ModelRequest((*asked, *again), bound or schema, max_tokens)
    return answer_value(answer, schema)


def asked_again(text: str, fault: str) -> tuple[str, str]:
    """The parts that ask for another answer than `text`, and say what is wrong with it."""
    again = fill_prompt(load_prompt("json-again"), {"fault": fault})
    return f"Your answer was:\n{text}", again


def answer_value(answer: Answer, schema: Mapping[str, Any]) -> Any:
    """The value in an answer.

    Raises MediaError that says what is wrong with it.
    """
    try:
        value = read_json(answer_text(answer))
    except MediaError as error:
        if answer.status == "truncated":
            cut = f", {answer.reason}" if answer.reason else ""
            raise MediaError(
                f"the answer was cut off at its longest{cut}: it must be shorter"
            ) from error
        raise
    fault = fault_in(value, schema)
    if fault:
        raise MediaError(f"the answer's JSON is of another form: {fault}")
    return value


def read_json(text: str) -> Any:
    """Read the JSON value in a model's answer.

    The whole text is read as JSON first. Where that fails, thoughts and commas before a closing
    bracket are removed, line ends inside strings are allowed, and the longest object or list in the
    text is taken (in a code fence, or after leading words). Raises MediaError where there is none,
    for NaN and infinities, which are not JSON, and for half a character (a lone surrogate), which
    no table can hold.
    """
    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        answer_only = without_thoughts(text)
        found = list(values_in(TRAILING_COMMA.sub(lambda m: m[1] or "", answer_only)))
        if not found:
            raise MediaError(f"the answer is not JSON: {text[:60]!r}") from None
        value = max(found, key=lambda pair: pair[0])[1]
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise MediaError("the answer's JSON holds half a character") from None
    return value


def plain_text(text: str) -> str | None:
    """The text itself, or the text inside the JSON that a model put around it.

    None where the JSON holds no text, or several of which none has a known name.
    """
    fenced = FENCED.search(text)
    inside = fenced[1] if fenced else text.strip()
    if inside[:1] not in ("{", "["):
        return text
    try:
        value = json.loads(inside, strict=False, parse_constant=refuse)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return value.strip() or None
    if not isinstance(value, dict):
        return None
    texts = {str(k).lower(): v.strip() for k, v in value.items() if isinstance(v, str)}
    named = [texts[name] for name in TEXT_NAMES if texts.get(name)]
    only = [text for text in texts.values() if text] if len(value) == 1 else []
    return next(iter(named or only), None)


def refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads but JSON does not have."""
    raise ValueError(f"{constant} is not JSON")


def values_in(text: str) -> Iterator[tuple[int, Any]]:
    """The objects and lists inside a text, each with its length there."""
    decoder = json.JSONDecoder(strict=False, parse_constant=refuse)
    end = 0
    starts = [match.start() for match in re.finditer(r"[\[{]", text)]
    n_tried = 0
    for start in starts:
        if start < end or n_tried == MAX_STARTS:
            continue
        n_tried += 1
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        yield end - start, value


def fault_in(value: Any, schema: Mapping[str, Any]) -> str | None:
    """What in a value breaks a JSON schema (draft 2020-12), in one line; None if nothing does."""
    import jsonschema  # noqa: PLC0415 - a tenth of a second, which only a run needs
    from referencing import Registry  # noqa: PLC0415 - same

    # An empty registry: a schema that refers to an address on the net must not make us call there.
    validator = jsonschema.Draft202012Validator(schema, registry=Registry())
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is None:
        return None
    line = " ".join(f"{error.json_path}: {error.message}".split())
    return line if len(line) <= MAX_FAULT else f"{line[:MAX_FAULT]}…"
