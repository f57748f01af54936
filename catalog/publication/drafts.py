"""Drafts: new, changed and withdrawn offers before their publication, with the holds on their prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from catalog import records
from catalog.models import Gateway, Offer, PriceHold, SyncRun
from catalog.pricing import money, relations
from catalog.publication.batches import batches
from catalog.publication.identity import parts
from catalog.publication.listing import AcceptedListing, Guard, Loss
from catalog.publication.prices.doubts import Doubt, Rule
from catalog.publication.prices.holds import Hold, PriceKey, with_holds
from catalog.publication.prices.repeats import Rules
from catalog.publication.prices.siblings import Siblings, siblings
from catalog.publication.states import Standing, State, standings, state
from catalog.records import OfferRecord, Source

_FEWEST_UNCLEAR = 10
"""If a listing contradicts the prices of this many offers, that counts as a loss of the fact."""


@dataclass(slots=True)
class Draft:
    """An offer before its publication."""

    offer: Offer
    upstream: OfferRecord
    standing: Standing
    believed: OfferRecord | None = None
    """The record that was served from the same source so far."""
    new_holds: list[PriceHold] = field(default_factory=list)
    followed_holds: list[PriceHold] = field(default_factory=list)
    """The holds whose price moved a little."""
    overtaken_holds: list[PriceHold] = field(default_factory=list)
    is_withdrawal: bool = False
    is_renamed: bool = False
    """It is new, or its names have changed: so its model must be resolved again."""

    def accept(self, listing: AcceptedListing, *, fingerprint: str) -> None:
        """Set the fields of the offer to the gateway's new record."""
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
        offer.rejected_since = None
        offer.missed_runs = 0

    def state(self) -> State:
        """Return the state of the offer that will be served."""
        found = state(self.offer, self.upstream, self.standing)
        found.is_withdrawal = self.is_withdrawal
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafter:
    """Builds the drafts of one publication."""

    gateway: Gateway
    listing: AcceptedListing
    guard: Guard
    run: SyncRun
    rules: Rules
    is_counted: bool
    """Whether the reading counts as evidence: a complete listing of the API."""
    now: datetime

    def drafts(self, *, new: Collection[str], changed: Collection[str], withdrawn: Collection[str]) -> list[Draft]:
        """Return the drafts of the offers with these ids. Raises NotBelieved if too many of them lost a fact."""
        found = [*self._new(new), *self._changed(changed)]
        others = siblings(self.gateway, ((draft.offer, draft.upstream) for draft in found))
        doubtful: list[tuple[Draft, PriceKey, Doubt]] = []
        for draft in found:
            self._follow_holds(draft)
            doubtful += [(draft, key, doubt) for key, doubt in self._doubts(draft, others).items()]
        self._hold(doubtful)
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
            # A price of another source is not comparable: a bundled catalogue can be a year old.
            if offer.source == self.listing.source:
                draft.believed = with_holds(records.load(offer.upstream), draft.standing.applied_holds)
            yield draft

    def _withdrawn(self, keys: Collection[str]) -> Iterator[Draft]:
        offers = _offers(self.gateway, keys)
        over = standings(offers)
        for offer in offers:
            offer.withdrawn_at = self.now
            offer.rejected_since = None
            yield Draft(offer, records.load(offer.upstream), over.get(offer.pk) or Standing(), is_withdrawal=True)

    def _follow_holds(self, draft: Draft) -> None:
        """Update the holds: a hold follows its price while the gateway repeats it, and ends once it reports another."""
        reported = {price.key: price.amount for price in draft.upstream.prices}
        broken = relations.broken(draft.upstream.prices)
        for key, hold in list(draft.standing.holds.items()):
            before, first = Decimal(hold.amount), Decimal(hold.first_amount)
            is_moot = hold.rule == Rule.RELATION and hold.state == PriceHold.State.OPEN and key not in broken
            if key not in reported or is_moot or not self.rules.is_repeat(reported[key], before=before, first=first):
                hold.state = PriceHold.State.OVERTAKEN
                hold.is_interrupted = not self.is_counted
                draft.overtaken_holds.append(draft.standing.holds.pop(key))
                continue
            hold.amount = money.plain(reported[key])
            is_contradicted = key in broken and _contradicts_as_served(draft.upstream, key, hold)
            hold.kept = "" if is_contradicted else hold.kept
            if reported[key] != before or is_contradicted:
                draft.followed_holds.append(hold)

    def _doubts(self, draft: Draft, others: Siblings) -> dict[PriceKey, Doubt]:
        middles = others.of(self.gateway.slug, draft.offer.model_id)
        doubts = self.guard.doubts(draft.believed, draft.upstream, siblings=middles)
        # A price with a hold already waits for a curator, or a curator has decided it.
        return {key: doubt for key, doubt in doubts.items() if key not in draft.standing.holds}

    def _hold(self, doubtful: Sequence[tuple[Draft, PriceKey, Doubt]]) -> None:
        earlier = _last_holds([draft.offer for draft, _, _ in doubtful])
        for draft, key, doubt in doubtful:
            hold = self._new_hold(draft, key, doubt)
            overtaken = {(each.meter, each.conditions_key): each for each in draft.overtaken_holds}
            _go_on(hold, overtaken.get(key) or earlier.get((draft.offer.pk, key)), rules=self.rules)
            draft.new_holds.append(hold)
            draft.standing.holds[key] = hold

    def _new_hold(self, draft: Draft, key: PriceKey, doubt: Doubt) -> PriceHold:
        before = {price.key: price.amount for price in draft.believed.prices} if draft.believed else {}
        amount = next(money.plain(price.amount) for price in draft.upstream.prices if price.key == key)
        return PriceHold(
            offer=draft.offer,
            meter=key[0],
            conditions_key=key[1],
            amount=amount,
            first_amount=amount,
            kept=money.plain(before[key]) if key in before and not doubt.leaves_unknown else "",
            rule=doubt.rule,
            reason=doubt.reason,
            run=self.run if self.run.pk else None,
            made_at=self.now,
            reported_since=self.now,
        )


def _offers(gateway: Gateway, keys: Collection[str]) -> list[Offer]:
    """Return the offers sorted by id. Sorting in the database would make the result depend on its collation."""
    found = [
        offer
        for batch in batches(sorted(keys))
        for offer in Offer.objects.filter(gateway=gateway, model_id__in=batch).select_related("gateway")
    ]
    return sorted(found, key=lambda offer: offer.model_id)


def _contradicts_as_served(record: OfferRecord, key: PriceKey, hold: PriceHold) -> bool:
    """Whether the price that is served instead of a waiting one contradicts another price of the offer as well."""
    if hold.state != PriceHold.State.OPEN or not hold.kept:
        return False
    served = with_holds(record, {key: Hold(amount=Decimal(hold.amount), kept=Decimal(hold.kept))})
    return key in relations.broken(served.prices)


def _last_holds(offers: Sequence[Offer]) -> dict[tuple[int, PriceKey], PriceHold]:
    """Return the last overtaken hold of each price, by offer, meter and conditions."""
    overtaken = PriceHold.objects.filter(state=PriceHold.State.OVERTAKEN).order_by("pk")
    return {
        (hold.offer_id, (hold.meter, hold.conditions_key)): hold
        for batch in batches(sorted({offer.pk for offer in offers if offer.pk}))
        for hold in overtaken.filter(offer__in=batch)
    }


def _go_on(hold: PriceHold, earlier: PriceHold | None, *, rules: Rules) -> None:
    """Continue the count of the earlier hold if it was only interrupted, else start again and count a reset."""
    if earlier is None or earlier.decided_at is not None:
        return
    before, first = Decimal(earlier.amount), Decimal(earlier.first_amount)
    if earlier.is_interrupted and rules.is_repeat(Decimal(hold.amount), before=before, first=first):
        for name in ("first_amount", "reported_since", "readings", "first_read_at", "last_read_at", "resets"):
            setattr(hold, name, getattr(earlier, name))
    else:
        hold.resets = earlier.resets + 1


def _losses(gateway: Gateway, drafts: Iterable[Draft], *, source: Source) -> list[Loss]:
    lost: Counter[str] = Counter()
    unclear: Counter[str] = Counter()
    for draft in drafts:
        if draft.believed:
            contradicted = _unclear(draft.believed, draft.upstream)
            lost.update(_facts(draft.believed) - _facts(draft.upstream) - contradicted)
            unclear.update(contradicted)
    # A contradiction affects a few offers; a price list in a new format affects nearly all of them.
    lost.update({fact: count for fact, count in unclear.items() if count >= _FEWEST_UNCLEAR})
    if not lost:
        return []
    # The database still has the offers as they were before this listing.
    published = Offer.objects.filter(gateway=gateway, withdrawn_at=None, source=source).values_list(
        "upstream", flat=True
    )
    had = Counter(fact for text in published.iterator() for fact in _all_facts(records.load(text)))
    return [Loss(fact=fact, lost=count, had=max(count, had[fact])) for fact, count in sorted(lost.items())]


def _facts(record: OfferRecord) -> set[str]:
    """Return which of the essential facts of a catalogue the record contains."""
    told = {"price": bool(record.prices) or record.is_dynamic, "context length": record.context_length is not None}
    return {fact for fact, is_told in told.items() if is_told}


def _all_facts(record: OfferRecord) -> set[str]:
    return _facts(record) | {f"price of {price.meter}" for price in record.prices if not price.conditions}


def _unclear(before: OfferRecord, after: OfferRecord) -> set[str]:
    """Return the known prices that the new row contradicts or hides."""
    contradicted = {f"price of {price.meter}" for price in after.unclear if not price.conditions}
    return _all_facts(before) & (contradicted | ({"price"} - _facts(after) if contradicted else set()))
