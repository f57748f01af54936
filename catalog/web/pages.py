"""A page of the web interface. Errors of a request are answered as a problem, as everywhere else."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.parameters.endpoints import Endpoint

HTML = "text/html"

CACHE_CONTROL = "public, max-age=3600"
"""Only a new version of the service changes a page."""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Only the page itself and our own style are allowed: no script, no frame, no form."""


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


class Redirect(Page):
    """Redirect to `url`, which is passed to `as_view`."""

    url = ""

    def get(self, request: Request) -> HttpResponse:
        return HttpResponseRedirect(self.url, headers={"Cache-Control": CACHE_CONTROL})
