"""Price lists: the prices that a row states, sorted into known and unclear ones.

A price that cannot be read, or that is stated in two ways, is unclear; the row keeps its other prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from catalog.pricing import meters
from catalog.pricing.money import Rate, Unclear
from catalog.records import Condition, PriceRecord, UnclearPrice

Stated = Mapping[str, Rate | Unclear]
"""What a row states for each meter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """The prices of a record."""

    prices: tuple[PriceRecord, ...] = ()
    unclear: tuple[UnclearPrice, ...] = ()


def price_list(stated: Iterable[tuple[str, tuple[Condition, ...], Rate | Unclear]]) -> PriceList:
    """Make a price list from the meter, the conditions and the stated value of each price."""
    prices: list[PriceRecord] = []
    unclear: list[UnclearPrice] = []
    for meter, conditions, price in stated:
        if isinstance(price, Unclear):
            in_order = tuple(sorted(conditions, key=str))
            unclear.append(UnclearPrice(meter=meter, conditions=in_order, reason=price.reason))
        else:
            prices.append(meters.price(meter, price, conditions=conditions))
    return PriceList(prices=tuple(prices), unclear=tuple(unclear))


def base_prices(stated: Stated) -> PriceList:
    """Return the prices without conditions, in the order of the meters."""
    return price_list((meter, (), stated[meter]) for meter in meters.METERS if meter in stated)


def known(stated: Stated) -> dict[str, Rate]:
    return {meter: price for meter, price in stated.items() if isinstance(price, Rate)}
