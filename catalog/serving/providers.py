"""The providers of a selection, with their figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from catalog.serving.selection import Selection
from catalog.serving.snapshot import ProviderRow, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFigures:
    slug: str
    name: str
    headquarters: str | None
    status_page_url: str | None
    terms_url: str | None
    privacy_url: str | None
    source_gateways: list[str]
    model_count: int
    model_types: dict[str, int]


def providers_of(selection: Selection) -> list[ProviderFigures]:
    """Every provider with an offer in the selection, by name. Offers whose provider is unknown belong to none."""
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for row in selection.rows:
        if row.provider_key is not None:
            rows_of[row.provider_key].append(row)
    told = selection.snapshot.providers
    return [_figures(rows_of[key], told.get(key) or ProviderRow()) for key in sorted(rows_of)]


def _figures(rows: list[Row], told: ProviderRow) -> ProviderFigures:
    spelling = Counter(row.provider_slug for row in rows if row.provider_slug).most_common(1)[0][0]
    return ProviderFigures(
        slug=spelling,
        name=told.name or spelling,
        headquarters=told.headquarters or None,
        status_page_url=told.status_page_url or None,
        terms_url=told.terms_url or None,
        privacy_url=told.privacy_url or None,
        source_gateways=sorted({row.gateway for row in rows}),
        model_count=len(rows),
        model_types=dict(sorted(Counter(row.model_type for row in rows).items())),
    )
