"""Generates the tables of docs/api from the OpenAPI document, between two markers that name the content.

`<!-- parameters: list_models -->` … `<!-- end -->` is the table of an operation's query parameters.
`<!-- fields: Offer -->` … `<!-- end -->` is the table of a shape's fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.generators import SchemaGenerator

Json = Any

_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
"""`allOf` too: drf-spectacular writes it with one part, to give a reference a description of its own."""
_ANYTHING, _NULL = "anything", "null"
_MARKED = re.compile(r"(<!-- (parameters|fields): (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


class Command(BaseCommand):
    help = "Write the generated tables of docs/api."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing, and fail if a table is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
        for page in sorted((Path(settings.BASE_DIR) / "docs" / "api").glob("*.md")):
            text = page.read_text()
            current = with_tables(text, document)
            if current != text and options["check"]:
                raise CommandError(f"{page.name} is out of date; run `make docs`")
            if current != text:
                page.write_text(current)
                self.stdout.write(f"{page.name} is written")


def with_tables(text: str, document: Json) -> str:
    """Return the page with its current tables. Raises CommandError for a marker with an unknown name."""
    tables: dict[str, Callable[[Json, str], str]] = {"parameters": _parameters, "fields": _fields}

    def filled(mark: re.Match[str]) -> str:
        begin, kind, name, _, end = mark.groups()
        return f"{begin}{tables[kind](document, name)}\n{end}"

    return _MARKED.sub(filled, text)


def _parameters(document: Json, operation_id: str) -> str:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    found = next((operation for operation in operations if operation.get("operationId") == operation_id), None)
    if found is None:
        raise CommandError(f"the OpenAPI document has no operation {operation_id}")
    rows = [
        (
            f"`{parameter['name']}`",
            values_of(document, parameter["schema"]) + (", required" if parameter.get("required") else ""),
            parameter.get("description", ""),
        )
        for parameter in found.get("parameters", ())
        if parameter["in"] == "query"
    ]
    return _table(("parameter", "value", "what it does"), rows)


def _fields(document: Json, shape: str) -> str:
    if shape not in document["components"]["schemas"]:
        raise CommandError(f"the OpenAPI document has no schema {shape}")
    properties = document["components"]["schemas"][shape]["properties"]
    rows = [
        (f"`{name}`", values_of(document, schema), schema.get("description", "")) for name, schema in properties.items()
    ]
    return _table(("field", "value", "what it is"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


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
