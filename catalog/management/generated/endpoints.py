"""The tables of docs/api, from the OpenAPI document.

`<!-- endpoints: models -->` is the table of the operations with a tag, `<!-- parameters: list_models -->` that of an
operation's query parameters, `<!-- fields: Offer -->` that of a shape's fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from catalog.management.generated.parts import UnknownPart, Writer, table

Json = Any

_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
"""`allOf` too: drf-spectacular writes it with one part, to give a reference a description of its own."""
_ANYTHING, _NULL = "anything", "null"


def writers() -> dict[str, Writer]:
    """Return the writers of the three kinds of tables."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
    return {
        "endpoints": partial(of_tag, document),
        "parameters": partial(_parameters, document),
        "fields": partial(_fields, document),
    }


def of_tag(document: Json, name: str) -> str:
    """Return the table of the operations with a tag, in the order of the document."""
    rows = [
        (f"`{method.upper()} {path}`", operation["summary"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if name in operation["tags"]
    ]
    if not rows:
        raise UnknownPart(f"the OpenAPI document has no tag {name}")
    return table(("request", "what it answers"), rows)


def _parameters(document: Json, operation_id: str) -> str:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    found = next((operation for operation in operations if operation.get("operationId") == operation_id), None)
    if found is None:
        raise UnknownPart(f"the OpenAPI document has no operation {operation_id}")
    rows = [
        (
            f"`{parameter['name']}`",
            values_of(document, parameter["schema"]) + (", required" if parameter.get("required") else ""),
            parameter.get("description", ""),
        )
        for parameter in found.get("parameters", ())
        if parameter["in"] == "query"
    ]
    return table(("parameter", "value", "what it does"), rows)


def _fields(document: Json, shape: str) -> str:
    if shape not in document["components"]["schemas"]:
        raise UnknownPart(f"the OpenAPI document has no schema {shape}")
    properties = document["components"]["schemas"][shape]["properties"]
    rows = [
        (f"`{name}`", values_of(document, field), field.get("description", "")) for name, field in properties.items()
    ]
    return table(("field", "value", "what it is"), rows)


def values_of(document: Json, schema: Json) -> str:
    """Describe the values that a schema allows in a few words: "integer from 0 to 100 or null, default: `0`"."""
    kinds = list(dict.fromkeys(_kinds(document, schema)))
    named = " or ".join(sorted(kinds, key=lambda kind: kind == _NULL))
    return named if schema.get("default") is None else f"{named}, default: `{schema['default']}`"


def _kinds(document: Json, schema: Json) -> Iterator[str]:
    """Yield each alternative that the schema allows, in words. References are followed."""
    if "$ref" in schema:
        yield from _kinds(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    elif "enum" in schema:
        yield "one of " + ", ".join(f"`{value}`" for value in schema["enum"] if value is not None)
        if None in schema["enum"]:
            yield _NULL
    elif "const" in schema:
        yield f"`{schema['const']}`"
    elif parts := [part for key in _ALTERNATIVES for part in schema.get(key, ())]:
        for part in parts:
            yield from _kinds(document, part)
    else:
        types = schema.get("type", _ANYTHING)
        for name in [types] if isinstance(types, str) else types:
            yield _of_type(document, schema, name)


def _of_type(document: Json, schema: Json, name: str) -> str:
    match name:
        case "array":
            return f"list: {values_of(document, schema['items'])}"
        case "string":
            return str(schema.get("format", name))
        case "integer" | "number":
            ends = [f"{word} {schema[end]}" for word, end in (("from", "minimum"), ("to", "maximum")) if end in schema]
            return " ".join([name, *ends])
    return name
