"""The pages of the web interface: how they are declared and asked. Each address has one answer for all readers.

A page is an endpoint like those of the API: a function of the snapshot and the query. So the front answers it without
Django, and keeps it until the next revision. A page whose answer reads tables is answered by Django.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse, HttpResponseRedirect
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.memory import following
from catalog.memory.following import NotReady
from catalog.parameters.endpoints import Endpoint, Query
from catalog.web.parameters import Superfluous
from front.answers import Answer

HTML = "text/html"
MEDIA_TYPE_OF_PROBLEMS = "application/problem+json"

CACHE_CONTROL = "public, max-age=3600"
"""Of pages that only a new version of the service changes."""
PUBLIC = "public, max-age=60, stale-while-revalidate=300, stale-if-error=86400"
"""Of pages that show a revision."""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Only this service itself: nothing of another host, no script and no style within a page, no frame."""
HEADERS = (("Content-Type", f"{HTML}; charset=utf-8"), ("Content-Security-Policy", CONTENT_SECURITY_POLICY))


class AnyRenderer(BaseRenderer):
    """A page has one format, regardless of the formats that a client accepts."""

    media_type = "*/*"


class Page(APIView):
    """A page that is not in the OpenAPI document. Its `endpoint` declares its parameters and whether it is cached."""

    endpoint = Endpoint(media_type=HTML)
    schema = None
    renderer_classes = (AnyRenderer,)

    def options(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]  # DRF would describe a page as data
        return HttpResponse()

    def check_parameters(self, request: Request) -> None:
        """Raise InvalidParameters if the request has other parameters than the declared ones."""
        self.endpoint.filterset(request.query_params)


class CatalogPage(Page):
    """A page that the function of its endpoint makes of the snapshot."""

    def get(self, request: Request, **kwargs: object) -> HttpResponse:
        endpoint = self.endpoint
        if endpoint.answer is None:
            raise TypeError("a page has a function that answers")
        try:
            filters = endpoint.filterset(request.query_params)
        except Superfluous as found:
            return redirect(f"{request.path}?{found.query}" if found.query else request.path)
        query = Query(path=request.path, filters=filters, id=str(next(iter(kwargs.values()), "")))
        with _reading_tables() if endpoint.reads_tables else nullcontext():
            return to_django(endpoint.answer(following.FOLLOWER.current(), query))


class Redirect(Page):
    """Redirect to `url`, which is passed to `as_view`."""

    url = ""

    def get(self, request: Request) -> HttpResponse:
        return HttpResponseRedirect(self.url, headers={"Cache-Control": CACHE_CONTROL})


def to_django(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.whole(), status=answer.status, headers=dict(answer.headers))


def redirect(address: str) -> HttpResponse:
    """Redirect to an address of this service. Shared caches may keep it, because it depends on the address alone."""
    response = HttpResponse(status=302, headers={"Cache-Control": CACHE_CONTROL})
    response["Location"] = address if not address.startswith("//") else "/"
    return response


@contextmanager
def _reading_tables() -> Iterator[None]:
    """Answer 503 if the database does not respond."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise NotReady("the database does not answer, and this page requires it") from error
