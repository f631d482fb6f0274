"""The form that a structured caption fills in: a JSON schema in YAML, checked before anything runs.

Of JSON Schema a form may use `type` (object, array, string, number, integer, boolean),
`description`, `properties`, `items` and, for strings, `enum`; every field must be filled in, as
servers that bind a model to a schema want it. The form is an object with a string `caption`, which
becomes the clip's text; a string `short_caption` becomes the short one. What stands in `camera` is
held against the measured movement.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from vidcurate.captioning.json_answer import fault_in
from vidcurate.captioning.prompts import HASH_DIGITS, Prompt
from vidcurate.errors import UsageError

FIELD: Mapping[str, Any] = {"$ref": "#/$defs/field"}
FIELDS = {"type": "object", "minProperties": 1, "additionalProperties": FIELD}
TEXT = {"properties": {"type": {"const": "string"}}}
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
                "enum": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            },
            "additionalProperties": False,
            "dependentSchemas": {
                "properties": {"properties": {"type": {"const": "object"}}},
                "items": {"properties": {"type": {"const": "array"}}},
                "enum": TEXT,
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


def load_form(path: str) -> Prompt:
    """A form's YAML by the path of its file, or the package's own where there is no path.

    Raises UsageError for a file that cannot be read or is no form, with the field at fault.
    """
    name = path or "clip.yaml"
    try:
        own = resources.files(__package__) / "forms" / name
        text = (Path(path) if path else own).read_text(encoding="utf-8")
        fault = fault_in(yaml.safe_load(text), FORM)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"cannot read the form {name!r}: {reason}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UsageError(f"the form {name!r}{line} is not valid YAML: {problem}") from None
    except RecursionError:
        raise UsageError(f"the form {name!r} has an alias that holds itself") from None
    if fault:
        raise UsageError(f"the form {name!r} cannot be used: {fault}")
    return Prompt(text, hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS])


@lru_cache(maxsize=4)
def schema_of(form: str) -> Any:
    """The JSON schema that a form's YAML stands for, in which every field is required."""
    return strict(yaml.safe_load(form))


def strict(field: Mapping[str, Any]) -> dict[str, Any]:
    """A field that must be filled in wholly and takes nothing else."""
    told = dict(field)
    if "items" in field:
        told["items"] = strict(field["items"])
    if "properties" in field:
        told["properties"] = {name: strict(below) for name, below in field["properties"].items()}
        told |= {"required": list(field["properties"]), "additionalProperties": False}
    return told
