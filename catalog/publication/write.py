"""Writes what was decided: the rows of a plan, then a revision with its new versions and dated prices."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import F

from catalog import records
from catalog.models import Gateway, Offer, OfferVersion, Override, Price, PriceHold, Revision
from catalog.normalize import model_ids
from catalog.publication import locks, observed, providers, revision, stored
from catalog.publication.batches import BATCH, batches
from catalog.publication.decision import Draft, Plan, counts_of
from catalog.publication.identity import identify
from catalog.publication.identity.identify import Decided
from catalog.publication.prices.holds import PriceKey
from catalog.publication.prices.intervals import price_changes
from catalog.publication.states import Rendered, rendered
from catalog.records import ProviderRecord

_ACCEPTED = (
    "name", "provider", "model_type", "upstream", "fingerprint", "row_print", "source",
    "recorded_on", "withdrawn_at", "rejected_since", "missed_runs",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The time and the cause of a publication."""

    now: datetime
    gateway: Gateway | None = None
    """None if the change concerns all gateways."""
    author: User | None = None
    is_curated: bool = False
    """A curator decided the change."""
    is_rendered: bool = False
    """Only our rendering changed."""
    is_observed: bool = False
    """Only the observed availability changed."""
    takes_observed: bool = False
    """If there is a revision, it has all newest observed states of the gateway, which must be locked."""
    locked: Revision | None = None
    """The newest revision, if this transaction has locked it already."""


def execute(
    plan: Plan, publication: Publication, *, identity: Decided | None, reported: Sequence[ProviderRecord]
) -> tuple[int, int]:
    """Write a plan, and return the revisions before and after.

    `identity` are the models of the changed offers; None if no model changes. `reported` are the gateway's facts about
    providers.
    """
    spellings = [draft.upstream.provider_slug for draft in plan.drafts]
    _save_offers([draft.offer for draft in plan.drafts], spellings=spellings)
    _save_holds(plan.drafts)
    _mark_stale(plan.drafts)
    Offer.objects.bulk_update([found.offer for found in plan.marked], ["rejected_since"], batch_size=BATCH)
    is_more = providers.save_facts(reported)
    if identity is not None:
        pks = {(draft.offer.gateway.slug, draft.offer.model_id): draft.offer.pk for draft in plan.drafts}
        is_more = identify.write(identity, pks=pks) or is_more
    _count_misses(plan.gateway, missed=plan.missed, seen=plan.seen)
    _note_prints(plan.gateway, plan.reread)
    return publish(plan.rendered, publication, is_more=is_more)


def publish(found: Sequence[Rendered], publication: Publication, *, is_more: bool = False) -> tuple[int, int]:
    """Open a new version of each offer whose document changed, and date its prices.

    Returns the revisions before and after. `is_more`: other served data has changed too.
    """
    if not found and not is_more:
        return (number := revision.current().number), number
    if publication.takes_observed and (is_more or any(offer.is_news for offer in found)):
        found = [*found, *_observed_too(found, publication)]
    news = [offer for offer in found if offer.is_news]
    newest = publication.locked or locks.lock_revision()
    _write_prices(found, at=max(publication.now, newest.published_at), now=publication.now)
    states = {offer.offer.pk: offer.state.observed for offer in found}
    observed.note_served({pk: state for pk, state in states.items() if state}, now=publication.now)
    if not news and not is_more:
        return newest.number, newest.number
    after = revision.publish_next(
        newest,
        gateway=publication.gateway,
        author=publication.author,
        now=publication.now,
        counts=counts_of(news),
        is_curated=publication.is_curated,
        is_rendered=publication.is_rendered,
        is_observed=publication.is_observed,
    )
    for batch in batches([offer.offer.pk for offer in news if offer.kind != "new"]):
        OfferVersion.objects.current().filter(offer__in=batch).update(to_revision=after.number)
    OfferVersion.objects.bulk_create([_version(offer, after.number) for offer in news], batch_size=BATCH)
    return newest.number, after.number


def _observed_too(found: Sequence[Rendered], publication: Publication) -> Iterator[Rendered]:
    """Yield the gateway's other offers whose newest observed availability is not served yet."""
    others = {offer.offer.pk for offer in found}
    gateways = [publication.gateway.slug] if publication.gateway else []
    keys = [pk for pk in observed.unserved(gateways=gateways) if pk not in others]
    for state in stored.observed_states(keys):
        yield rendered(state, records.load(state.offer.upstream))


def _save_offers(offers: Sequence[Offer], *, spellings: Sequence[str | None]) -> None:
    """Write new and changed offers. `spellings` are the gateway's names of their providers."""
    found = providers.ensure({spelling for spelling in spellings if spelling})
    for offer, spelling in zip(offers, spellings, strict=True):
        offer.provider = found[model_ids.provider_key(spelling)] if spelling else None
    new = [offer for offer in offers if not offer.pk]
    changed = [offer for offer in offers if offer.pk]
    Offer.objects.bulk_create(new, batch_size=BATCH)
    # An upsert of existing rows: bulk_update would build a CASE for each field of each row, and take far longer.
    Offer.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=_ACCEPTED,
        batch_size=BATCH,
    )


def _save_holds(drafts: Sequence[Draft]) -> None:
    overtaken = [hold for draft in drafts for hold in draft.holds.overtaken]
    PriceHold.objects.bulk_update(overtaken, ["state", "is_interrupted"], batch_size=BATCH)
    moved = [hold for draft in drafts for hold in draft.holds.moved]
    PriceHold.objects.bulk_update(moved, ["amount", "kept"], batch_size=BATCH)
    PriceHold.objects.bulk_create([hold for draft in drafts for hold in draft.holds.new], batch_size=BATCH)


def _mark_stale(drafts: Sequence[Draft]) -> None:
    """Mark the overrides under which a gateway's value moved, and unmark those whose value came back."""
    moved = [override for draft in drafts for override in draft.rendered.state.moved(draft.upstream)]
    for override in moved:
        override.is_stale = not override.is_stale
    Override.objects.bulk_update(moved, ["is_stale"], batch_size=BATCH)


def _count_misses(gateway: Gateway, *, missed: Collection[str], seen: Collection[str]) -> None:
    for batch in batches(sorted(missed)):
        Offer.objects.filter(gateway=gateway, model_id__in=batch).update(missed_runs=F("missed_runs") + 1)
    for batch in batches(sorted(seen)):
        Offer.objects.filter(gateway=gateway, model_id__in=batch).update(missed_runs=0)


def _note_prints(gateway: Gateway, prints: Mapping[str, str]) -> None:
    """Store the prints of rows that were read in vain, once by a new reader, so that the next run skips them."""
    for batch in batches(sorted(prints)):
        offers = list(Offer.objects.filter(gateway=gateway, model_id__in=batch).only("pk", "model_id", "row_print"))
        moved = [offer for offer in offers if offer.row_print != prints[offer.model_id]]
        for offer in moved:
            offer.row_print = prints[offer.model_id]
        Offer.objects.bulk_update(moved, ["row_print"])


def _write_prices(found: Iterable[Rendered], *, at: datetime, now: datetime) -> None:
    closed: list[int] = []
    opened: list[Price] = []
    for offer in found:
        changes = price_changes(offer.state.prices, offer.prices)
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
                reported_since=_reported_since(offer, (meter, conditions), amount=amount, at=at),
            )
            for (meter, conditions), (amount, origin) in changes.opened.items()
        ]
    for batch in batches(closed):
        Price.objects.filter(pk__in=batch).update(valid_to=at)
    Price.objects.bulk_create(opened, batch_size=BATCH)


def _reported_since(found: Rendered, key: PriceKey, *, amount: str, at: datetime) -> datetime | None:
    """Return when the gateway first reported a price that was held until now, if that was on an earlier day."""
    hold = found.state.holds.get(key)
    was_held = hold is not None and hold.state in {PriceHold.State.RELEASED, PriceHold.State.CONFIRMED}
    if hold is None or not was_held or hold.amount != amount or hold.reported_since.date() >= at.date():
        return None
    return hold.reported_since


def _version(found: Rendered, number: int) -> OfferVersion:
    return OfferVersion(
        offer=found.offer, from_revision=number, record=records.dump(found.record), document=found.document
    )
