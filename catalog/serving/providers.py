"""The providers of a selection, with their figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from catalog import registry
from catalog.known_providers import logo_path
from catalog.serving.selection import Selection
from catalog.serving.snapshot import ProviderRow, Row


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


def providers_of(selection: Selection) -> list[ProviderFigures]:
    """Every provider with an offer in the selection, by key, its aliases merged.

    Offers whose provider is unknown belong to none.
    """
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for row in selection.rows:
        if row.provider_key is not None:
            rows_of[row.provider_key].append(row)
    told = selection.snapshot.providers
    return [_figures(key, rows_of[key], told.get(key) or ProviderRow()) for key in sorted(rows_of)]


def _figures(key: str, rows: list[Row], told: ProviderRow) -> ProviderFigures:
    known = registry.PROVIDERS.of(key)
    spelling = Counter(row.provider_slug for row in rows if row.provider_slug).most_common(1)[0][0]
    return ProviderFigures(
        slug=known.slug if known else spelling,
        name=known.name if known else told.name or spelling,
        aliases=list(known.aliases) if known else [],
        site_url=known.site_url if known else None,
        logo_url=logo_path(key),
        hugging_face=known.hugging_face if known else None,
        headquarters=told.headquarters or None,
        status_page_url=told.status_page_url or None,
        terms_url=told.terms_url or None,
        privacy_url=told.privacy_url or None,
        source_gateways=sorted({row.gateway for row in rows}),
        model_count=len(rows),
        model_types=dict(sorted(Counter(row.model_type for row in rows).items())),
    )
