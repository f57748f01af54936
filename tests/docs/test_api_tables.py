"""The generated tables of docs/api describe every schema of the OpenAPI document in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from catalog.management.generated.endpoints import values_of

Json = Any

ANNOTATIONS = {"title", "description", "examples", "default"}
COMPONENTS = {"components": {"schemas": {"Offer": {"type": "object"}, "Kind": {"type": "string", "enum": ["a", "b"]}}}}


@pytest.fixture(scope="module")
def document() -> Json:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly


def schemas_of_rows(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield the schema of each row that a table can have, with the row's name."""
    for shape, schema in document["components"]["schemas"].items():
        yield from ((f"{shape}.{name}", found) for name, found in schema.get("properties", {}).items())
    for path in document["paths"].values():
        for operation in path.values():
            yield from (
                (f"{operation['operationId']} {p['name']}", p["schema"]) for p in operation.get("parameters", ())
            )


def allows_anything(schema: Json) -> bool:
    return allows_anything(schema["items"]) if "items" in schema else schema.keys() <= ANNOTATIONS


def test_only_a_schema_that_allows_anything_is_described_so(document: Json) -> None:
    rows = list(schemas_of_rows(document))

    wrong = [name for name, schema in rows if "anything" in values_of(document, schema) and not allows_anything(schema)]

    assert len(rows) > 300
    assert wrong == []


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": ["null", "string", "integer"]}, "string or integer or null"),
        ({"type": "integer", "minimum": 1, "maximum": 9, "default": 5}, "integer from 1 to 9, default: `5`"),
        ({"type": "integer", "minimum": 0}, "integer from 0"),
        ({"type": "array", "items": {"type": "string", "enum": ["a"]}}, "list: one of `a`"),
        ({"enum": ["a", None]}, "one of `a` or null"),
        ({"$ref": "#/components/schemas/Kind"}, "one of `a`, `b`"),
        ({"allOf": [{"$ref": "#/components/schemas/Offer"}], "description": "It."}, "object"),
        ({"oneOf": [{"$ref": "#/components/schemas/Offer"}, {"type": "null"}]}, "object or null"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "integer"}]}, "date or integer"),
        ({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}, "list: string or string"),
        ({"description": "A value."}, "anything"),
    ],
)
def test_each_form_of_a_schema_has_words(schema: Json, words: str) -> None:
    assert values_of(COMPONENTS, schema) == words
