"""Generates the tables of docs/api from the OpenAPI document, between two markers that name the content.

`<!-- parameters: list_models -->` … `<!-- end -->` is the table of an operation's query parameters.
`<!-- fields: Offer -->` … `<!-- end -->` is the table of a shape's fields.
`<!-- endpoints: catalogue -->` … `<!-- end -->` is the table of the endpoints with a tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.generators import SchemaGenerator

from catalog.management.generated import index

Json = Any

_MARKED = re.compile(r"(<!-- (parameters|fields|endpoints): (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


class Command(BaseCommand):
    help = "Write the generated tables of docs/api anew."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only fail where one lags")

    def handle(self, *args: Any, **options: Any) -> None:
        document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
        for page in sorted((Path(settings.BASE_DIR) / "docs" / "api").glob("*.md")):
            text = page.read_text()
            current = with_tables(text, document)
            if current != text and options["check"]:
                raise CommandError(f"{page.name} lags; `make docs` writes it anew")
            if current != text:
                page.write_text(current)
                self.stdout.write(f"{page.name} is written anew")


def with_tables(text: str, document: Json) -> str:
    """Return the page with its current tables. Raises CommandError for a marker with an unknown name."""
    tables: dict[str, Callable[[Json, str], str]] = {
        "parameters": _parameters,
        "fields": _fields,
        "endpoints": _endpoints,
    }

    def filled(mark: re.Match[str]) -> str:
        begin, kind, name, _, end = mark.groups()
        return f"{begin}{tables[kind](document, name)}\n{end}"

    return _MARKED.sub(filled, text)


def _parameters(document: Json, operation_id: str) -> str:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    told = next((operation for operation in operations if operation.get("operationId") == operation_id), None)
    if told is None:
        raise CommandError(f"there is no operation {operation_id}")
    rows = [
        (
            f"`{parameter['name']}`",
            _kind(document, parameter["schema"]) + (", needed" if parameter.get("required") else ""),
            parameter.get("description", ""),
        )
        for parameter in told.get("parameters", ())
        if parameter["in"] == "query"
    ]
    return _table(("parameter", "value", "what it does"), rows)


def _fields(document: Json, shape: str) -> str:
    if shape not in document["components"]["schemas"]:
        raise CommandError(f"there is no shape {shape}")
    properties = document["components"]["schemas"][shape]["properties"]
    rows = [(f"`{name}`", _kind(document, told), told.get("description", "")) for name, told in properties.items()]
    return _table(("field", "value", "what it is"), rows)


def _endpoints(document: Json, name: str) -> str:
    rows = list(index.rows(document, tag=name.replace("_", "-")))
    if not rows:
        raise CommandError(f"the OpenAPI document has no tag {name}")
    return _table(index.HEAD, rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


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
