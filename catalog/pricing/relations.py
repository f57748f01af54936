"""How the prices of one offer relate to each other. A price that breaks a relation is a mistake. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from catalog.pricing import meters
from catalog.pricing.billing import EXECUTION_MODE
from catalog.records import Condition, PriceRecord

PriceKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A price that breaks a relation, and the price that it is compared with."""

    price: PriceRecord
    other: PriceRecord
    factor: int = 1
    is_too_low: bool = False


_AT_MOST = (
    (meters.INPUT_TEXT_CACHE_READ, meters.INPUT_TEXT, 1),
    (meters.INPUT_AUDIO_CACHE_READ, meters.INPUT_AUDIO, 1),
    (meters.INPUT_TEXT_CACHE_WRITE, meters.INPUT_TEXT, 3),
    (meters.INPUT_TEXT_CACHE_WRITE_1H, meters.INPUT_TEXT, 3),
)
"""The first meter costs at most this many times as much as the second."""
_AT_LEAST = ((meters.INPUT_TEXT_CACHE_WRITE_1H, meters.INPUT_TEXT_CACHE_WRITE),)
"""The first meter costs at least as much as the second."""
_BATCH, _PRIORITY = "batch", "priority"


def broken(prices: Iterable[PriceRecord]) -> dict[PriceKey, Break]:
    """Return the prices that break a relation, by meter and conditions.

    Prices are compared under equal conditions. A relation to an unknown price or to zero is ignored.
    """
    by_key = {(price.meter, price.conditions): price for price in prices}
    found: dict[PriceKey, Break] = {}
    for price in by_key.values():
        first = next(_breaks(price, by_key), None)
        if first is not None:
            found[price.key] = first
    return found


def _breaks(price: PriceRecord, by_key: Mapping[tuple[str, tuple[Condition, ...]], PriceRecord]) -> Iterator[Break]:
    for meter, other_meter, factor in _AT_MOST:
        other = by_key.get((other_meter, price.conditions))
        if price.meter == meter and other and _is_above(price.amount, other, factor):
            yield Break(price=price, other=other, factor=factor)
    for meter, other_meter in _AT_LEAST:
        other = by_key.get((other_meter, price.conditions))
        if price.meter == meter and other and price.amount < other.amount:
            yield Break(price=price, other=other, is_too_low=True)
    mode, standard = _mode_of(price.conditions)
    other = by_key.get((price.meter, standard))
    if other and mode == _BATCH and _is_above(price.amount, other, 1):
        yield Break(price=price, other=other)
    if other and mode == _PRIORITY and price.amount < other.amount:
        yield Break(price=price, other=other, is_too_low=True)


def _is_above(amount: Decimal, other: PriceRecord, factor: int) -> bool:
    return bool(other.amount) and amount > factor * other.amount


def _mode_of(conditions: tuple[Condition, ...]) -> tuple[str | None, tuple[Condition, ...]]:
    """Return the execution mode among the conditions, and the other conditions."""
    modes = [str(value) for dimension, _, value in conditions if dimension == EXECUTION_MODE]
    others = tuple(condition for condition in conditions if condition[0] != EXECUTION_MODE)
    return (modes[0] if modes else None), others
