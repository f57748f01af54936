"""The oldest revision that a client accepts.

A client that pages over several hosts sends the newest revision that it has seen. A host that is behind then waits for
it, so the client never sees the catalogue go back. Pure.
"""

from __future__ import annotations

import re

from front import refusals
from front.refusals import Refusal
from front.requests import Request

HEADER = "gatewayz-min-revision"
PARAMETER = "min_revision"
"""The same for browsers, whose addresses have no headers."""
WAIT_SECONDS = 1.0
_LONGEST = 18  # digits of a number that both databases can store
_IN_QUERY = re.compile(rf"(?:^|&){PARAMETER}=([^&]*)")


def of(request: Request) -> int | Refusal | None:
    """Return the revision, a refusal if it is no number, or None if the client did not name one.

    The parameter is removed from the request: it is no part of the question.
    """
    text = request.headers.get(HEADER)
    if PARAMETER in request.query and (found := _IN_QUERY.search(request.query)) is not None:
        text = text or found[1]
        request.query = _IN_QUERY.sub("", request.query).removeprefix("&")
    if text is None:
        return None
    is_number = text.isdecimal() and text.isascii() and len(text) <= _LONGEST
    return int(text) if is_number else refusals.wrong_minimum(text[:_LONGEST])
