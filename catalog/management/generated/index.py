"""The rows of the tables in docs/api/endpoints.md: every endpoint of the OpenAPI document, by its tag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = Any

HEAD = ("request", "what it answers")


def rows(document: Json, *, tag: str) -> Iterator[tuple[str, str]]:
    """Yield request and summary of each operation with this tag, in the order of the addresses."""
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            if tag in operation["tags"]:
                yield f"`{method.upper()} {path}`", operation["summary"]
