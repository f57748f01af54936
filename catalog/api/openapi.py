"""The OpenAPI document, and its page."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache

from django.http import HttpRequest, HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.renderers import BaseRenderer, JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import answers
from catalog.api.base import CatalogView, to_django
from catalog.parameters.endpoints import Endpoint


class Schema(CatalogView):
    """The OpenAPI document. It has one form, whichever of JSON's media types a client accepts."""

    endpoint = Endpoint(media_type=OpenApiJsonRenderer.media_type, is_cacheable=True)
    schema = None

    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        return to_django(answers.answer(_openapi(), self.endpoint.media_type, cache_control=answers.PUBLIC))

    def get_renderers(self) -> list[BaseRenderer]:
        return [*super().get_renderers(), JSONRenderer()]


@cache
def _openapi() -> bytes:
    """Generate the document once: it takes a large part of a second, and only a new version changes it."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # typed in part
    rendered: bytes = OpenApiJsonRenderer().render(document, renderer_context={})
    return rendered


class AnyRenderer(TemplateHTMLRenderer):
    """A page has one format, regardless of the formats that a client accepts."""

    media_type = "*/*"


_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


class Docs(SpectacularSwaggerView):
    """The page of the OpenAPI document."""

    endpoint = Endpoint(media_type="text/html", is_cacheable=True)
    schema = None
    renderer_classes = [AnyRenderer]

    def get(self, request: Request) -> Response:
        self.endpoint.filterset(request.query_params)
        response: Response = super().get(request)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
        # The page is the same for all readers: a token would set a cookie, and would not be valid for other readers.
        response.data["csrf_token"] = ""
        response.content_type = "text/html; charset=utf-8"
        response["Cache-Control"] = answers.PUBLIC
        response.add_post_render_callback(_restrict)
        return response

    # DRF would describe the page with a template that does not exist; its own Response would look for one too.
    def options(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]  # DRF types its own Request
        return HttpResponse()


def _restrict(response: Response) -> None:
    """Allow the page its own files, our API, and exactly the inline script and style that it was rendered with."""
    hashes: dict[bytes, list[str]] = {b"script": [], b"style": []}
    for element, text in _INLINE.findall(response.content):
        hashes[element].append(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'")
    response["Content-Security-Policy"] = "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *hashes[b"script"]]),
            " ".join(["style-src 'self'", *hashes[b"style"]]),
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
