"""Lays the standing price holds over what a gateway says: a price that was not believed is not served. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from catalog.records import OfferRecord, PriceRecord

PriceKey = tuple[str, str]
"""Meter and conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """While the gateway says `amount`, `kept` is served instead; None keeps the price unknown."""

    amount: Decimal
    kept: Decimal | None


def with_holds(record: OfferRecord, holds: Mapping[PriceKey, Hold]) -> OfferRecord:
    """The record as it may be served."""
    if not holds:
        return record
    prices = [_held(price, holds.get(price.key)) for price in record.prices]
    return replace(record, prices=tuple(price for price in prices if price is not None))


def held_keys(record: OfferRecord, holds: Mapping[PriceKey, Hold]) -> Sequence[PriceKey]:
    """Which prices of the record are held."""
    return [price.key for price in record.prices if (hold := holds.get(price.key)) and hold.amount == price.amount]


def _held(price: PriceRecord, hold: Hold | None) -> PriceRecord | None:
    if hold is None or hold.amount != price.amount:
        return price
    return None if hold.kept is None else replace(price, amount=hold.kept)
