"""Judges whether a gateway's listing and prices are plausible before they are published. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog.pricing import relations
from catalog.pricing.meters import METERS
from catalog.publication.listing import Comparison, Loss, NotBelieved
from catalog.publication.prices import plausible
from catalog.publication.prices.doubts import Doubt, Rule
from catalog.publication.prices.holds import PriceKey
from catalog.publication.prices.plausible import Bounds, shown
from catalog.publication.prices.siblings import Middle
from catalog.records import OfferRecord, PriceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Bounds):
    """The limits beyond which a listing or a price is not believed."""

    missing_percent: int = 30
    rejected_percent: int = 20
    price_factor: int = 10
    sibling_factor: int = 20


_LIMIT_WORDS = {
    "rejected_percent": ("rows were rejected",),
    "missing_percent": ("known offers are missing", "have none any more"),
}
"""Words of the reasons below, by the limit that each is about."""


def limits_in(reasons: str) -> list[str]:
    """Return the limits that the reasons of a held run are about. An empty listing is held without a limit."""
    return [limit for limit, words in _LIMIT_WORDS.items() if any(each in reasons for each in words)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictGuard:
    """The guard for a listing that was just read."""

    limits: Limits
    seen: int
    rejected: int
    seen_before: int = 0
    """Number of rows in the accepted listing of the same source; 0 if there is none."""
    is_reconfigured: bool = False
    """The operator has set another key or other options since, so the gateway now returns a different list."""

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
                f"{len(comparison.missing)} of {comparison.published} known offers are missing, "
                f"more than {self.limits.missing_percent} %"
            )
        if reasons:
            raise NotBelieved(reasons, missing=missing)

    def judge_losses(self, losses: Sequence[Loss]) -> None:
        percent = self.limits.missing_percent
        reasons = [
            f"{loss.lost} of {loss.had} offers with a {loss.fact} have none any more, more than {percent} %"
            for loss in losses
            if loss.lost * 100 > percent * loss.had and not self.is_reconfigured
        ]
        if reasons:
            raise NotBelieved(reasons)

    def doubts(
        self, before: OfferRecord | None, after: OfferRecord, *, siblings: Mapping[PriceKey, Middle]
    ) -> Mapping[PriceKey, Doubt]:
        believed = {price.key: price.amount for price in before.prices} if before else {}
        broken = relations.broken(after.prices)
        found: dict[PriceKey, Doubt] = {}
        for price in after.prices:
            doubt = self._doubt_of_itself(after, price, broken.get(price.key))
            if doubt is None and believed.get(price.key) != price.amount:
                doubt = self._doubt_of_move(believed.get(price.key), price, is_free=after.is_free_by_name)
                doubt = doubt or self._doubt_among(siblings.get(price.key), price)
            if doubt:
                found[price.key] = doubt
        return found

    def doubt_of_repeated(self, record: OfferRecord, price: PriceRecord, *, others: Middle | None) -> Doubt | None:
        broken = relations.broken(record.prices).get(price.key)
        return self._doubt_of_itself(record, price, broken) or self._doubt_among(others, price)

    def do_agree(self, price: PriceRecord, *, others: Middle | None) -> bool:
        return others is not None and self._doubt_among(others, price) is None

    def _too_many_missing(self, comparison: Comparison) -> bool:
        """Return whether too many offers are missing. An incomplete listing must also have shrunk.

        Some gateways show only a part of their list, and a different part each time. The published offers then
        outnumber the rows of any single listing.
        """
        percent = self.limits.missing_percent
        if self.is_reconfigured:
            return False
        if not comparison.is_complete and self.seen_before:
            has_shrunk = (self.seen_before - self.seen) * 100 > percent * self.seen_before
        else:
            has_shrunk = True
        return has_shrunk and len(comparison.missing) * 100 > percent * comparison.published

    def _doubt_of_itself(self, record: OfferRecord, price: PriceRecord, broken: relations.Break | None) -> Doubt | None:
        """Return why the price is not believed, independently of the price before it."""
        if reason := plausible.doubt(price, self.limits):
            return Doubt(rule=Rule.BOUNDS, reason=reason)
        if broken:
            return Doubt(rule=Rule.RELATION, reason=plausible.contradiction(broken))
        if price.amount and METERS[price.meter].is_base and record.is_free_by_name:
            return Doubt(rule=Rule.PAID, reason=f"{shown(price.meter, price.amount)}, although its name says free")
        return None

    def _doubt_of_move(self, before: Decimal | None, price: PriceRecord, *, is_free: bool) -> Doubt | None:
        if not before:
            return None
        if not price.amount:
            reason = f"it fell from {shown(price.meter, before)} to zero"
            return None if is_free else Doubt(rule=Rule.ZERO, reason=reason)
        factor = self.limits.price_factor
        if max(before, price.amount) > factor * min(before, price.amount):
            now = shown(price.meter, price.amount)
            reason = f"it moved more than {factor}-fold, from {shown(price.meter, before)} to {now}"
            return Doubt(rule=Rule.MOVE, reason=reason)
        return None

    def _doubt_among(self, others: Middle | None, price: PriceRecord) -> Doubt | None:
        if others is None or not price.amount:
            return None
        factor, now = self.limits.sibling_factor, shown(price.meter, price.amount)
        if price.amount > factor * others.high:
            theirs = shown(price.meter, others.high)
            reason = f"{now} is more than {factor} times what others ask for this model, {theirs}"
        elif factor * price.amount < others.low:
            reason = f"others ask more than {factor} times {now} for this model: {shown(price.meter, others.low)}"
        else:
            return None
        return Doubt(rule=Rule.SIBLINGS, reason=reason)


class TrustingGuard:
    """The guard for a listing that a person vouches for: an earlier reading that is published again or released."""

    def judge_listing(self, comparison: Comparison) -> None:
        """Accept every listing."""

    def judge_losses(self, losses: Sequence[Loss]) -> None:
        """Accept every loss."""

    def doubts(
        self, before: OfferRecord | None, after: OfferRecord, *, siblings: Mapping[PriceKey, Middle]
    ) -> Mapping[PriceKey, Doubt]:
        """Return no doubts; prices that a curator keeps held stay held."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasingGuard:
    """The guard for a held listing that a curator releases: its rows are accepted, but each price is still judged."""

    strict: StrictGuard

    def judge_listing(self, comparison: Comparison) -> None:
        """Accept that the missing offers are gone."""

    def judge_losses(self, losses: Sequence[Loss]) -> None:
        """Accept that facts which are no longer reported are unknown."""

    def doubts(
        self, before: OfferRecord | None, after: OfferRecord, *, siblings: Mapping[PriceKey, Middle]
    ) -> Mapping[PriceKey, Doubt]:
        return self.strict.doubts(before, after, siblings=siblings)
