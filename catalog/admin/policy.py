"""The Content-Security-Policy of the admin."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

_STYLE_OF_DJANGO = "'sha256-blvLUW3UscWqsXGByNOqdBboM+ShWAuugp2mC/wbafU='"
"""The one inline style of Django's templates, in lists without actions."""

POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {_STYLE_OF_DJANGO}; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Scripts and styles come from our static files: text that a gateway reports can add none to a page."""

View = Callable[[HttpRequest], HttpResponseBase]


def content_security_policy(get_response: View) -> View:
    """Middleware that sends the policy with each answer below /admin/ that has none of its own."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path.startswith("/admin/"):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return answer
