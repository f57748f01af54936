"""The providers of a selection, with their figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from catalog.serving.selection import Selection
from catalog.serving.snapshot import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFigures:
    slug: str
    name: str
    source_gateways: list[str]
    model_count: int
    model_types: dict[str, int]


def providers_of(selection: Selection) -> list[ProviderFigures]:
    """Every provider with an offer in the selection, by name. Offers whose provider is unknown belong to none."""
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for row in selection.rows:
        if row.provider_key is not None:
            rows_of[row.provider_key].append(row)
    return [_figures(rows_of[key]) for key in sorted(rows_of)]


def _figures(rows: list[Row]) -> ProviderFigures:
    spelling = Counter(row.provider_slug for row in rows if row.provider_slug).most_common(1)[0][0]
    return ProviderFigures(
        slug=spelling,
        name=spelling,
        source_gateways=sorted({row.gateway for row in rows}),
        model_count=len(rows),
        model_types=dict(sorted(Counter(row.model_type for row in rows).items())),
    )
