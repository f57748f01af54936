"""A page of the web face. What is wrong with a request is answered as everywhere else, as a problem."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.serving.filters import NoParameters


class AnyRenderer(BaseRenderer):
    """A page is what it is, whatever a client would rather have."""

    media_type = "*/*"


class Page(APIView):
    """Not in the OpenAPI document."""

    schema = None
    renderer_classes = (AnyRenderer,)

    def options(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]  # DRF would describe a page as data
        return HttpResponse()

    def check_parameters(self, request: Request) -> None:
        """Raises InvalidParameters: pages take none."""
        NoParameters(request.query_params)


class Redirect(Page):
    """To `url`, which is passed to `as_view`."""

    url = ""

    def get(self, request: Request) -> HttpResponse:
        return HttpResponseRedirect(self.url)
