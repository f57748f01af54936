"""Errors as pages. Addresses of pages have only these; elsewhere a browser gets one if nothing is found.

Every other client gets the problem itself. A page has the same content, and stays uncached as all errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from catalog.formats.registry import BEGINNINGS
from catalog.parameters.endpoints import Endpoint
from catalog.web.layout import frame
from catalog.web.pages import HEADERS, HTML, MEDIA_TYPE_OF_PROBLEMS
from catalog.web.templates import render

Json = Any
View = Callable[[HttpRequest], HttpResponse]

_ADDRESS = re.compile(r"(?<![\w/])(/(?:catalog|docs)/[\w/.~%?=&:@+-]*?)(?=\.?\Z|[^\w/.~%?=&:@+-])", re.ASCII)
"""An address of this service in a sentence; the full stop of the sentence is not part of it."""
_SAFE_METHODS = frozenset({"GET", "HEAD"})
TITLES: Mapping[int, str] = {
    404: "There is nothing at this address.",
    405: "This page can only be read.",
    429: "Too many pages in one minute.",
    500: "The service failed.",
    503: "Not ready yet.",
}
WRONG_FIELD = "{} another value."
REFRESH_SECONDS = 5
"""How soon a page that says 503 asks again."""
MOST_FIELDS = 20


def pages_for_browsers(get_response: View) -> View:
    """Middleware that shows errors as pages."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.get("Content-Type") != MEDIA_TYPE_OF_PROBLEMS or request.method not in _SAFE_METHODS:
            return response
        if is_page(request):
            _show(request, response)
        elif response.status_code == 404 and not request.path.startswith(tuple(BEGINNINGS)):
            patch_vary_headers(response, ["Accept"])
            if _prefers_page(request):
                _show(request, response)
        return response

    return answer


def is_page(request: HttpRequest) -> bool:
    """Whether the address is one of a page, so that its errors are pages too, whatever a client accepts."""
    view: Any = request.resolver_match.func if request.resolver_match else None
    endpoint = getattr(getattr(view, "cls", None), "endpoint", None)
    return isinstance(endpoint, Endpoint) and endpoint.media_type == HTML


def error_page(problem: Json, *, path: str, query: str) -> bytes:
    """Return the page of a problem. `query` is the query string of the request, whose values stay in the form."""
    status = problem["status"]
    fields, hidden = _fields(problem, query)
    title = TITLES.get(status, problem["title"] + ".")
    if fields:
        title = WRONG_FIELD.format("One field needs" if len(fields) == 1 else f"{len(fields)} fields need")
    values = {
        **frame(current="", title=title.rstrip("."), description=problem["detail"]),
        "code": status,
        "heading": title,
        # Texts and addresses alternate.
        "reason": _ADDRESS.split(_sentence(problem["detail"])),
        "fields": fields,
        "hidden": hidden,
        "action": path,
        "type": problem["type"],
        "instance": problem["instance"],
        "request_id": problem["request_id"] or "",
        "refresh": REFRESH_SECONDS if status == 503 else 0,
    }
    return render("error.html", values)


def _sentence(detail: str) -> str:
    return f"{detail[:1].upper()}{detail[1:].rstrip('.')}." if detail else ""


def _fields(problem: Json, query: str) -> tuple[list[Json], list[Json]]:
    """Return the wrong fields, and the others of the request, which stay as they are."""
    wrong = problem.get("errors", ())[:MOST_FIELDS]
    names = {error["parameter"] for error in wrong}
    kept = parse_qsl(query, encoding="utf-8", errors="replace", max_num_fields=None)[:200] if names else []
    hidden = [{"name": name, "value": value} for name, value in kept if name not in names]
    fields = [
        {
            "name": error["parameter"],
            "value": error["value"],
            "reason": f"{error['parameter']} {error['reason']}",
            "is_unknown": error["reason"].startswith("unknown parameter"),
        }
        for error in wrong
    ]
    return fields, hidden


def _show(request: HttpRequest, response: HttpResponse) -> None:
    """Replace the problem by a page of the same content."""
    problem = orjson.loads(response.content)
    response.content = error_page(problem, path=request.path, query=request.META.get("QUERY_STRING", ""))
    for name, value in HEADERS:
        response[name] = value


def _prefers_page(request: HttpRequest) -> bool:
    """Whether the client prefers HTML to JSON. A client that accepts both equally gets JSON."""
    page = _quality(request, HTML)
    return page > _quality(request, "application/json") and page > _quality(request, MEDIA_TYPE_OF_PROBLEMS)


def _quality(request: HttpRequest, media_type: str) -> float:
    accepted = request.accepted_type(media_type)
    return accepted.quality if accepted else 0.0
