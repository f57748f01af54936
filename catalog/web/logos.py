"""The logo of a provider, served by this service, so that no page requests one from another host."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from urllib.parse import quote

from django.conf import settings

from catalog import logos
from catalog.memory.snapshot import Snapshot
from catalog.normalize import model_ids
from catalog.parameters.endpoints import Endpoint, NotFound, Query, always
from catalog.parameters.filterset import SelectionFilterSet
from catalog.parameters.kinds import Word
from catalog.providers import KnownProvider
from catalog.web import pages
from catalog.web.assets import FOR_EVER, SVG_POLICY
from front.answers import Answer

A_DAY, A_MINUTE = "public, max-age=86400", "public, max-age=60"


class LogoFilterSet(SelectionFilterSet):
    """The parameter of a logo."""

    v = Word("The digest of the bytes, for addresses that browsers may keep for ever.")


def read_logo(snapshot: Snapshot, query: Query) -> Answer:
    """Return the SVG logo of the provider with this key; if it has none, one made of a letter. Raise NotFound."""
    key = snapshot.makers.key(query.id)
    known, reported = snapshot.makers.of(query.id), snapshot.providers.get(key)
    if known is None and not snapshot.index.having("provider", key):
        raise NotFound("There is no provider of this name.")
    name = known.name if known else (reported and reported.name) or query.id
    icon = known.icon if known else None
    body = logos.svg_of(icon, name=name, folder=settings.LOGOS_DIR)
    is_exact = icon is not None and query.values["v"] == _digest(icon)
    headers = (
        ("Content-Type", "image/svg+xml"),
        ("Cache-Control", _policy(query.values["v"], is_exact=is_exact)),
        ("Content-Security-Policy", SVG_POLICY),
    )
    return Answer(200, headers, body)


def _policy(version: str | None, *, is_exact: bool) -> str:
    """Return how long browsers may keep a logo. One of another version than the address names is soon another one."""
    if is_exact:
        return FOR_EVER
    return A_DAY if version is None else A_MINUTE


class Logo(pages.CatalogPage):
    endpoint = Endpoint(
        media_type="image/svg+xml", is_cacheable=True, filterset=LogoFilterSet, answer=read_logo, is_quick=always
    )


@lru_cache(maxsize=4_096)
def logo_address(known: KnownProvider | None) -> str | None:
    """Return the address of the logo for pages, which browsers keep for ever; None if there is only a letter."""
    if known is None or known.icon is None or (digest := _digest(known.icon)) is None:
        return None
    return f"/logos/{quote(model_ids.provider_key(known.slug), safe='')}.svg?v={digest}"


@cache
def _digest(icon: str) -> str | None:
    """Return the digest of an icon's file; None if it is missing."""
    try:
        return hashlib.sha256((settings.LOGOS_DIR / f"{icon}.svg").read_bytes()).hexdigest()[:8]
    except FileNotFoundError:
        return None
