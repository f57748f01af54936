"""Writes a publication: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import orjson
from django.contrib.auth.models import User
from django.db import transaction

from catalog import documents, records, registry
from catalog.models import Gateway, Offer, OfferVersion, Override, Provider
from catalog.normalize import model_ids
from catalog.publication import diff, locks, revision
from catalog.publication.overlay import overlay
from catalog.records import OfferRecord, Source

Json = Any
_Key = TypeVar("_Key")
_BATCH = 500
_ACCEPTED_FIELDS = (
    "name",
    "provider",
    "model_type",
    "upstream",
    "fingerprint",
    "source",
    "recorded_on",
    "withdrawn_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedListing:
    """What is publishable of one gateway's listing."""

    records: Mapping[str, OfferRecord]
    present: frozenset[str]
    """Ids of rows that were rejected: listed, so not gone."""
    is_complete: bool
    source: Source
    recorded_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a publication did, or in a dry run would do."""

    new: int
    changed: int
    unchanged: int
    withdrawn: int
    revision_before: int
    revision_after: int


@dataclass(slots=True)
class _State:
    """One offer as it is to be served."""

    offer: Offer
    record: str
    document: str
    served: str | None
    """The document of its open version; None for a new offer."""
    is_withdrawal: bool = False
    """The gateway has just ceased to list it."""

    @property
    def is_news(self) -> bool:
        return self.document != self.served

    @property
    def kind(self) -> str:
        if self.served is None:
            return "new"
        return "withdrawn" if self.is_withdrawal else "changed"


def publish_listing(
    slug: str, *, listing: AcceptedListing, lease_token: int, now: datetime, dry_run: bool = False
) -> Outcome:
    """Publish what a gateway lists. Raises LeaseLost, having written nothing, if a newer run has begun."""
    prints = {
        key: diff.fingerprint(record, source=listing.source, recorded_on=listing.recorded_on)
        for key, record in listing.records.items()
    }
    with transaction.atomic():
        gateway = locks.lock_gateway_of_run(slug, lease_token=lease_token)
        plan = diff.plan(_stored(gateway), prints, present=listing.present, is_complete=listing.is_complete)
        offers = _offers(gateway, plan.differing | plan.missing)
        for key in plan.new:
            offers[key] = Offer(gateway=gateway, model_id=key, first_seen_at=now)
        for key in plan.new | plan.differing:
            _accept(offers[key], record=listing.records[key], fingerprint=prints[key], listing=listing)
        for key in plan.missing:
            offers[key].withdrawn_at = now
        states = _states(offers.values())
        for state in states:
            state.is_withdrawal = state.offer.model_id in plan.missing
        if dry_run:
            before = after = revision.current().number
        else:
            _save(states, listed=listing.records)
            before, after = _publish(states, gateway=gateway, author=None, now=now)
    return _outcome(states, listed=len(prints), before=before, after=after)


def republish_offer(offer: Offer, *, author: User | None, now: datetime) -> int:
    """Render an offer again after its overrides changed; the revision that now holds. Needs the gateway's lock."""
    _, after = _publish(_states([offer]), gateway=offer.gateway, author=author, now=now)
    return after


def _stored(gateway: Gateway) -> dict[str, diff.Stored]:
    rows = Offer.objects.filter(gateway=gateway).values_list("model_id", "fingerprint", "withdrawn_at")
    return {
        key: diff.Stored(fingerprint=fingerprint, is_withdrawn=withdrawn_at is not None)
        for key, fingerprint, withdrawn_at in rows
    }


def _offers(gateway: Gateway, keys: Iterable[str]) -> dict[str, Offer]:
    return {
        offer.model_id: offer
        for batch in _batches(sorted(keys))
        for offer in Offer.objects.filter(gateway=gateway, model_id__in=batch).select_related("gateway")
    }


def _accept(offer: Offer, *, record: OfferRecord, fingerprint: str, listing: AcceptedListing) -> None:
    offer.name = record.name
    offer.model_type = record.model_type
    offer.upstream = records.dump(record)
    offer.fingerprint = fingerprint
    offer.source = listing.source
    offer.recorded_on = listing.recorded_on
    offer.withdrawn_at = None


def _states(offers: Iterable[Offer]) -> list[_State]:
    """The offers as their records and overrides make them now, each beside the document that is served of it."""
    offers = list(offers)
    stored = [offer.pk for offer in offers if offer.pk]
    overrides: dict[int, dict[str, Json]] = defaultdict(dict)
    served: dict[int, str] = {}
    for batch in _batches(stored):
        for override in Override.objects.filter(offer__in=batch):
            overrides[override.offer_id][override.field] = override.value
        served |= OfferVersion.objects.current().filter(offer__in=batch).values_list("offer_id", "document")
    return [_state(offer, overrides=overrides.get(offer.pk, {}), served=served.get(offer.pk)) for offer in offers]


def _state(offer: Offer, *, overrides: Mapping[str, Json], served: str | None) -> _State:
    record = overlay(records.load(offer.upstream), overrides)
    facts = documents.OfferFacts(
        gateway=offer.gateway.slug,
        gateway_name=registry.GATEWAYS[offer.gateway.slug].name,
        source=Source(offer.source),
        recorded_on=offer.recorded_on,
        first_seen_at=offer.first_seen_at,
        withdrawn_at=offer.withdrawn_at,
    )
    return _State(offer, records.dump(record), documents.render(record, facts), served)


def _save(states: Sequence[_State], *, listed: Mapping[str, OfferRecord]) -> None:
    """Write the offers themselves. `listed` has the records of those that the gateway lists."""
    records_of = {state.offer.model_id: listed.get(state.offer.model_id) for state in states}
    providers = _providers({record.provider_slug for record in records_of.values() if record and record.provider_slug})
    new: list[Offer] = []
    known: list[Offer] = []
    for offer in (state.offer for state in states):
        if record := records_of[offer.model_id]:
            offer.provider = providers[model_ids.provider_key(record.provider_slug)] if record.provider_slug else None
        (known if offer.pk else new).append(offer)
    Offer.objects.bulk_create(new, batch_size=_BATCH)
    Offer.objects.bulk_update(known, _ACCEPTED_FIELDS, batch_size=_BATCH)


def _providers(spellings: Iterable[str]) -> dict[str, Provider]:
    """The provider of each spelling, by key; unknown ones are made."""
    wanted = {model_ids.provider_key(spelling): spelling for spelling in sorted(spellings, reverse=True)}
    Provider.objects.bulk_create(
        [Provider(key=key, slug=spelling) for key, spelling in sorted(wanted.items())],
        ignore_conflicts=True,  # known ones keep the spelling that they were first seen in
    )
    return {
        provider.key: provider
        for batch in _batches(sorted(wanted))
        for provider in Provider.objects.filter(key__in=batch)
    }


def _publish(states: Sequence[_State], *, gateway: Gateway, author: User | None, now: datetime) -> tuple[int, int]:
    """Open a new version of every offer whose document changed; the revisions before and after."""
    news = [state for state in states if state.is_news]
    if not news:
        return (number := revision.current().number), number
    before = locks.lock_revision()
    after = revision.publish_next(before, gateway=gateway, author=author, now=now, counts=_counts(news))
    for batch in _batches([state.offer.pk for state in news]):
        OfferVersion.objects.current().filter(offer__in=batch).update(to_revision=after.number)
    OfferVersion.objects.bulk_create([_version(state, after.number) for state in news], batch_size=_BATCH)
    return before.number, after.number


def _version(state: _State, number: int) -> OfferVersion:
    changes = diff.changes(orjson.loads(state.served), orjson.loads(state.document)) if state.served else []
    return OfferVersion(
        offer=state.offer, from_revision=number, record=state.record, document=state.document, changes=changes
    )


def _counts(states: Iterable[_State]) -> dict[str, int]:
    counts = Counter(state.kind for state in states if state.is_news)
    return {kind: counts[kind] for kind in ("new", "changed", "withdrawn")}


def _outcome(states: Sequence[_State], *, listed: int, before: int, after: int) -> Outcome:
    counts = _counts(states)
    unchanged = listed - counts["new"] - counts["changed"]
    return Outcome(**counts, unchanged=unchanged, revision_before=before, revision_after=after)


def _batches(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Pieces small enough for the number of parameters that a statement may have."""
    return (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))
