"""Problem documents (RFC 9457), for every part of the program that returns errors. Pure.

Each kind has a page, `docs/problems/<kind>.md`, which is its `type`. A test compares kinds and pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = Any

DROP_IN = ("/api/v1/", "/v1/")
"""The addresses for clients of OpenAI and OpenRouter, which look for the reason under `error`."""

ASKED_PATH = "gatewayz.asked_path"
"""The key of the environ that has the requested path: Django overwrites a path that is not UTF-8."""

MEDIA_TYPE = "application/problem+json"
JSON = "application/json"

_ERROR_TYPES = {404: "not_found_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True)
class Kind:
    status: int
    title: str

    @property
    def name(self) -> str:
        return self.title.lower().replace(" ", "-")


_KINDS = (
    # If several kinds have one status, the first is the default.
    Kind(400, "Bad request"),
    Kind(400, "Invalid parameter"),
    Kind(401, "Unauthorized"),
    Kind(403, "Forbidden"),
    Kind(404, "Not found"),
    Kind(405, "Method not allowed"),
    Kind(406, "Not acceptable"),
    Kind(409, "Conflict"),
    Kind(410, "No longer kept"),
    Kind(411, "Length required"),
    Kind(413, "Content too large"),
    Kind(415, "Unsupported media type"),
    Kind(429, "Too many requests"),
    Kind(500, "Internal server error"),
    Kind(503, "Not ready"),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}


def kind_of(status: int) -> Kind:
    """Return the default kind of a status. A status without a kind gets the general kind of its class, 400 or 500."""
    general = 500 if status >= 500 else 400
    return next(kind for wanted in (status, general) for kind in _KINDS if kind.status == wanted)


def instance_of(path: str) -> str:
    """Return the path as a URI reference; `path` is the server's, each character a byte."""
    return quote(path, safe="/~:@!$&'()*+,;=", encoding="latin-1")


def media_type_of(instance: str, accept: str) -> str:
    """Return the media type of an error. SDKs of OpenRouter accept only JSON, and parse no error of another type."""
    accepted = {part.partition(";")[0].strip() for part in accept.lower().split(",")}
    is_json_only = JSON in accepted and accepted.isdisjoint({MEDIA_TYPE, "application/*", "*/*"})
    return JSON if is_json_only and instance.startswith(DROP_IN) else MEDIA_TYPE


def problem_document(
    *,
    status: int,
    detail: str,
    instance: str,
    request_id: str | None,
    kind: str = "",
    errors: Sequence[Json] = (),
) -> Json:
    """Return the problem document. `kind` is a name of KINDS, required if the status has several kinds."""
    found = KINDS[kind] if kind else kind_of(status)
    body: Json = {
        "type": f"/docs/problems/{found.name}",
        "title": found.title,
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
    """Return the error in OpenAI's form; its code is the status, as at OpenRouter."""
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"message": message, "type": kind, "param": parameter, "code": status}
