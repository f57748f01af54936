"""Figures of a selection: how many of what, and how prices are distributed.

Prices are exact: each is the price of some offer, never a mean of two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from catalog import registry
from catalog.memory.selection import Selection
from catalog.memory.unhurried import sorted_unhurriedly, unhurried
from catalog.pricing.tariffs import Tariff
from catalog.reports.providers import slug_of

COUNTED = ("gateway", "model_type", "price_status", "price_basis", "price_tier", "availability")
"""Facets. An offer with an unknown value is in none of the counts of that facet."""

PERCENTILES: Mapping[str, int] = {"min": 0, "p10": 10, "p25": 25, "median": 50, "p75": 75, "p90": 90, "max": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How a price is distributed over offers, in US dollars. The percentiles are None if no price is above 0."""

    offers: int
    """Offers with a price above 0. The percentiles are of these prices."""
    free: int
    """Offers with a price of 0."""
    min: Decimal | None
    p10: Decimal | None
    p25: Decimal | None
    median: Decimal | None
    p75: Decimal | None
    p90: Decimal | None
    max: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCounts:
    total: int
    by_gateways: Mapping[str, int]
    """The number of models that are sold at 1, 2, … gateways. The keys are the numbers, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    offers: int
    models: ModelCounts
    counts: Mapping[str, Mapping[str, int]]
    """The number of offers by facet (COUNTED and `provider`) and value."""
    prices: Mapping[str, Distribution]
    """By the names of PRICES."""
    prices_by_gateway: Mapping[str, Mapping[str, Distribution]]


PRICES: Mapping[str, Callable[[Tariff], Decimal | None]] = {
    "prompt_per_million": lambda tariff: tariff.per_million_input,
    "completion_per_million": lambda tariff: tariff.per_million_output,
    "hourly_rate": lambda tariff: tariff.hourly_rate,
}
"""Prices in US dollars: of tokens for offers billed by tokens, of hours for offers billed by the hour."""


def statistics(selection: Selection) -> Statistics:
    return Statistics(
        offers=len(selection),
        models=_models(selection),
        counts={name: selection.counts(name) for name in COUNTED} | {"provider": _providers(selection)},
        prices=_prices(selection),
        prices_by_gateway={slug: _prices(selection.of_gateway(slug)) for slug in selection.counts("gateway")},
    )


def nearest_rank(counted: Mapping[Decimal, int], percentiles: Sequence[int]) -> list[Decimal]:
    """Return for each percentile the smallest value that this percentage of all values does not exceed.

    The percentile 0 is the smallest value.
    """
    values = list(sorted_unhurriedly(counted, key=lambda value: value))  # in steps: decimals are compared slowly
    up_to = list(accumulate(counted[value] for value in values))
    # Rounded up with integers: a float might make the rank one too high.
    ranks = [max(1, -(-percent * up_to[-1] // 100)) for percent in percentiles]
    return [values[bisect_left(up_to, rank)] for rank in ranks]


def _models(selection: Selection) -> ModelCounts:
    sellers: dict[str, set[str]] = defaultdict(set)
    rows = selection.snapshot.index.rows
    for position in unhurried(selection.members):
        row = rows[position]
        if row.identity is not None:
            sellers[row.identity.model].add(row.gateway)
    spread = Counter(map(len, sellers.values()))
    numbers = range(1, len(registry.GATEWAYS) + 1)
    return ModelCounts(total=len(sellers), by_gateways={str(number): spread[number] for number in numbers})


def _providers(selection: Selection) -> dict[str, int]:
    """Count offers by the slug that provider lists show, those with most offers first."""
    counted = selection.counts("provider")
    return {slug_of(selection, key): counted[key] for key in sorted(counted, key=lambda key: (-counted[key], key))}


def _prices(selection: Selection) -> dict[str, Distribution]:
    rows = selection.snapshot.index.rows
    counted = Counter(rows[position].tariff for position in unhurried(selection.members))
    return {name: _distribution(counted, price) for name, price in PRICES.items()}


def _distribution(counted: Mapping[Tariff, int], price: Callable[[Tariff], Decimal | None]) -> Distribution:
    amounts: Counter[Decimal] = Counter()
    for tariff, offers in unhurried(counted.items()):
        if (amount := price(tariff)) is not None:
            amounts[amount] += offers
    free = amounts.pop(Decimal(0), 0)
    ranked = (
        dict.fromkeys(PERCENTILES)
        if not amounts
        else dict(zip(PERCENTILES, nearest_rank(amounts, [*PERCENTILES.values()]), strict=True))
    )
    return Distribution(offers=amounts.total(), free=free, **ranked)
