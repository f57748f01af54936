"""Writes a publication in one transaction: all of it, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from catalog import records
from catalog.documents import rendering
from catalog.models import Gateway, Offer, OfferVersion, Price, PriceHold, SyncRun
from catalog.normalize import model_ids
from catalog.publication import clock, diff, locks, providers, rejected, revision
from catalog.publication.batches import BATCH, batches
from catalog.publication.drafts import Draft, Drafter
from catalog.publication.identity import identify
from catalog.publication.listing import AcceptedListing, Comparison, Guard, Outcome
from catalog.publication.prices.holds import PriceKey
from catalog.publication.prices.intervals import price_changes
from catalog.publication.prices.repeats import Rules
from catalog.publication.states import Standing, State, standings, state
from catalog.records import Source

_ACCEPTED = (
    "name", "provider", "model_type", "upstream", "fingerprint", "row_print", "source",
    "recorded_on", "withdrawn_at", "rejected_since",
)  # fmt: skip


def publish_listing(
    run: SyncRun,
    *,
    listing: AcceptedListing,
    guard: Guard,
    withdraw_after: int,
    author: User | None,
    rules: Rules,
    is_replay: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Publish a gateway's listing. An offer is withdrawn after `withdraw_after` complete listings without it.

    `is_replay`: the listing was read again from captures. Then every offer is rebuilt, even if its stored fingerprint
    is equal, and missing offers are not counted a second time.

    Raises LeaseLost if a newer run has begun, ClockMoved, and NotBelieved if the guard holds the listing. Nothing is
    written in these cases.
    """
    told = {
        key: diff.fingerprint(record, source=listing.source, recorded_on=listing.recorded_on)
        for key, record in listing.records.items()
    }
    with transaction.atomic():
        gateway = locks.lock_gateway_of_run(run.gateway.slug, lease_token=run.lease_token)
        now = clock.publication_time()
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
            # An offer from another source is replaced by this listing at once: its absence here is not a miss.
            if stored[key].missed_runs + (not is_replay) >= withdraw_after or stored[key].source != listing.source
        }
        drafter = Drafter(
            gateway=gateway,
            listing=listing,
            guard=guard,
            run=run,
            rules=rules,
            is_counted=listing.is_evidence and not is_replay,
            now=now,
        )
        drafts = drafter.drafts(new=plan.new, changed=plan.differing, withdrawn=gone)
        for draft in drafts:
            if fingerprint := prints.get(draft.offer.model_id):
                draft.accept(listing, fingerprint=fingerprint)
        found = [draft.state() for draft in drafts]
        marked = rejected.marked(gateway, stored, plan, listing=listing, now=now)
        if dry_run:
            before = after = revision.current().number
        else:
            if drafts:
                newest = locks.lock_revision()
                _save(drafts)
            rejected.save(marked)
            is_more = providers.save_facts(listing.providers)
            renamed = {draft.offer.pk for draft in drafts if draft.is_renamed or draft.is_withdrawal}
            if drafts and (renamed or is_replay):
                changed = None if is_replay else renamed
                is_more = identify.update_if_possible(newest.number, changed=changed) or is_more
            if not is_replay:
                listed_somehow = plan.unchanged | (present & stored.keys())
                seen = {key for key in listed_somehow if stored[key].missed_runs}
                _count_misses(gateway, missed=plan.missing - gone, seen=seen)
            before, after = _publish([*found, *marked], gateway=gateway, author=author, now=now, is_more=is_more)
    counts = _counts(found)
    return Outcome(
        **counts,
        unchanged=len(listed) - counts["new"] - counts["changed"],
        held_prices=sum(len(draft.new_holds) for draft in drafts),
        revision_before=before,
        revision_after=after,
    )


def republish_offer(offer: Offer, *, author: User | None) -> int:
    """Render an offer again after a curator's decision, and return the current revision.

    The caller must hold the gateway's lock. Raises ClockMoved.
    """
    now = clock.publication_time()
    _, after = _publish(_rendered([offer]), gateway=offer.gateway, author=author, now=now, is_curated=True)
    return after


def republish_offers(offers: Sequence[Offer], *, gateway: Gateway, now: datetime) -> tuple[int, int]:
    """Render offers of a gateway again after their holds changed, and return the revisions before and after.

    The caller must hold the gateway's lock.
    """
    return _publish(_rendered(offers), gateway=gateway, author=None, now=now)


def render_all() -> tuple[int, int]:
    """Render every offer again if the renderer has changed, and return the revisions before and after.

    All changes form one revision of their own; the feed marks them as `rendered`. Raises ClockMoved.
    """
    if (newest := revision.current()).renderer == rendering.RENDERER:
        return newest.number, newest.number
    with transaction.atomic():
        locks.lock_all_gateways()
        now = clock.publication_time()
        offers = Offer.objects.select_related("gateway").order_by("pk")
        # In batches: the records and documents of all offers together take many megabytes.
        keys = list(offers.values_list("pk", flat=True))
        changed = [
            found
            for batch in batches(keys)
            for found in _rendered(list(offers.filter(pk__in=batch)))
            if found.is_news or found.is_repriced
        ]
        before, after = _publish(changed, gateway=None, author=None, now=now, is_rendered=True)
        revision.note_renderer()
    return before, after


def _rendered(offers: Sequence[Offer]) -> list[State]:
    over = standings(offers)
    return [state(offer, records.load(offer.upstream), over.get(offer.pk) or Standing()) for offer in offers]


def _stored(gateway: Gateway, *, is_trusted: bool) -> dict[str, diff.Stored]:
    rows = Offer.objects.filter(gateway=gateway).values_list(
        "model_id", "fingerprint", "withdrawn_at", "missed_runs", "source", "rejected_since"
    )
    return {
        key: diff.Stored(
            fingerprint=fingerprint if is_trusted else "",
            is_withdrawn=withdrawn_at is not None,
            missed_runs=missed,
            source=source,
            is_rejected=rejected_since is not None,
        )
        for key, fingerprint, withdrawn_at, missed, source, rejected_since in rows
    }


def _comparison(stored: Mapping[str, diff.Stored], plan: diff.Plan, source: Source) -> Comparison:
    """Compare with offers of the same source only: a bundled catalogue need not resemble the API that replaces it."""
    of_source = {key for key, offer in stored.items() if not offer.is_withdrawn and offer.source == source}
    return Comparison(known=len(of_source), missing=plan.absent & of_source, is_complete=plan.is_complete)


def _waiting(stored: Mapping[str, diff.Stored], listing: AcceptedListing) -> set[str]:
    """Return the ids of offers that are listed only in part and whose complete record is published already."""
    return {
        key
        for key in listing.postponed & stored.keys()
        if not stored[key].is_withdrawn and stored[key].source == listing.source
    }


def _save(drafts: Sequence[Draft]) -> None:
    """Write the offers and the holds on their prices."""
    spellings = {draft.upstream.provider_slug for draft in drafts}
    makers = providers.ensure(spelling for spelling in spellings if spelling)
    for draft in drafts:
        spelling = draft.upstream.provider_slug
        draft.offer.provider = makers[model_ids.provider_key(spelling)] if spelling else None
    new = [draft.offer for draft in drafts if not draft.offer.pk]
    known = [draft.offer for draft in drafts if draft.offer.pk]
    Offer.objects.bulk_create(new, batch_size=BATCH)
    # An upsert of existing rows: bulk_update would build a CASE for each field of each row, and take far longer.
    Offer.objects.bulk_create(
        known,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[*_ACCEPTED, "missed_runs"],
        batch_size=BATCH,
    )
    overtaken = [hold for draft in drafts for hold in draft.overtaken_holds]
    PriceHold.objects.bulk_update(overtaken, ["state", "is_interrupted"], batch_size=BATCH)
    followed = [hold for draft in drafts for hold in draft.followed_holds]
    PriceHold.objects.bulk_update(followed, ["amount", "kept"], batch_size=BATCH)
    PriceHold.objects.bulk_create([hold for draft in drafts for hold in draft.new_holds], batch_size=BATCH)


def _count_misses(gateway: Gateway, *, missed: Collection[str], seen: Collection[str]) -> None:
    for batch in batches(sorted(missed)):
        Offer.objects.filter(gateway=gateway, model_id__in=batch).update(missed_runs=F("missed_runs") + 1)
    for batch in batches(sorted(seen)):
        Offer.objects.filter(gateway=gateway, model_id__in=batch).update(missed_runs=0)


def _publish(
    found: Sequence[State],
    *,
    gateway: Gateway | None,
    author: User | None,
    now: datetime,
    is_more: bool = False,
    is_curated: bool = False,
    is_rendered: bool = False,
) -> tuple[int, int]:
    """Open a new version of each offer whose document changed, and date its prices.

    Returns the revisions before and after. `is_more`: other served data has changed too. `is_curated`: a curator
    decided the change. `is_rendered`: only our rendering changed.
    """
    if not found and not is_more:
        return (number := revision.current().number), number
    news = [offer for offer in found if offer.is_news]
    newest = locks.lock_revision()
    _write_prices(found, at=max(now, newest.published_at), now=now)
    if not news and not is_more:
        return newest.number, newest.number
    after = revision.publish_next(
        newest,
        gateway=gateway,
        author=author,
        now=now,
        counts=_counts(news),
        is_curated=is_curated,
        is_rendered=is_rendered,
    )
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
                reported_since=_reported_since(offer, (meter, conditions), amount=amount, at=at),
            )
            for (meter, conditions), (amount, origin) in changes.opened.items()
        ]
    for batch in batches(closed):
        Price.objects.filter(pk__in=batch).update(valid_to=at)
    Price.objects.bulk_create(opened, batch_size=BATCH)


def _reported_since(found: State, key: PriceKey, *, amount: str, at: datetime) -> datetime | None:
    """Return when the gateway first reported a price that was held until now, if that was on an earlier day."""
    hold = found.standing.holds.get(key)
    was_held = hold is not None and hold.state in {PriceHold.State.RELEASED, PriceHold.State.CONFIRMED}
    if hold is None or not was_held or hold.amount != amount or hold.reported_since.date() >= at.date():
        return None
    return hold.reported_since


def _version(found: State, number: int) -> OfferVersion:
    return OfferVersion(
        offer=found.offer,
        from_revision=number,
        record=records.dump(found.record),
        document=found.document,
    )


def _counts(found: Iterable[State]) -> dict[str, int]:
    counts = Counter(offer.kind for offer in found if offer.is_news)
    return {kind: counts[kind] for kind in ("new", "changed", "withdrawn")}
