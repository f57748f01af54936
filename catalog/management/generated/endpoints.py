"""The tables of docs/api, from the OpenAPI document.

`<!-- parameters: list_models -->` is the table of an operation's query parameters, `<!-- fields: Offer -->` that of a
shape's fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from catalog.management.generated.parts import UnknownPart, Writer, table

Json = Any


def writers() -> dict[str, Writer]:
    """Return the writers of both kinds of tables."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
    return {"parameters": partial(_parameters, document), "fields": partial(_fields, document)}


def _parameters(document: Json, operation_id: str) -> str:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    found = next((operation for operation in operations if operation.get("operationId") == operation_id), None)
    if found is None:
        raise UnknownPart(f"there is no operation {operation_id}")
    rows = [
        (
            f"`{parameter['name']}`",
            _kind(document, parameter["schema"]) + (", needed" if parameter.get("required") else ""),
            parameter.get("description", ""),
        )
        for parameter in found.get("parameters", ())
        if parameter["in"] == "query"
    ]
    return table(("parameter", "value", "what it does"), rows)


def _fields(document: Json, shape: str) -> str:
    if shape not in document["components"]["schemas"]:
        raise UnknownPart(f"there is no shape {shape}")
    properties = document["components"]["schemas"][shape]["properties"]
    rows = [(f"`{name}`", _kind(document, field), field.get("description", "")) for name, field in properties.items()]
    return table(("field", "value", "what it is"), rows)


def _kind(document: Json, schema: Json) -> str:
    return ", ".join(_words(document, schema))


def _words(document: Json, schema: Json) -> Iterator[str]:
    """Describe the allowed values in a few words."""
    shape = _resolved(document, schema)
    kinds = shape.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "enum" in shape:
        yield "one of " + ", ".join(f"`{value}`" for value in shape["enum"] if value is not None)
    elif "array" in kinds:
        yield f"list: {_kind(document, shape['items'])}"
    else:
        yield shape.get("format") or next((kind for kind in kinds if kind != "null"), "anything")
    if "minimum" in shape and "maximum" in shape:
        yield f"{shape['minimum']} to {shape['maximum']}"
    if shape.get("default") is not None:
        yield f"else `{shape['default']}`"
    if "null" in kinds:
        yield "or null"


def _resolved(document: Json, schema: Json) -> Json:
    """Return the schema without references. Of several alternatives it uses the first that is not null."""
    found = dict(schema)
    for parts in ([found], found.pop("allOf", ()), found.pop("oneOf", ())):
        for part in parts:
            if "$ref" in part and "properties" not in found:
                name = part["$ref"].rpartition("/")[2]
                target = document["components"]["schemas"][name]
                found = {**target, **found} if "enum" in target else {"type": "object", **found}
    return found
