"""Which scripts of other sites may read what: everything but the admin, never with a cookie."""

from __future__ import annotations

from collections.abc import Mapping

from django.urls import Resolver404, resolve

Headers = list[tuple[str, str]]

NEVER = ("/admin",)
"""Addresses that no other site's script may read."""
_ALLOW_ORIGIN = ("Access-Control-Allow-Origin", "*")
_EXPOSE = (
    "Access-Control-Expose-Headers",
    "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID",
)
_PREFLIGHT = (
    # Clients add headers of their own (X-Stainless-…, HTTP-Referer); `*` is all of them but this one.
    ("Access-Control-Allow-Headers", "*, Authorization"),
    ("Access-Control-Max-Age", "86400"),
)


def shared(headers: Headers) -> Headers:
    """The headers of an answer that any site's script may read. No credentials count, so it is `*` for every origin."""
    own = [header for header in headers if header[0].lower() != "access-control-allow-origin"]
    return [*own, _ALLOW_ORIGIN, _EXPOSE]


def is_preflight(environ: Mapping[str, str]) -> bool:
    """Whether an OPTIONS is a browser's question before a request that a page's script wants to make."""
    return (
        "HTTP_ORIGIN" in environ
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        and not environ["PATH_INFO"].startswith(NEVER)
    )


def preflight_headers(path: str) -> Headers:
    """What a script may ask of this address. Asks the routes, and neither a view nor the database."""
    return [_ALLOW_ORIGIN, ("Access-Control-Allow-Methods", ", ".join(_methods(path))), *_PREFLIGHT]


def _methods(path: str) -> list[str]:
    try:
        view: object = resolve(path).func
    except (Resolver404, UnicodeError):
        view = None  # the script may still read that there is nothing
    # A viewset has an action for each method, the class of a view a method of that name; nothing else is written to.
    actions, view_class = getattr(view, "actions", None), getattr(view, "view_class", None)
    known = dir(view_class) if actions is None else actions
    methods = ["GET", "HEAD", "OPTIONS"] if "get" in known or (actions is view_class is None) else ["OPTIONS"]
    return [*methods, "POST"] if "post" in known else methods
