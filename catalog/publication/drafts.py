"""Offers on their way to being published: new, changed or withdrawn, with the holds over their prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from catalog import records
from catalog.models import Gateway, Offer, PriceHold, SyncRun
from catalog.normalize import money
from catalog.publication import parts
from catalog.publication.holds import with_holds
from catalog.publication.listing import AcceptedListing, Guard, Loss
from catalog.publication.siblings import Siblings, siblings
from catalog.publication.states import Standing, State, batches, standings, state
from catalog.records import OfferRecord, Source


@dataclass(slots=True)
class Draft:
    """An offer on its way to being published."""

    offer: Offer
    upstream: OfferRecord
    standing: Standing
    believed: OfferRecord | None = None
    """What was served of the same source so far."""
    new_holds: list[PriceHold] = field(default_factory=list)
    overtaken_holds: list[PriceHold] = field(default_factory=list)
    is_withdrawal: bool = False
    is_renamed: bool = False
    """It is new, or goes by other names than before: which model it is has to be decided anew."""

    def accept(self, listing: AcceptedListing, *, fingerprint: str) -> None:
        """Let the offer say what the gateway now says of it."""
        offer, record = self.offer, self.upstream
        offer.name = record.name
        offer.model_type = record.model_type
        self.is_renamed = (
            not offer.pk
            or offer.withdrawn_at is not None
            or parts.published_fact(offer.gateway.slug, offer.upstream) != parts.facts_of(offer.gateway.slug, record)
        )
        offer.upstream = records.dump(record)
        offer.fingerprint = fingerprint
        offer.row_print = listing.row_prints.get(record.id, "")
        offer.source = listing.source
        offer.recorded_on = listing.recorded_on
        offer.withdrawn_at = None
        offer.missed_runs = 0

    def state(self) -> State:
        """What is to be served of it."""
        found = state(self.offer, self.upstream, self.standing)
        found.is_withdrawal = self.is_withdrawal
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafter:
    """Makes the drafts of one publication."""

    gateway: Gateway
    listing: AcceptedListing
    guard: Guard
    run: SyncRun
    now: datetime

    def drafts(self, *, new: Collection[str], changed: Collection[str], withdrawn: Collection[str]) -> list[Draft]:
        """Of the offers with these ids. Raises NotBelieved where too many of them lost a fact."""
        found = [*self._new(new), *self._changed(changed)]
        others = siblings(self.gateway, ((draft.offer, draft.upstream) for draft in found))
        for draft in found:
            _overtake_holds(draft)
            self._hold_doubtful_prices(draft, others)
        self.guard.judge_losses(_losses(self.gateway, found, source=self.listing.source))
        return [*found, *self._withdrawn(withdrawn)]

    def _new(self, keys: Collection[str]) -> Iterator[Draft]:
        for key in sorted(keys):
            offer = Offer(gateway=self.gateway, model_id=key, first_seen_at=self.now)
            yield Draft(offer, self.listing.records[key], Standing())

    def _changed(self, keys: Collection[str]) -> Iterator[Draft]:
        offers = _offers(self.gateway, keys)
        over = standings(offers)
        for offer in offers:
            draft = Draft(offer, self.listing.records[offer.model_id], over.get(offer.pk) or Standing())
            # A price of another source is no measure: a bundled catalogue can be a year old.
            if offer.source == self.listing.source:
                draft.believed = with_holds(records.load(offer.upstream), draft.standing.applied_holds)
            yield draft

    def _withdrawn(self, keys: Collection[str]) -> Iterator[Draft]:
        offers = _offers(self.gateway, keys)
        over = standings(offers)
        for offer in offers:
            offer.withdrawn_at = self.now
            yield Draft(offer, records.load(offer.upstream), over.get(offer.pk) or Standing(), is_withdrawal=True)

    def _hold_doubtful_prices(self, draft: Draft, others: Siblings) -> None:
        before = {price.key: price.amount for price in draft.believed.prices} if draft.believed else {}
        said = {price.key: price.amount for price in draft.upstream.prices}
        middles = others.of(self.gateway.slug, draft.offer.model_id)
        for key, reason in self.guard.doubts(draft.believed, draft.upstream, siblings=middles).items():
            if key in draft.standing.holds:
                continue  # a curator is being asked, or has answered
            hold = PriceHold(
                offer=draft.offer,
                meter=key[0],
                conditions_key=key[1],
                amount=money.plain(said[key]),
                kept=money.plain(before[key]) if key in before else "",
                reason=reason,
                run=self.run if self.run.pk else None,
                made_at=self.now,
            )
            draft.new_holds.append(hold)
            draft.standing.holds[key] = hold


def _offers(gateway: Gateway, keys: Collection[str]) -> list[Offer]:
    return [
        offer
        for batch in batches(sorted(keys))
        for offer in Offer.objects.filter(gateway=gateway, model_id__in=batch).select_related("gateway")
    ]


def _overtake_holds(draft: Draft) -> None:
    """A hold says something about one amount; once the gateway says another one, it says nothing any more."""
    said = {price.key: price.amount for price in draft.upstream.prices}
    for key, hold in list(draft.standing.holds.items()):
        if key not in said or said[key] != Decimal(hold.amount):
            hold.state = PriceHold.State.OVERTAKEN
            draft.overtaken_holds.append(draft.standing.holds.pop(key))


def _losses(gateway: Gateway, drafts: Iterable[Draft], *, source: Source) -> list[Loss]:
    lost: Counter[str] = Counter()
    for draft in drafts:
        if draft.believed:
            lost.update(_facts(draft.believed) - _facts(draft.upstream))
    if not lost:
        return []
    # The offers are still stored as they were before this listing.
    published = Offer.objects.filter(gateway=gateway, withdrawn_at=None, source=source).values_list(
        "upstream", flat=True
    )
    had = Counter(fact for text in published.iterator() for fact in _facts(records.load(text)))
    return [Loss(fact=fact, lost=count, had=max(count, had[fact])) for fact, count in sorted(lost.items())]


def _facts(record: OfferRecord) -> set[str]:
    """Which of the facts that a catalogue is for are told."""
    told = {"price": bool(record.prices) or record.is_dynamic, "context length": record.context_length is not None}
    return {fact for fact, is_told in told.items() if is_told}
