"""The list of endpoints in docs/api has every operation of the OpenAPI document once."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from catalog.management.generated import endpoints

PAGE = Path(settings.BASE_DIR) / "docs" / "api" / "endpoints.md"


def test_every_operation_is_listed_once() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly

    listed = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", PAGE.read_text(), flags=re.MULTILINE)

    operations = [(method, path) for path, methods in document["paths"].items() for method in methods]
    assert sorted(listed) == sorted(f"{method.upper()} {path}" for method, path in operations)


def test_endpoints_with_the_tag_are_listed_in_the_order_of_the_document() -> None:
    document = {
        "paths": {
            "/b": {"get": {"tags": ["health"], "summary": "B."}, "post": {"tags": ["other"], "summary": "C."}},
            "/a": {"get": {"tags": ["health"], "summary": "A."}},
        }
    }

    lines = endpoints.of_tag(document, "health").splitlines()

    assert lines[2:] == ["| `GET /b` | B. |", "| `GET /a` | A. |"]
