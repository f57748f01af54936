"""Writes a publication: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

import orjson
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from catalog import records
from catalog.models import Gateway, Offer, OfferVersion, Price, PriceHold, Provider, SyncRun
from catalog.normalize import model_ids, money
from catalog.publication import diff, locks, revision
from catalog.publication.holds import PriceKey, with_holds
from catalog.publication.prices import price_changes
from catalog.publication.states import BATCH, Standing, State, batches, standings, state
from catalog.records import OfferRecord, ProviderRecord, Source

Json = Any
_ACCEPTED = (
    "name", "provider", "model_type", "upstream", "fingerprint", "row_print", "source", "recorded_on", "withdrawn_at",
)  # fmt: skip


_PROVIDER_FACTS = ("name", "headquarters", "status_page_url", "terms_url", "privacy_url")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedListing:
    """What is publishable of one gateway's listing."""

    records: Mapping[str, OfferRecord]
    row_prints: Mapping[str, str]
    """Of the rows that the records were read from, by id."""
    same: frozenset[str]
    """Ids of rows that say what they said in the accepted listing."""
    present: frozenset[str]
    """Ids of rows that were rejected: listed, so not gone."""
    postponed: frozenset[str]
    """Ids of rows that were told only in part: what is published of them stays."""
    is_complete: bool
    source: Source
    recorded_on: date | None
    providers: Sequence[ProviderRecord] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A listing beside what is published of its gateway, as far as that was read from the same source."""

    known: int
    """Offers that are published of this source and not withdrawn."""
    missing: frozenset[str]
    """Those of them that the listing does not have, be it because it is incomplete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A fact that offers told, and tell no more."""

    fact: str
    lost: int
    had: int
    """Published offers of this source that told it, the losing ones among them."""


class Guard(Protocol):
    """Judges whether a listing is believable."""

    def judge_listing(self, comparison: Comparison) -> None:
        """Raises NotBelieved where nothing of the listing may be published."""

    def judge_losses(self, losses: Sequence[Loss]) -> None:
        """Raises NotBelieved where so many offers cannot have lost a fact at once."""

    def doubts(self, before: OfferRecord | None, after: OfferRecord) -> Mapping[PriceKey, str]:
        """The prices of `after` that may not be served, with the reason; `before` is what was believed so far."""


class NotBelieved(Exception):
    """A listing is held; `reasons` say why in words for a curator."""

    def __init__(self, reasons: Sequence[str], *, missing: frozenset[str] = frozenset()) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.missing = missing
        """The missing offers, where nothing else is wrong with the listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a publication did, or in a dry run would do."""

    new: int
    changed: int
    unchanged: int
    withdrawn: int
    held_prices: int
    revision_before: int
    revision_after: int


@dataclass(slots=True)
class _Draft:
    """An offer on its way to being published."""

    offer: Offer
    upstream: OfferRecord
    standing: Standing
    believed: OfferRecord | None = None
    """What was served of the same source so far."""
    new_holds: list[PriceHold] = field(default_factory=list)
    overtaken_holds: list[PriceHold] = field(default_factory=list)
    is_withdrawal: bool = False


def publish_listing(
    run: SyncRun,
    *,
    listing: AcceptedListing,
    guard: Guard,
    withdraw_after: int,
    author: User | None,
    now: datetime,
    is_replay: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Publish what a gateway lists; an offer is withdrawn after `withdraw_after` complete listings without it.

    `is_replay`: the listing was read again from captures. Then every offer is made anew, whatever the tables say of it,
    and what is missing is not counted a second time.

    Raises LeaseLost if a newer run has begun, and NotBelieved if the guard holds the listing; nothing is written then.
    """
    told = {
        key: diff.fingerprint(record, source=listing.source, recorded_on=listing.recorded_on)
        for key, record in listing.records.items()
    }
    with transaction.atomic():
        gateway = locks.lock_gateway_of_run(run.gateway.slug, lease_token=run.lease_token)
        stored = _stored(gateway, is_trusted=not is_replay)
        waiting = _waiting(stored, listing)
        prints = {key: fingerprint for key, fingerprint in told.items() if key not in waiting}
        listed = prints | {key: stored[key].fingerprint for key in listing.same}
        present = listing.present | listing.postponed
        plan = diff.plan(stored, listed, present=present, is_complete=listing.is_complete)
        guard.judge_listing(_comparison(stored, plan, listing.source))
        gone = {
            key
            for key in plan.missing
            # What another source listed is replaced by what this one lists, not missed by it.
            if stored[key].missed_runs + (not is_replay) >= withdraw_after or stored[key].source != listing.source
        }
        drafts = [
            *_new_drafts(gateway, plan.new, listing, guard=guard, run=run, now=now),
            *_changed_drafts(gateway, plan.differing, listing, guard=guard, run=run, now=now),
            *_withdrawn_drafts(gateway, gone, now=now),
        ]
        guard.judge_losses(_losses(gateway, drafts, source=listing.source))
        for draft in drafts:
            if fingerprint := prints.get(draft.offer.model_id):
                _accept(draft.offer, record=draft.upstream, fingerprint=fingerprint, listing=listing)
        found = [_state(draft) for draft in drafts]
        if dry_run:
            before = after = revision.current().number
        else:
            _save(drafts)
            is_provider_news = _save_provider_facts(listing.providers)
            if not is_replay:
                listed_somehow = plan.unchanged | (present & stored.keys())
                seen = {key for key in listed_somehow if stored[key].missed_runs}
                _count_misses(gateway, missed=plan.missing - gone, seen=seen)
            before, after = _publish(found, gateway=gateway, author=author, now=now, is_more=is_provider_news)
    counts = _counts(found)
    return Outcome(
        **counts,
        unchanged=len(listed) - counts["new"] - counts["changed"],
        held_prices=sum(len(draft.new_holds) for draft in drafts),
        revision_before=before,
        revision_after=after,
    )


def republish_offer(offer: Offer, *, author: User | None, now: datetime) -> int:
    """Render an offer again after what stands over it changed; the revision that then holds.

    Needs the gateway's lock.
    """
    standing = standings([offer]).get(offer.pk) or Standing()
    rendered = state(offer, records.load(offer.upstream), standing)
    _, after = _publish([rendered], gateway=offer.gateway, author=author, now=now)
    return after


def _stored(gateway: Gateway, *, is_trusted: bool) -> dict[str, diff.Stored]:
    rows = Offer.objects.filter(gateway=gateway).values_list(
        "model_id", "fingerprint", "withdrawn_at", "missed_runs", "source"
    )
    return {
        key: diff.Stored(
            fingerprint=fingerprint if is_trusted else "",
            is_withdrawn=withdrawn_at is not None,
            missed_runs=missed,
            source=source,
        )
        for key, fingerprint, withdrawn_at, missed, source in rows
    }


def _comparison(stored: Mapping[str, diff.Stored], plan: diff.Plan, source: Source) -> Comparison:
    """Offers of another source stand aside: a bundled catalogue need not resemble the API that replaces it."""
    of_source = {key for key, offer in stored.items() if not offer.is_withdrawn and offer.source == source}
    return Comparison(known=len(of_source), missing=plan.absent & of_source)


def _waiting(stored: Mapping[str, diff.Stored], listing: AcceptedListing) -> set[str]:
    """Offers told only in part, of which something whole is published."""
    return {
        key
        for key in listing.postponed & stored.keys()
        if not stored[key].is_withdrawn and stored[key].source == listing.source
    }


def _losses(gateway: Gateway, drafts: Iterable[_Draft], *, source: Source) -> list[Loss]:
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


def _offers(gateway: Gateway, keys: Collection[str]) -> list[Offer]:
    return [
        offer
        for batch in batches(sorted(keys))
        for offer in Offer.objects.filter(gateway=gateway, model_id__in=batch).select_related("gateway")
    ]


def _new_drafts(
    gateway: Gateway, keys: Collection[str], listing: AcceptedListing, *, guard: Guard, run: SyncRun, now: datetime
) -> Iterator[_Draft]:
    for key in sorted(keys):
        offer = Offer(gateway=gateway, model_id=key, first_seen_at=now)
        draft = _Draft(offer, listing.records[key], Standing())
        _hold_doubtful_prices(draft, guard=guard, run=run, now=now)
        yield draft


def _changed_drafts(
    gateway: Gateway, keys: Collection[str], listing: AcceptedListing, *, guard: Guard, run: SyncRun, now: datetime
) -> Iterator[_Draft]:
    offers = _offers(gateway, keys)
    over = standings(offers)
    for offer in offers:
        draft = _Draft(offer, listing.records[offer.model_id], over.get(offer.pk) or Standing())
        # A price of another source is no measure: a bundled catalogue can be a year old.
        if offer.source == listing.source:
            draft.believed = with_holds(records.load(offer.upstream), draft.standing.applied_holds)
        _overtake_holds(draft)
        _hold_doubtful_prices(draft, guard=guard, run=run, now=now)
        yield draft


def _withdrawn_drafts(gateway: Gateway, keys: Collection[str], *, now: datetime) -> Iterator[_Draft]:
    offers = _offers(gateway, keys)
    over = standings(offers)
    for offer in offers:
        offer.withdrawn_at = now
        yield _Draft(offer, records.load(offer.upstream), over.get(offer.pk) or Standing(), is_withdrawal=True)


def _state(draft: _Draft) -> State:
    found = state(draft.offer, draft.upstream, draft.standing)
    found.is_withdrawal = draft.is_withdrawal
    return found


def _overtake_holds(draft: _Draft) -> None:
    """A hold says something about one amount; once the gateway says another one, it says nothing any more."""
    said = {price.key: price.amount for price in draft.upstream.prices}
    for key, hold in list(draft.standing.holds.items()):
        if key not in said or said[key] != Decimal(hold.amount):
            hold.state = PriceHold.State.OVERTAKEN
            draft.overtaken_holds.append(draft.standing.holds.pop(key))


def _hold_doubtful_prices(draft: _Draft, *, guard: Guard, run: SyncRun, now: datetime) -> None:
    before = {price.key: price.amount for price in draft.believed.prices} if draft.believed else {}
    said = {price.key: price.amount for price in draft.upstream.prices}
    for key, reason in guard.doubts(draft.believed, draft.upstream).items():
        if key in draft.standing.holds:
            continue  # a curator is being asked, or has answered
        hold = PriceHold(
            offer=draft.offer,
            meter=key[0],
            conditions_key=key[1],
            amount=money.plain(said[key]),
            kept=money.plain(before[key]) if key in before else "",
            reason=reason,
            run=run if run.pk else None,
            made_at=now,
        )
        draft.new_holds.append(hold)
        draft.standing.holds[key] = hold


def _accept(offer: Offer, *, record: OfferRecord, fingerprint: str, listing: AcceptedListing) -> None:
    offer.name = record.name
    offer.model_type = record.model_type
    offer.upstream = records.dump(record)
    offer.fingerprint = fingerprint
    offer.row_print = listing.row_prints.get(record.id, "")
    offer.source = listing.source
    offer.recorded_on = listing.recorded_on
    offer.withdrawn_at = None
    offer.missed_runs = 0


def _save(drafts: Sequence[_Draft]) -> None:
    """Write the offers and the holds over their prices."""
    spellings = {draft.upstream.provider_slug for draft in drafts}
    providers = _providers(spelling for spelling in spellings if spelling)
    for draft in drafts:
        spelling = draft.upstream.provider_slug
        draft.offer.provider = providers[model_ids.provider_key(spelling)] if spelling else None
    new = [draft.offer for draft in drafts if not draft.offer.pk]
    known = [draft.offer for draft in drafts if draft.offer.pk]
    Offer.objects.bulk_create(new, batch_size=BATCH)
    # An upsert of rows that exist: bulk_update would build a CASE for each field of each row, and take far longer.
    Offer.objects.bulk_create(
        known,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[*_ACCEPTED, "missed_runs"],
        batch_size=BATCH,
    )
    overtaken = [hold for draft in drafts for hold in draft.overtaken_holds]
    PriceHold.objects.bulk_update(overtaken, ["state"], batch_size=BATCH)
    PriceHold.objects.bulk_create([hold for draft in drafts for hold in draft.new_holds], batch_size=BATCH)


def _count_misses(gateway: Gateway, *, missed: Collection[str], seen: Collection[str]) -> None:
    for batch in batches(sorted(missed)):
        Offer.objects.filter(gateway=gateway, model_id__in=batch).update(missed_runs=F("missed_runs") + 1)
    for batch in batches(sorted(seen)):
        Offer.objects.filter(gateway=gateway, model_id__in=batch).update(missed_runs=0)


def _providers(spellings: Iterable[str]) -> dict[str, Provider]:
    """The provider of each spelling, by key; unknown ones are made."""
    wanted = {model_ids.provider_key(spelling): spelling for spelling in sorted(spellings, reverse=True)}
    known = {
        provider.key: provider
        for batch in batches(sorted(wanted))
        for provider in Provider.objects.filter(key__in=batch)
    }
    new = [Provider(key=key, slug=wanted[key]) for key in sorted(wanted.keys() - known.keys())]
    # Another gateway's run may make the same ones at the same time.
    Provider.objects.bulk_create(new, ignore_conflicts=True)
    made = {
        provider.key: provider
        for batch in batches([provider.key for provider in new])
        for provider in Provider.objects.filter(key__in=batch)
    }
    return known | made


def _save_provider_facts(told: Sequence[ProviderRecord]) -> bool:
    """Write what the gateway tells of providers that models are known of; whether any of it is new."""
    facts = {model_ids.provider_key(record.slug): record for record in told}
    changed = []
    for provider in Provider.objects.filter(key__in=facts).order_by("key"):
        before = [getattr(provider, name) for name in _PROVIDER_FACTS]
        after = [getattr(facts[provider.key], name) or "" for name in _PROVIDER_FACTS]
        if before != after:
            for name, value in zip(_PROVIDER_FACTS, after, strict=True):
                setattr(provider, name, value)
            changed.append(provider)
    Provider.objects.bulk_update(changed, _PROVIDER_FACTS, batch_size=BATCH)
    return bool(changed)


def _publish(
    found: Sequence[State], *, gateway: Gateway, author: User | None, now: datetime, is_more: bool = False
) -> tuple[int, int]:
    """Open a new version of every offer whose document changed, and date its prices; the revisions before and after.

    `is_more`: something else that is served has changed too.
    """
    if not found and not is_more:
        return (number := revision.current().number), number
    news = [offer for offer in found if offer.is_news]
    newest = locks.lock_revision()
    _write_prices(found, at=max(now, newest.published_at), now=now)
    if not news and not is_more:
        return newest.number, newest.number
    after = revision.publish_next(newest, gateway=gateway, author=author, now=now, counts=_counts(news))
    for batch in batches([offer.offer.pk for offer in news if offer.kind != "new"]):
        OfferVersion.objects.current().filter(offer__in=batch).update(to_revision=after.number)
    OfferVersion.objects.bulk_create([_version(offer, after.number) for offer in news], batch_size=BATCH)
    return newest.number, after.number


def _write_prices(found: Iterable[State], *, at: datetime, now: datetime) -> None:
    closed: list[int] = []
    opened: list[Price] = []
    for offer in found:
        changes = price_changes(offer.standing.prices, offer.prices)
        closed += changes.closed
        opened += [
            Price(
                offer=offer.offer,
                meter=meter,
                conditions_key=conditions,
                amount=amount,
                origin=origin,
                valid_from=at,
                recorded_at=now,
            )
            for (meter, conditions), (amount, origin) in changes.opened.items()
        ]
    for batch in batches(closed):
        Price.objects.filter(pk__in=batch).update(valid_to=at)
    Price.objects.bulk_create(opened, batch_size=BATCH)


def _version(found: State, number: int) -> OfferVersion:
    before = found.standing.document
    changes = diff.changes(orjson.loads(before), orjson.loads(found.document)) if before else []
    return OfferVersion(
        offer=found.offer,
        from_revision=number,
        record=records.dump(found.record),
        document=found.document,
        changes=changes,
    )


def _counts(found: Iterable[State]) -> dict[str, int]:
    counts = Counter(offer.kind for offer in found if offer.is_news)
    return {kind: counts[kind] for kind in ("new", "changed", "withdrawn")}
