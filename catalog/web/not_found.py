"""The page that a browser gets if nothing is found. Every other client gets the problem itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

from catalog.formats.registry import BEGINNINGS
from catalog.web.pages import CONTENT_SECURITY_POLICY

PROBLEM = "application/problem+json"
_ADDRESS = re.compile(r"(?<![\w/])(/(?:catalog|docs)/[\w/.~%?=&:@+-]*?)(?=\.?\Z|[^\w/.~%?=&:@+-])", re.ASCII)
"""An address of this service in a sentence; the full stop of the sentence is not part of it."""

View = Callable[[HttpRequest], HttpResponse]


def pages_for_browsers(get_response: View) -> View:
    """Middleware that shows a 404 to browsers as a page. It stays uncached, as all errors."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if _may_be_page(request, response):
            patch_vary_headers(response, ["Accept"])
            if _prefers_page(request):
                _show(response)
        return response

    return answer


def _may_be_page(request: HttpRequest, response: HttpResponse) -> bool:
    return (
        response.status_code == 404
        and request.method in {"GET", "HEAD"}
        and response["Content-Type"] == PROBLEM
        and not request.path.startswith(tuple(BEGINNINGS))
    )


def _prefers_page(request: HttpRequest) -> bool:
    """Whether the client prefers HTML to JSON. A client that accepts both equally gets JSON."""
    page = _quality(request, "text/html")
    return page > _quality(request, "application/json") and page > _quality(request, PROBLEM)


def _quality(request: HttpRequest, media_type: str) -> float:
    accepted = request.accepted_type(media_type)
    return accepted.quality if accepted else 0.0


def _show(response: HttpResponse) -> None:
    """Replace the problem by a page of the same content."""
    problem = orjson.loads(response.content)
    # Texts and addresses alternate.
    response.content = render_to_string("web/not_found.html", {**problem, "parts": _ADDRESS.split(problem["detail"])})
    response["Content-Type"] = "text/html; charset=utf-8"
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
