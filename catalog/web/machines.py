"""What programs read about the pages: robots.txt, the sitemap and llms.txt."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from django.conf import settings

from catalog import registry
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried
from catalog.parameters.endpoints import Endpoint, Query, always
from catalog.web import documents, figures, pages
from catalog.web.makers import makers_of
from catalog.web.offers import model_address
from catalog.web.standing import standing_of
from front.answers import Answer

MOST_ADDRESSES = 50_000
"""The most addresses that one sitemap may have."""
TEXT = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", pages.CACHE_CONTROL))


def read_robots(snapshot: Snapshot, query: Query) -> Answer:
    """Let search engines read the pages, but neither the API nor every list that can be asked for."""
    lines = [
        "User-agent: *",
        *(
            f"Disallow: {path}"
            for path in ("/catalog/", "/api/", "/v1/", "/admin/", "/compare?", "/*?*page=", "/*?*q=")
        ),
        "Allow: /catalog/logos/",
        "",
        f"Sitemap: {settings.PUBLIC_URL}/sitemap.xml",
        "",
    ]
    return Answer(200, TEXT, "\n".join(lines).encode())


class Robots(pages.CatalogPage):
    endpoint = Endpoint(media_type="text/plain", is_cacheable=True, answer=read_robots, is_quick=always)


def read_sitemap(snapshot: Snapshot, query: Query) -> Answer:
    """List the pages that are worth an index: no list that a filter makes, and no comparison."""
    headers = (("Content-Type", "application/xml"), ("Cache-Control", pages.PUBLIC))
    return Answer(200, headers, parts=_sitemap(snapshot))


class Sitemap(pages.CatalogPage):
    endpoint = Endpoint(media_type="application/xml", is_cacheable=True, answer=read_sitemap)


def _sitemap(snapshot: Snapshot) -> Iterator[bytes]:
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    for number, address in enumerate(unhurried(addresses(snapshot))):
        if number == MOST_ADDRESSES:
            break
        yield f"<url><loc>{escape(settings.PUBLIC_URL + address)}</loc></url>\n".encode()
    yield b"</urlset>\n"


def addresses(snapshot: Snapshot) -> Iterator[str]:
    """Yield the addresses of all pages of the catalogue that are worth an index, the best-known models first."""
    yield from ("/", "/compare", "/makers", "/gateways", "/changes", "/docs/")
    yield from (f"/gateways/{slug}" for slug in registry.GATEWAYS)
    yield from (maker["href"] for maker in makers_of(snapshot))
    yield from documents.addresses()
    yield from (model_address(model.slug) for model in standing_of(snapshot).models)


def read_llms(snapshot: Snapshot, query: Query) -> Answer:
    """Say in a few lines what a language model needs to use the catalogue (https://llmstxt.org)."""
    standing = standing_of(snapshot)
    models = figures.counted(len(standing.models), "model")
    gateways = figures.listed([gateway.name for gateway in registry.GATEWAYS.values()])
    site = settings.PUBLIC_URL
    text = f"""# Gatewayz

> The open catalogue of AI models: what every gateway sells, at what price, since when. {models} at {gateways}.

Prices are exact decimals in US dollars, as the gateway publishes them: per token in `pricing`, per million tokens in
`price_per_million`. A price that no gateway publishes is `null`, which does not mean free. This is revision
{snapshot.revision}, published {figures.minute(snapshot.published_at)}.

## API

- [All models with their offers]({site}/catalog/models): filter, sort, count; each offer is one row
- [One model at all gateways]({site}/catalog/canonical/deepseek-ai/DeepSeek-R1): cheapest first for a workload
- [The model that a name means]({site}/catalog/resolve?id=deepseek-r1): any spelling of an id or a name
- [What a workload costs]({site}/docs/api/costs): `/catalog/compare` and `/catalog/estimate`
- [What changed]({site}/catalog/changes): prices, new and withdrawn offers, in order
- [OpenAPI document]({site}/catalog/schema): every endpoint with its parameters

## Whole catalogue

- [CSV]({site}/catalog/export.csv)
- [NDJSON]({site}/catalog/export.ndjson)

## Pages

- [Models]({site}/): the table, with filters
- [Docs]({site}/docs/): what each field and each error means
"""
    return Answer(200, TEXT, text.encode())


class Llms(pages.CatalogPage):
    endpoint = Endpoint(media_type="text/plain", is_cacheable=True, answer=read_llms)
