"""The log line of an answer that never reached Django, as django-structlog writes those of Django.

The logging machinery takes longer for a line than the answer takes, so this line is built directly. A test compares
the two.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime

import orjson

from access.redaction import without_keys

LOGGER = "django_structlog.middlewares.request"


class AccessLog:
    def __init__(self, log_format: str) -> None:
        logger = logging.getLogger(LOGGER)
        self._is_enabled = {
            level: logger.isEnabledFor(level) for level in (logging.INFO, logging.WARNING, logging.ERROR)
        }
        self._line = _json_line if log_format == "json" else _console_line

    def write(self, *, method: str, path: str, query: str, code: int, request_id: str) -> None:
        level = logging.INFO if code < 400 else logging.WARNING if code < 500 else logging.ERROR
        if not self._is_enabled[level]:
            return
        request = without_keys(f"{method} {path}?{query}" if query else f"{method} {path}")
        with suppress(OSError):  # a missing log must not prevent an answer
            os.write(
                sys.stderr.fileno(),
                self._line(request, code, request_id, logging.getLevelName(level).lower()).encode("utf-8", "replace"),
            )


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _json_line(request: str, code: int, request_id: str, level: str) -> str:
    fields = {
        "code": code,
        "request": request.encode("utf-8", "replace").decode(),
        "event": "request_finished",
        "request_id": request_id,
        "level": level,
        "logger": LOGGER,
        "timestamp": _now(),
    }
    return orjson.dumps(fields).decode() + "\n"


def _console_line(request: str, code: int, request_id: str, level: str) -> str:
    fields = f"code={code} request={request!r} request_id={request_id}"
    return f"{_now()} [{level:<9}] {'request_finished':<30} [{LOGGER}] {fields}\n"
