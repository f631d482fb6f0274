"""The form of a structured caption: a JSON schema in YAML, checked before anything runs.

The package's own forms are `clip`, with the parts of several data sets; `koala`, the six parts of
Koala-36M and a caption of 150 to 250 words; `vdc`, the five texts of AuroraCap's VDC; and
`skyreels`, the fields of SkyCaptioner-V1 and its words for shots, with a caption besides.

A form may use these words of JSON Schema: `type` (object, array, string, number, integer, boolean),
`description`, `title`, `properties`, `items`, `enum`, and those that bound a value: `required`,
`minItems`, `maxItems`, `uniqueItems`, `minLength`, `maxLength`, `pattern`, `minimum`, `maximum`,
`exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `additionalProperties`. The prompt shows all
of them, and answers are checked against them. `minWords` and `maxWords` of a string are a wish: a
text outside is asked for once more, and then taken as it is. A server that binds the model gets
only what every such server supports: types, descriptions, fields, items and choices, with all
fields required and no others. The form is an object with a string `caption`, which becomes the
clip's text; a string `short_caption` becomes the short text. The field `camera` is compared with
the measured movement.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from vidcurate.captioning.prompts import HASH_DIGITS, Prompt
from vidcurate.captioning.text.agreement import words_in
from vidcurate.captioning.text.json_answer import fault_in
from vidcurate.errors import UsageError

FIELD: Mapping[str, Any] = {"$ref": "#/$defs/field"}
FIELDS = {"type": "object", "minProperties": 1, "additionalProperties": FIELD}
TEXT = {"properties": {"type": {"const": "string"}}}
COUNT = {"type": "integer", "minimum": 0}
NUMBER = {"type": "number"}
# Which words go with which types.
OF_KIND: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("object",): ("properties", "required", "additionalProperties"),
    ("array",): ("items", "minItems", "maxItems", "uniqueItems"),
    ("string",): ("minLength", "maxLength", "pattern", "minWords", "maxWords"),
    ("number", "integer"): (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    ),
    ("string", "number", "integer"): ("enum",),
}
# What all servers that bind a model to a schema support.
BOUND = ("type", "description", "title", "enum")
DEFAULT_FORM = "clip"
# What a form is, as a schema itself: each type of field with what it must and may have.
FORM: Mapping[str, Any] = {
    "$defs": {
        "field": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"enum": ["object", "array", "string", "number", "integer", "boolean"]},
                "description": {"type": "string"},
                "properties": FIELDS,
                "items": FIELD,
                "enum": {"type": "array", "minItems": 1},
                "title": {"type": "string"},
                "required": {"type": "array", "items": {"type": "string"}},
                "additionalProperties": {"type": "boolean"},
                "minItems": COUNT,
                "maxItems": COUNT,
                "uniqueItems": {"type": "boolean"},
                "minLength": COUNT,
                "maxLength": COUNT,
                "minWords": COUNT,
                "maxWords": COUNT,
                "pattern": {"type": "string", "format": "regex"},
                "minimum": NUMBER,
                "maximum": NUMBER,
                "exclusiveMinimum": NUMBER,
                "exclusiveMaximum": NUMBER,
                "multipleOf": {"type": "number", "exclusiveMinimum": 0},
            },
            "additionalProperties": False,
            "dependentSchemas": {
                word: {"properties": {"type": {"enum": list(kinds)}}}
                for kinds, words in OF_KIND.items()
                for word in words
            },
            "allOf": [
                {"if": {"properties": {"type": {"const": kind}}}, "then": {"required": [needed]}}
                for kind, needed in (("object", "properties"), ("array", "items"))
            ],
        }
    },
    **FIELD,
    "properties": {
        "type": {"const": "object"},
        "properties": {
            "required": ["caption"],
            "properties": {"caption": TEXT, "short_caption": TEXT},
        },
    },
}


def form_names() -> tuple[str, ...]:
    """The names of the forms that come with the package."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))


def load_form(name_or_path: str) -> Prompt:
    """Load a form of the package by its name, or a user's form by the path of a YAML file.

    The form is `clip` if the name is empty. Raises UsageError, with the field at fault, for a file
    that cannot be read or is not a form.
    """
    name = name_or_path or DEFAULT_FORM
    try:
        is_own = name in form_names()
        file = resources.files(__name__) / f"{name}.yaml" if is_own else Path(name)
        text = file.read_text(encoding="utf-8")
        fault = fault_in(yaml.safe_load(text), FORM)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            f"cannot read the form {name!r} ({reason}): give the path of a YAML file or one of "
            f"{', '.join(form_names())}"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UsageError(f"the form {name!r}{line} is not valid YAML: {problem}") from None
    except RecursionError:
        raise UsageError(f"the form {name!r} has an alias that holds itself") from None
    fault = fault or unknown_field(yaml.safe_load(text), "$")
    if fault:
        raise UsageError(f"the form {name!r} cannot be used: {fault}")
    return Prompt(text, hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS])


def unknown_field(field: Mapping[str, Any], at: str) -> str | None:
    """The first required field that does not exist, with its path; None if all exist."""
    below = field.get("properties", {})
    for name in field.get("required", ()):
        if name not in below:
            return f"{at}.required: there is no field {name!r}"
    if at == "$" and "caption" not in field.get("required", ("caption",)):
        return "$.required: 'caption' must be among them"
    places = {f"{at}.properties.{name}": inner for name, inner in below.items()}
    if "items" in field:
        places[f"{at}.items"] = field["items"]
    return next((f for place, inner in places.items() if (f := unknown_field(inner, place))), None)


@lru_cache(maxsize=4)
def schema_of(form: str) -> Any:
    """The JSON schema of a form, which answers are checked against."""
    return with_all_fields(yaml.safe_load(form))


@lru_cache(maxsize=4)
def bound_schema_of(form: str) -> Any:
    """The part of the schema that servers bind the model to."""
    return common_schema(yaml.safe_load(form))


def with_all_fields(field: Mapping[str, Any]) -> dict[str, Any]:
    """A field in which all parts are required and no others allowed, unless it says otherwise."""
    schema = dict(field)
    if "items" in field:
        schema["items"] = with_all_fields(field["items"])
    if "properties" in field:
        schema["properties"] = {
            name: with_all_fields(below) for name, below in field["properties"].items()
        }
        schema.setdefault("required", list(field["properties"]))
        schema.setdefault("additionalProperties", False)
    return schema


def common_schema(field: Mapping[str, Any]) -> dict[str, Any]:
    """A field in the words that every server supports, with all parts required."""
    schema = {word: field[word] for word in BOUND if word in field}
    if "items" in field:
        schema["items"] = common_schema(field["items"])
    if "properties" in field:
        schema["properties"] = {
            name: common_schema(below) for name, below in field["properties"].items()
        }
        schema |= {"required": list(field["properties"]), "additionalProperties": False}
    return schema


def word_faults(value: Any, field: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """The texts of a filled form that have fewer or more words than the form wishes.

    Words are counted as `judge` counts them: in scripts without spaces, each letter is one.
    """
    if isinstance(value, dict):
        for name, below in field.get("properties", {}).items():
            yield from word_faults(value.get(name), below, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from word_faults(inner, field.get("items", {}), f"{at} {number}")
    elif isinstance(value, str):
        least, most = field.get("minWords", 0), field.get("maxWords")
        n_words = len(words_in(value))
        if n_words < least or (most is not None and n_words > most):
            wished = f"at least {least}" if most is None else f"{least} to {most}"
            yield f"{at} has {n_words} words, not {wished}"
