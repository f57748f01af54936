"""The mark of a provider, served by ourselves: no page asks another host for one."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpResponse
from rest_framework.request import Request

from catalog import icons, registry
from catalog.serving import snapshot
from catalog.web.pages import Page


class Logo(Page):
    """The SVG of the provider of a key; a lettered one where it has no mark of its own."""

    def get(self, request: Request, key: str) -> HttpResponse:
        self.check_parameters(request)
        held = snapshot.current()
        known = registry.PROVIDERS.of(key)
        told = held.providers.get(registry.PROVIDERS.key(key))
        if known is None and not held.index.having("provider", registry.PROVIDERS.key(key)):
            raise Http404("There is no provider of this name.")
        name = known.name if known else (told and told.name) or key
        body = icons.mark(known.icon if known else None, name=name, folder=settings.LOGOS_DIR)
        return HttpResponse(
            body,
            content_type="image/svg+xml",
            headers={
                "Cache-Control": "public, max-age=86400",
                # An SVG opened by itself is a page; this one may do nothing.
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
                "Access-Control-Allow-Origin": "*",
            },
        )
