"""The providers of a selection, with their figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from catalog.memory.selection import Selection
from catalog.memory.snapshot import ProviderRow
from catalog.providers import logo_path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFigures:
    slug: str
    name: str
    aliases: list[str]
    site_url: str | None
    logo_url: str
    hugging_face: str | None
    headquarters: str | None
    status_page_url: str | None
    terms_url: str | None
    privacy_url: str | None
    source_gateways: list[str]
    model_count: int
    model_types: dict[str, int]


def provider_keys(selection: Selection) -> list[str]:
    """Return the keys of all providers with an offer in the selection, sorted.

    Offers without a known provider belong to none.
    """
    found = selection.snapshot.index.facets["provider"]
    return sorted(key for key, offers in found.items() if offers.intersect(selection.members))


def figures(selection: Selection, key: str) -> ProviderFigures:
    """Return the figures of the provider with this key, computed from its offers in the selection."""
    mine = selection.having("provider", key)
    known = selection.snapshot.makers.of(key)
    reported = selection.snapshot.providers.get(key) or ProviderRow()
    spelling = slug_of(selection, key)
    return ProviderFigures(
        slug=spelling,
        name=known.name if known else reported.name or spelling,
        aliases=list(known.aliases) if known else [],
        site_url=known.site_url if known else None,
        logo_url=logo_path(key),
        hugging_face=known.hugging_face if known else None,
        headquarters=reported.headquarters or None,
        status_page_url=reported.status_page_url or None,
        terms_url=reported.terms_url or None,
        privacy_url=reported.privacy_url or None,
        source_gateways=list(mine.counts("gateway")),
        model_count=len(mine),
        model_types=mine.counts("model_type"),
    )


def slug_of(selection: Selection, key: str) -> str:
    """Return the provider's canonical slug; if only its offers are known, their most frequent spelling."""
    if (known := selection.snapshot.makers.of(key)) is not None:
        return known.slug
    spellings = Counter(row.provider_slug for row in selection.having("provider", key).rows if row.provider_slug)
    return spellings.most_common(1)[0][0]
