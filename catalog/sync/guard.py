"""Judges whether what a gateway says is believable, before any of it is published. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from catalog.normalize import money
from catalog.normalize.meters import METERS
from catalog.normalize.money import Unit
from catalog.publication.apply import Comparison, NotBelieved
from catalog.publication.holds import PriceKey
from catalog.records import OfferRecord, PriceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on a listing or a price is not believed."""

    missing_percent: int = 30
    rejected_percent: int = 20
    price_factor: int = 10
    least_usd_per_million_tokens: Decimal = Decimal("0.0001")
    most_usd_per_million_tokens: Decimal = Decimal(1000)
    most_usd: Decimal = Decimal(1000)
    """For one unit of any other meter: an hour, a request, an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictGuard:
    """For a listing that was just read."""

    limits: Limits
    seen: int
    rejected: int

    def judge_listing(self, comparison: Comparison) -> None:
        reasons = []
        missing: frozenset[str] = frozenset()
        if self.rejected * 100 > self.limits.rejected_percent * self.seen:
            reasons.append(
                f"{self.rejected} of {self.seen} rows were rejected, more than {self.limits.rejected_percent} %"
            )
        if self._too_many_missing(comparison):
            missing = comparison.missing if not reasons else frozenset()
            reasons.append(
                f"{len(comparison.missing)} of {comparison.known} known offers are missing, "
                f"more than {self.limits.missing_percent} %"
            )
        if reasons:
            raise NotBelieved(reasons, missing=missing)

    def doubts(self, before: OfferRecord | None, after: OfferRecord) -> Mapping[PriceKey, str]:
        believed = {price.key: price.amount for price in before.prices} if before else {}
        doubtful = {price.key: self._doubt(believed.get(price.key), price) for price in after.prices}
        return {key: reason for key, reason in doubtful.items() if reason}

    def _too_many_missing(self, comparison: Comparison) -> bool:
        return len(comparison.missing) * 100 > self.limits.missing_percent * comparison.known

    def _doubt(self, before: Decimal | None, price: PriceRecord) -> str | None:
        shown = _shown(price.meter, price.amount)
        if not self._is_charged_anywhere(price):
            return f"{shown} is outside of what anyone charges"
        if before is None or before == price.amount:
            return None
        if before and not price.amount:
            return f"it fell from {_shown(price.meter, before)} to zero"
        factor = self.limits.price_factor
        if before and max(before, price.amount) > factor * min(before, price.amount):
            return f"it moved more than {factor}-fold, from {_shown(price.meter, before)} to {shown}"
        return None

    def _is_charged_anywhere(self, price: PriceRecord) -> bool:
        if not price.amount:
            return True
        if METERS[price.meter].unit is not Unit.TOKEN:
            return price.amount <= self.limits.most_usd
        usd = money.per_million(price.amount)
        return self.limits.least_usd_per_million_tokens <= usd <= self.limits.most_usd_per_million_tokens


class TrustingGuard:
    """For a listing that a person vouches for: what was read before, and is published again or released."""

    def judge_listing(self, comparison: Comparison) -> None:
        """Believes everything."""

    def doubts(self, before: OfferRecord | None, after: OfferRecord) -> Mapping[PriceKey, str]:
        """Nothing; what a curator held stays held."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasingGuard:
    """For a held listing that a curator releases: its rows are vouched for, each of its prices is judged still."""

    strict: StrictGuard

    def judge_listing(self, comparison: Comparison) -> None:
        """Believes that what is missing is gone."""

    def doubts(self, before: OfferRecord | None, after: OfferRecord) -> Mapping[PriceKey, str]:
        return self.strict.doubts(before, after)


def _shown(meter: str, amount: Decimal) -> str:
    if METERS[meter].unit is Unit.TOKEN:
        return f"{money.plain(money.per_million(amount))} US dollars per million tokens ({meter})"
    return f"{money.plain(amount)} US dollars per {METERS[meter].unit} ({meter})"
