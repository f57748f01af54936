"""Errors as RFC 9457 describes them, whoever refuses. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = Any


def problem_document(
    *,
    status: int,
    title: str,
    detail: str,
    instance: str,
    request_id: str | None,
    kind: str = "",
    errors: Sequence[Json] = (),
) -> Json:
    body: Json = {
        "type": f"/docs/problems/{kind or title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if errors:
        body["errors"] = errors
    body["request_id"] = request_id
    return body
