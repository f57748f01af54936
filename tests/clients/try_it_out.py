"""What the docs page sends when a reader opens an operation, presses "Try it out" and then "Execute".

Swagger UI fills in the examples and defaults of the OpenAPI document, and nothing else. It sends no request while a
required parameter is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

Json = Any

METHODS = ("get", "post", "put", "patch", "delete")
SAMPLES: Mapping[str, Json] = {"string": "string", "integer": 0, "number": 0, "boolean": True, "null": None}
"""The value that the page makes up for a property of a body that has neither an example nor a default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    method: str
    path: str
    empty: tuple[str, ...]
    """The required parameters without an example or default."""
    target: str
    """The path and query that are sent."""
    body: Json
    """None without a body."""
    needs_key: bool

    @property
    def sent(self) -> bytes | None:
        return None if self.body is None else json.dumps(self.body).encode()


def operations(document: Json) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            if method in METHODS:
                yield _operation(document, path, method, found)


def _operation(document: Json, path: str, method: str, found: Json) -> Operation:
    filled = {(each["in"], each["name"]): _of_parameter(each) for each in found.get("parameters", ())}
    required = [(each["in"], each["name"]) for each in found.get("parameters", ()) if each.get("required")]
    target = path
    for (place, name), value in filled.items():
        if place == "path" and value is not None:
            target = target.replace(f"{{{name}}}", quote(str(value), safe=""))
    query = {name: value for (place, name), value in filled.items() if place == "query" and value is not None}
    security = found.get("security", document.get("security", []))
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        empty=tuple(name for place, name in required if filled[place, name] is None),
        target=f"{target}?{urlencode(query, doseq=True)}" if query else target,
        body=_body(document, found.get("requestBody")),
        needs_key=bool(security) and {} not in security,
    )


def _of_parameter(parameter: Json) -> Json:
    """Return the value in the field of a parameter, or None if the field is empty."""
    examples = [each["value"] for each in parameter.get("examples", {}).values()]
    schema = parameter.get("schema", {})
    for value in (parameter.get("example"), *examples, *_examples(schema), schema.get("default")):
        if value is not None:
            return str(value).lower() if isinstance(value, bool) else value
    return None


def _body(document: Json, body: Json) -> Json:
    if not body:
        return None
    media = body["content"]["application/json"]
    examples = (
        [media["example"]] if "example" in media else [each["value"] for each in media.get("examples", {}).values()]
    )
    return examples[0] if examples else _sample(document, media["schema"])


def _sample(document: Json, schema: Json) -> Json:
    """Return the value that the page makes up for a schema: its example, else its default, else one of its type."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return _sample(document, document["components"]["schemas"][name])
    for value in (*_examples(schema), *([schema["default"]] if "default" in schema else []), *schema.get("enum", ())):
        return value
    for alternatives in (schema.get("anyOf"), schema.get("oneOf"), schema.get("allOf")):
        if alternatives:
            return _sample(document, alternatives[0])
    if "properties" in schema:
        return {name: _sample(document, each) for name, each in schema["properties"].items()}
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    return [_sample(document, schema.get("items", {}))] if kind == "array" else SAMPLES.get(kind, {})


def _examples(schema: Json) -> list[Json]:
    return [schema["example"]] if "example" in schema else list(schema.get("examples", ()))
