"""Kinds of fields in the answers of formats, as JSON Schema with a description for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Any

MONEY = r"^[0-9]+(\.[0-9]+)?$"
"""US dollars as decimal text in plain notation."""


def ref(name: str) -> Json:
    """Refer to one of the format's `shapes`."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(fields: Mapping[str, Json], *, optional: Mapping[str, Json] | None = None, description: str = "") -> Json:
    """An object that has all of `fields`, perhaps some of `optional`, and nothing else."""
    shape = {
        "type": "object",
        "properties": {**fields, **(optional or {})},
        "required": list(fields),
        "additionalProperties": False,
    }
    return shape | ({"description": description} if description else {})


def mapping(values: Json, *, description: str) -> Json:
    """An object whose keys are not known in advance."""
    return {"type": "object", "description": description, "additionalProperties": values}


def array(items: Json, description: str = "") -> Json:
    return {"type": "array", "items": items} | ({"description": description} if description else {})


def text(description: str, *, null: bool = False, **more: Json) -> Json:
    return _of("string", description, null=null) | more


def count(description: str, *, null: bool = False) -> Json:
    return _of("integer", description, null=null)


def number(description: str, *, null: bool = False) -> Json:
    return _of("number", description, null=null)


def price(description: str) -> Json:
    """A price as a JSON number."""
    return {"type": "number", "minimum": 0, "description": description}


def flag(description: str) -> Json:
    return {"type": "boolean", "description": description}


def words(description: str, *, null: bool = False) -> Json:
    return _of("array", description, null=null) | {"items": {"type": "string"}}


def constant(value: str) -> Json:
    return {"const": value, "description": f"Always `{value}`."}


def _of(kind: str, description: str, *, null: bool) -> Json:
    return {"type": [kind, "null"] if null else kind, "description": description}
