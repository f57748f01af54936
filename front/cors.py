"""CORS: scripts of other sites may read everything but the admin, never with a cookie.

No other file sets these headers. The front adds them to every answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import Resolver404, resolve

from front.requests import Request

Headers = Sequence[tuple[str, str]]

NEVER = ("/admin",)
"""Addresses that scripts of other sites may not read."""
_ALLOW_ORIGIN = ("Access-Control-Allow-Origin", "*")
_EXPOSE = (
    "Access-Control-Expose-Headers",
    "ETag, Gatewayz-Ignored, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID",
)
ANSWER: Headers = (_ALLOW_ORIGIN, _EXPOSE)
"""The headers of every answer but those below the admin."""
_PREFLIGHT = (
    # Clients add headers of their own (X-Stainless-…, HTTP-Referer); `*` is all of them but this one.
    ("Access-Control-Allow-Headers", "*, Authorization"),
    ("Access-Control-Max-Age", "86400"),
)


def answer_headers(path: str) -> Headers:
    """Return the headers of an answer of this address; none below the admin.

    Any origin is allowed (`*`), because no answer that a script may read depends on a cookie.
    """
    return () if path.startswith(NEVER) else ANSWER


def is_preflight(request: Request) -> bool:
    """Whether an OPTIONS request is a browser's preflight before a request of a page's script."""
    headers = request.headers
    return "origin" in headers and "access-control-request-method" in headers and not request.path.startswith(NEVER)


def preflight_headers(path: str) -> Headers:
    """Return the headers that allow a script this address's methods. Calls no view and sends no query."""
    return [_ALLOW_ORIGIN, ("Access-Control-Allow-Methods", ", ".join(_methods(path))), *_PREFLIGHT]


def _methods(path: str) -> list[str]:
    try:
        view: object = resolve(path).func
    except (Resolver404, UnicodeError):
        view = None  # the script may still read the 404
    # A viewset has an action for each method, the class of a view a method of that name; nothing else is written to.
    actions, view_class = getattr(view, "actions", None), getattr(view, "view_class", None)
    known = dir(view_class) if actions is None else actions
    methods = ["GET", "HEAD", "OPTIONS"] if "get" in known or (actions is view_class is None) else ["OPTIONS"]
    return [*methods, "POST"] if "post" in known else methods
