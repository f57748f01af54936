"""Counts how often a gateway repeats its held prices, and serves a price that was repeated for long enough."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from catalog import records
from catalog.models import Gateway, Offer, PriceHold, SyncRun
from catalog.models.price import PriceHoldQuerySet
from catalog.publication import apply, clock, locks, revision
from catalog.publication.batches import BATCH
from catalog.publication.prices.doubts import PriceJudge
from catalog.publication.prices.repeats import Rules
from catalog.publication.prices.siblings import Listed, Siblings, siblings
from catalog.records import PriceRecord, Source

_COUNTED = ("readings", "first_read_at", "last_read_at")
_DECIDED = ("state", "rule", "reason", "decided_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The result of one count."""

    prices: int
    """Number of held prices that are believed now."""
    offers: int
    """Number of offers whose document changed."""
    revision_after: int


def count_reading(
    run: SyncRun, *, unread: Collection[str], judge: PriceJudge, rules: Rules, is_edited: bool
) -> Confirmed:
    """Count a complete reading of the gateway's API for each hold on its prices, and believe the prices that are due.

    Call this only for runs whose listing counts as evidence (`AcceptedListing.is_evidence`). A run that read equal
    bytes counts as well. `unread` are the ids of rows that could not be used. `is_edited`: other people edit the file
    that the prices come from. Prices that fell to zero, and prices that a curator discarded, are counted but never
    believed. Raises LeaseLost and ClockMoved.
    """
    if not _counted_holds(run.gateway).exists():
        return Confirmed(prices=0, offers=0, revision_after=revision.current().number)
    with transaction.atomic():
        gateway = locks.lock_gateway_of_run(run.gateway.slug, lease_token=run.lease_token)
        now = clock.publication_time()
        holds = [hold for hold in _counted_holds(gateway).order_by("pk") if hold.offer.model_id not in set(unread)]
        for hold in holds:
            hold.readings += 1
            hold.first_read_at = hold.first_read_at or now
            hold.last_read_at = now
        PriceHold.objects.bulk_update(holds, _COUNTED, batch_size=BATCH)
        count = _Count(gateway=gateway, judge=judge, rules=rules, is_edited=is_edited, now=now)
        changed = count.decide(holds)
        PriceHold.objects.bulk_update(changed, _DECIDED, batch_size=BATCH)
        offers = {hold.offer_id: hold.offer for hold in changed}
        before, after = apply.republish_offers(list(offers.values()), gateway=gateway, now=now)
    believed = sum(hold.state == PriceHold.State.CONFIRMED for hold in changed)
    return Confirmed(prices=believed, offers=len(offers) if after != before else 0, revision_after=after)


def _counted_holds(gateway: Gateway) -> PriceHoldQuerySet:
    """Return the holds on prices of offers that the gateway's API lists now: waiting, or discarded by a curator."""
    holds = PriceHold.objects.filter(state__in=[PriceHold.State.OPEN, PriceHold.State.DISCARDED])
    return holds.filter(
        offer__gateway=gateway, offer__withdrawn_at=None, offer__missed_runs=0, offer__source=Source.API
    ).select_related("offer__gateway", "offer__canonical")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    gateway: Gateway
    judge: PriceJudge
    rules: Rules
    is_edited: bool
    now: datetime

    def decide(self, holds: Sequence[PriceHold]) -> list[PriceHold]:
        """Change the holds that are due, and return the changed ones without saving them."""
        due = [
            (hold, price)
            for hold in holds
            if hold.state == PriceHold.State.OPEN
            and self._is_due(hold, has_agreeing=True)
            and (price := _reported(hold)) is not None
            and price.amount
        ]
        if not due:
            return []
        offers = {hold.offer_id: hold.offer for hold, _ in due}
        others = siblings(self.gateway, (_listed(offer) for offer in offers.values()))
        return [hold for hold, price in due if self._decide(hold, price, others)]

    def _is_due(self, hold: PriceHold, *, has_agreeing: bool) -> bool:
        return self.rules.may_be_believed(
            readings=hold.readings,
            first_read_at=hold.first_read_at,
            now=self.now,
            is_edited=self.is_edited,
            has_agreeing=has_agreeing,
        )

    def _decide(self, hold: PriceHold, price: PriceRecord, others: Siblings) -> bool:
        middle = others.of(self.gateway.slug, hold.offer.model_id).get(price.key)
        doubt = self.judge.doubt_of_repeated(records.load(hold.offer.upstream), price, others=middle)
        if doubt:
            # The figures in the reason change from run to run; only another rule is a change worth storing.
            is_news = hold.rule != doubt.rule
            hold.rule, hold.reason = (doubt.rule, doubt.reason) if is_news else (hold.rule, hold.reason)
            return is_news
        if not self._is_due(hold, has_agreeing=self.judge.do_agree(price, others=middle)):
            return False
        hold.state, hold.decided_at = PriceHold.State.CONFIRMED, self.now
        return True


def _listed(offer: Offer) -> Listed:
    model = offer.canonical.slug if offer.canonical else None
    return Listed(record=records.load(offer.upstream), model=model, variant=offer.variant)


def _reported(hold: PriceHold) -> PriceRecord | None:
    """Return the held price from the gateway's record."""
    prices = records.load(hold.offer.upstream).prices
    key = (hold.meter, hold.conditions_key)
    return next((price for price in prices if price.key == key), None)
