"""The log line of an answer that never reached Django, as django-structlog writes those of Django.

The logging machinery takes longer for a line than the answer takes, so this line is built directly. A test compares
the two.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

import orjson
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_structlog.signals import bind_extra_request_failed_metadata, bind_extra_request_finished_metadata

from access.redaction import without_keys

LOGGER = "django_structlog.middlewares.request"
BEGAN = "gatewayz.began"
"""The key of the WSGI environ for the time when the request arrived, from `time.perf_counter`."""


@receiver(bind_extra_request_finished_metadata)
def add_duration_and_bytes(
    request: HttpRequest, response: HttpResponseBase, log_kwargs: dict[str, object], **_: object
) -> None:
    """Add to Django's line of an answer what the front's own lines have."""
    add_duration(request, log_kwargs)
    log_kwargs["bytes"] = 0 if request.method == "HEAD" else _bytes_of(response)


@receiver(bind_extra_request_failed_metadata)
def add_duration(request: HttpRequest, log_kwargs: dict[str, object], **_: object) -> None:
    if (began := request.META.get(BEGAN)) is not None:  # missing if no front is before Django, as in some tests
        log_kwargs["duration_ms"] = milliseconds(time.perf_counter() - began)


def milliseconds(seconds: float) -> float:
    return round(seconds * 1_000, 3)


def _bytes_of(response: HttpResponseBase) -> int | None:
    """Return the length of the body, or None for a stream of unknown length."""
    if isinstance(response, HttpResponse):
        return len(response.content)
    length = response.headers.get("Content-Length")
    return None if length is None else int(length)


class AccessLog:
    def __init__(self, log_format: str) -> None:
        logger = logging.getLogger(LOGGER)
        self._is_enabled = {
            level: logger.isEnabledFor(level) for level in (logging.INFO, logging.WARNING, logging.ERROR)
        }
        self._line = _json_line if log_format == "json" else _console_line

    def write(
        self, *, method: str, path: str, query: str, code: int, request_id: str, seconds: float, length: int
    ) -> None:
        """Write one line. `length` is the number of bytes of the body."""
        level = logging.INFO if code < 400 else logging.WARNING if code < 500 else logging.ERROR
        if not self._is_enabled[level]:
            return
        request = without_keys(f"{method} {path}?{query}" if query else f"{method} {path}")
        line = self._line(request, code, request_id, logging.getLevelName(level).lower(), milliseconds(seconds), length)
        with suppress(OSError):  # a missing log must not prevent an answer
            os.write(sys.stderr.fileno(), line.encode("utf-8", "replace"))


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _json_line(request: str, code: int, request_id: str, level: str, duration_ms: float, length: int) -> str:
    fields = {
        "code": code,
        "request": request.encode("utf-8", "replace").decode(),
        "duration_ms": duration_ms,
        "bytes": length,
        "event": "request_finished",
        "request_id": request_id,
        "level": level,
        "logger": LOGGER,
        "timestamp": _now(),
    }
    return orjson.dumps(fields).decode() + "\n"


def _console_line(request: str, code: int, request_id: str, level: str, duration_ms: float, length: int) -> str:
    fields = f"bytes={length} code={code} duration_ms={duration_ms} request={request!r} request_id={request_id}"
    return f"{_now()} [{level:<9}] {'request_finished':<30} [{LOGGER}] {fields}\n"
