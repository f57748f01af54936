"""Keys of ours where they do not belong: what is written down or repeated shows only how they begin. Pure.

A key in the query of an address is a common mistake, and a reader of the logs must not be able to use it.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

_MARK = "gwz_"  # as access/models.py has it, which cannot be imported while the settings are read
_KEY = re.compile(r"(gwz_[\w-]{6})[\w%-]+", re.ASCII)


def without_keys(text: str) -> str:
    """The text with all but the first six characters of each key taken out."""
    return _KEY.sub(r"\1…", text) if _MARK in text else text


def hide_keys(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A step of structlog."""
    request = event.get("request")
    if isinstance(request, str):
        event["request"] = without_keys(request)
    return event
