"""What clients get instead of an answer of a model: OpenAI's error object, with the headers that SDKs understand."""

from __future__ import annotations

from front.counts import Source
from front.replies import Headers, Reply
from routing.wire.errors import envelope

INVALID, AUTHENTICATION, PERMISSION = "invalid_request_error", "authentication_error", "permission_error"
NOT_FOUND, RATE_LIMIT, QUOTA, SERVER = "not_found_error", "rate_limit_error", "insufficient_quota", "server_error"
JSON = "application/json"


def error(
    status: int,
    message: str,
    *,
    type: str = INVALID,
    code: str | None = None,
    param: str | None = None,
    headers: Headers | None = None,
    retry_after: float | None = None,
    **metadata: object,
) -> Reply:
    """Return an error; `retry_after` in seconds."""
    body = envelope(message, status=status, type=type, code=code, param=param, **metadata)
    return Reply(status, [*_described(retry_after), *(headers or [])], body, Source.INFERENCE)


def _described(retry_after: float | None) -> Headers:
    found = [("Content-Type", JSON), ("Cache-Control", "no-store")]
    if retry_after is not None:
        found.append(("Retry-After", str(max(1, -int(-retry_after // 1)))))
    return found
