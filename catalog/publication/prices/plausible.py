"""The range of plausible prices: a price outside it is taken for a mistake until a person confirms it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from catalog.pricing import money, schedules
from catalog.pricing.meters import METERS
from catalog.pricing.money import Unit
from catalog.pricing.relations import Break
from catalog.records import PriceRecord

RULES = 3
"""Raise this number if published prices may be judged differently now: the next run then judges every row again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds of a price above zero, in US dollars."""

    least_usd_per_million_tokens: Decimal = Decimal("0.0001")
    most_usd_per_million_tokens: Decimal = Decimal(1000)
    most_usd: Decimal = Decimal(1000)
    """The highest price for one unit of any other meter: an hour, a request, an image."""

    def contain(self, price: PriceRecord) -> bool:
        if not price.amount:
            return True
        if METERS[price.meter].unit is not Unit.TOKEN:
            return price.amount <= self.most_usd
        usd = money.per_million(price.amount)
        return self.least_usd_per_million_tokens <= usd <= self.most_usd_per_million_tokens


def doubt(price: PriceRecord, bounds: Bounds) -> str | None:
    """Return why the price is not believed, independently of the price before it. Return None if there is no reason."""
    return None if bounds.contain(price) else f"{shown(price.meter, price.amount)} is outside of what anyone charges"


def contradiction(found: Break) -> str:
    """Describe for a curator two prices of one offer that cannot both be right."""
    price, other = (
        f"{shown(each.meter, each.amount)}{schedules.where(each.conditions)}" for each in (found.price, found.other)
    )
    if found.is_too_low:
        return f"{price} is less than {other}"
    return f"{price} is more than {'' if found.factor == 1 else f'{found.factor} times '}{other}"


def shown(meter: str, amount: Decimal) -> str:
    """Format a price for a curator, with tokens by the million, as is usual."""
    if METERS[meter].unit is Unit.TOKEN:
        return f"{money.plain(money.per_million(amount))} US dollars per million tokens ({meter})"
    return f"{money.plain(amount)} US dollars per {METERS[meter].unit} ({meter})"
