"""The logo of a provider, served by this service, so that no page requests one from another host."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpResponse
from rest_framework.request import Request

from catalog import logos, registry
from catalog.memory import following
from catalog.parameters.endpoints import Endpoint
from catalog.web.pages import Page


class Logo(Page):
    """The SVG logo of the provider with this key; if it has none, one made of a letter."""

    endpoint = Endpoint(media_type="image/svg+xml", is_cacheable=True)

    def get(self, request: Request, key: str) -> HttpResponse:
        self.check_parameters(request)
        served = following.FOLLOWER.current()
        known = registry.PROVIDERS.of(key)
        reported = served.providers.get(registry.PROVIDERS.key(key))
        if known is None and not served.index.having("provider", registry.PROVIDERS.key(key)):
            raise Http404("There is no provider of this name.")
        name = known.name if known else (reported and reported.name) or key
        body = logos.svg_of(known.icon if known else None, name=name, folder=settings.LOGOS_DIR)
        return HttpResponse(
            body,
            content_type=self.endpoint.media_type,
            headers={
                "Cache-Control": "public, max-age=86400",
                # An SVG that is opened directly is a page; this one may not run or load anything.
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            },
        )
