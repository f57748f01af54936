"""What somebody means harm with, in every parameter and every path that the OpenAPI document has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from django.db import connection
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from catalog.memory.snapshot import Snapshot
from tests.catalog.addresses import declared
from tests.catalog.api.reading import problem_of

Json = Any

PROVE = bool(os.environ.get("PROVE"))
DOCUMENT: Json = SchemaGenerator(urlconf="catalog.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
FROM_MEMORY = {
    re.sub(r"<\w+:(\w+)>", r"{\1}", address.route) for address in declared() if not address.endpoint.reads_tables
}
"""The paths whose answers need no database: the half on PostgreSQL tries them in `make prove` only."""
TRIED = DOCUMENT["paths"].keys() - (FROM_MEMORY if connection.vendor == "postgresql" and not PROVE else set())
READS = {path: told["get"] for path, told in DOCUMENT["paths"].items() if "get" in told and path in TRIED}

CORPUS = {
    "sql": "' OR 1=1; DROP TABLE catalog_offer; --",
    "sql union": "1 UNION SELECT secret FROM catalog_apikey",
    "like": "%_%\\",
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "template": "{{7*7}}${7*7}#{7*7}%{7*7}",
    "formula": "=HYPERLINK(A1)",
    "format": "%s%n%x{0.__class__}",
    "header": "x\r\nSet-Cookie: a=b",
    "nul": "a\x00b",
    "only nul": "\x00",
    "overlong": "a" * 10_000,
    "commas": "," * 5_000,
    "deep": "[" * 5_000,
    "huge number": "9" * 400,
    "huge exponent": "1e999999999",
    "tiny exponent": "1e-999999999",
    "not a number": "NaN",
    "endless": "-Infinity",
    "negative zero": "-0",
    "hexadecimal": "0x10",
    "underscores": "1_000",
    "other digits": "١٢٣",
    "bom": "\ufeff1",
    "right to left": "\u202egnp.exe",
    "combining": "Z" + "\u0301" * 200,
    "emoji": "👩‍👩‍👧‍👦",
    "noncharacter": "\uffff",
    "climbing": "../../../../etc/passwd",
    "file": "file:///etc/passwd",
    "dots": "..",
    "spaces": " \t\n ",
    "null": "null",
    "regex": "(a+)+$" * 20,
}
RAW = {
    "surrogates": "%ED%A0%80",
    "no utf-8": "%FF%FE",
    "half an escape": "%",
    "encoded twice": "%252e%252e%252f",
    "encoded slash": "%2F%2F",
    "latin": "caf%E9",
}
"""As bytes of the address, for what is no text."""


def parameters() -> Iterator[Any]:
    """Each parameter at one address that has it; at all of them where it is to be proven."""
    seen = set()
    for path, operation in READS.items():
        for parameter in operation.get("parameters", ()):
            declared = parameter["name"], str(parameter["schema"])
            if parameter["in"] == "query" and (PROVE or declared not in seen):
                yield pytest.param(path, parameter["name"], id=f"{path} {parameter['name']}")
            seen.add(declared)


def address(path: str, filling: str = "deepseek-ai/DeepSeek-R1") -> str:
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + filling + rest.partition("}")[2]
    return path


def hold(response: Any) -> None:
    """An answer or a refusal, never a defect, and nothing that a browser would run."""
    assert response.status_code < 500, response.content[:500]
    if response.status_code >= 400:
        problem_of(response, status=response.status_code)
    elif response.headers.get("Content-Type", "").startswith("application/json"):
        orjson.loads(response.content)
    assert "\n" not in "".join(response.headers.values())
    assert not response.headers.get("Content-Type", "").startswith("text/html")
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(("path", "name"), list(parameters()))
def test_no_parameter_is_hurt_by_it(client: Client, bundled: Snapshot, path: str, name: str) -> None:
    target = address(path)
    for value in CORPUS.values():
        hold(client.get(f"{target}?{urlencode({name: value})}"))
        hold(client.get(f"{target}?{urlencode([(name, value), (name, value)])}"))
    for raw in RAW.values():
        hold(client.get(f"{target}?{name}={raw}"))
        hold(client.get(f"{target}?{name}%5B%5D={raw}&{raw}={raw}"))


@pytest.mark.parametrize("path", [path for path in READS if "{" in path])
def test_no_path_is_hurt_by_it(client: Client, bundled: Snapshot, path: str) -> None:
    for value in CORPUS.values():
        hold(client.get(address(path, quote(value, safe=""))))
        hold(client.get(address(path, f"maker/{quote(value, safe='')}/more")))
    for raw in RAW.values():
        hold(client.get(address(path, raw)))
