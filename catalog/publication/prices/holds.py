"""Applies the current price holds to a gateway's record, so that a doubted price is not served. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from catalog.pricing import billing
from catalog.pricing.meters import COMPUTE_HOUR
from catalog.records import OfferRecord, PriceRecord

PriceKey = tuple[str, str]
"""The meter and the conditions of a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """While the gateway reports `amount`, `kept` is served instead. If `kept` is None, the price is unknown."""

    amount: Decimal
    kept: Decimal | None


def with_holds(record: OfferRecord, holds: Mapping[PriceKey, Hold]) -> OfferRecord:
    """Return the record as it may be served.

    If only the price of an instance hour is left, it is left out as well. No client is billed for that hour, and
    readers would take it for the price.
    """
    if not holds:
        return record
    served = tuple(found for price in record.prices if (found := _served(price, holds.get(price.key))) is not None)
    if _is_hourly(served) and not _is_hourly(record.prices):
        served = tuple(price for price in served if price.meter != COMPUTE_HOUR)
    return replace(record, prices=served)


def _is_hourly(prices: Iterable[PriceRecord]) -> bool:
    return {price.meter for price in billing.billed(prices)} == {COMPUTE_HOUR}


def held_keys(record: OfferRecord, holds: Mapping[PriceKey, Hold]) -> Sequence[PriceKey]:
    """Return the keys of the held prices of the record."""
    return [price.key for price in record.prices if (hold := holds.get(price.key)) and hold.amount == price.amount]


def _served(price: PriceRecord, hold: Hold | None) -> PriceRecord | None:
    if hold is None or hold.amount != price.amount:
        return price
    return None if hold.kept is None else replace(price, amount=hold.kept)
