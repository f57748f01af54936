"""Errors as RFC 9457 describes them, whoever refuses. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = Any

DROP_IN = ("/api/v1/", "/v1/")
"""Where clients of OpenAI and OpenRouter ask, who look for the reason under `error`."""

_ERROR_TYPES = {404: "not_found_error", 429: "rate_limit_error"}


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
    if instance.startswith(DROP_IN):
        body["error"] = _error(status, detail, parameter=errors[0]["parameter"] if errors else None)
    return body


def _error(status: int, message: str, *, parameter: str | None) -> Json:
    """As OpenAI words it; the code is the status, as OpenRouter has it."""
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"message": message, "type": kind, "param": parameter, "code": status}
