"""What anyone charges: a price outside of it is taken for a mistake until a person says otherwise. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from catalog.pricing import money
from catalog.pricing.meters import METERS
from catalog.pricing.money import Unit
from catalog.pricing.relations import Break
from catalog.records import PriceRecord

RULES = 2
"""Raise it when a price that was published may be judged in another way: the next run then judges every row again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of a price above zero, in US dollars."""

    least_usd_per_million_tokens: Decimal = Decimal("0.0001")
    most_usd_per_million_tokens: Decimal = Decimal(1000)
    most_usd: Decimal = Decimal(1000)
    """For one unit of any other meter: an hour, a request, an image."""

    def hold(self, price: PriceRecord) -> bool:
        if not price.amount:
            return True
        if METERS[price.meter].unit is not Unit.TOKEN:
            return price.amount <= self.most_usd
        usd = money.per_million(price.amount)
        return self.least_usd_per_million_tokens <= usd <= self.most_usd_per_million_tokens


def doubt(price: PriceRecord, bounds: Bounds) -> str | None:
    """Why the price is not believed whatever it was before; None where there is no reason."""
    return None if bounds.hold(price) else f"{shown(price.meter, price.amount)} is outside of what anyone charges"


def contradiction(found: Break) -> str:
    """Two prices of one offer that cannot both be right, in words for a curator."""
    price, other = (shown(each.meter, each.amount) for each in (found.price, found.other))
    if found.is_too_low:
        return f"{price} is less than {other}"
    return f"{price} is more than {'' if found.factor == 1 else f'{found.factor} times '}{other}"


def shown(meter: str, amount: Decimal) -> str:
    """A price in words for a curator, tokens by the million as people know them."""
    if METERS[meter].unit is Unit.TOKEN:
        return f"{money.plain(money.per_million(amount))} US dollars per million tokens ({meter})"
    return f"{money.plain(amount)} US dollars per {METERS[meter].unit} ({meter})"
