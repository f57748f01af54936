"""Publishes in one transaction: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from catalog import records
from catalog.documents import rendering
from catalog.models import Gateway, Offer, Revision, SyncRun
from catalog.publication import audit, clock, decision, diff, locks, losses, naming, revision, stored, write
from catalog.publication.batches import batches
from catalog.publication.decision import Input, Plan
from catalog.publication.diff import Effects
from catalog.publication.identity import identify, parts
from catalog.publication.identity.identify import Decided
from catalog.publication.listing import AcceptedListing, Outcome, Terms
from catalog.publication.prices.siblings import siblings
from catalog.publication.states import Rendered, rendered
from catalog.publication.write import Publication


def publish_listing(run: SyncRun, *, listing: AcceptedListing, terms: Terms) -> Outcome:
    """Publish a gateway's listing.

    Raises LeaseLost if a newer run has begun, ClockMoved, and NotBelieved if the guard holds the listing. Nothing is
    written in these cases.
    """
    prints = diff.fingerprints(listing)
    with transaction.atomic():
        gateway = locks.lock_gateway_of_run(run.gateway.slug, lease_token=run.lease_token)
        now = clock.publication_time()
        effects = diff.effects(
            stored.summaries(gateway, is_trusted=not terms.is_replay), listing, prints=prints, terms=terms
        )
        terms.guard.judge_listing(effects.comparison)
        # Locked before anything is decided: another gateway's publication can change the models of these offers.
        newest = locks.lock_revision() if effects.drafted and not terms.dry_run else None
        given = _given(run, listing, terms, effects=effects, gateway=gateway, now=now)
        identity = _identity(given, newest or revision.current()) if effects.drafted else None
        plan = _plan(given, identity)
        if terms.dry_run:
            before = after = revision.current().number
        else:
            publication = Publication(
                now=now,
                gateway=gateway,
                author=terms.author,
                locked=newest,
                takes_observed=not terms.is_replay,
            )
            before, after = write.execute(plan, publication, identity=identity, reported=listing.providers)
            if terms.decided:
                audit.write(terms.decided, before=before, after=after, now=now)
    return plan.outcome(revision_before=before, revision_after=after)


def plan_listing(
    run: SyncRun, *, listing: AcceptedListing, terms: Terms, most_gone: int
) -> tuple[Plan, frozenset[str]]:
    """Return what `publish_listing` would write of this listing now, and the ids of all offers that it would withdraw.

    Nothing is locked or written. The plan has only the first `most_gone` of the withdrawals, by id.

    Only what differs from the stored records is planned, and no model is resolved: prices of new offers are not
    compared with those of other sellers. Raises ClockMoved, and NotBelieved if the guard holds the listing.
    """
    prints = diff.fingerprints(listing)
    with transaction.atomic():
        gateway, now = run.gateway, clock.publication_time()
        effects = diff.effects(stored.summaries(gateway, is_trusted=True), listing, prints=prints, terms=terms)
        terms.guard.judge_listing(effects.comparison)
        few = replace(effects, gone=frozenset(sorted(effects.gone)[:most_gone]))
        given = _given(run, listing, terms, effects=few, gateway=gateway, now=now)
        return _plan(given, None), effects.gone


def republish_curated(
    offers: Sequence[Offer], *, author_number: int | None, newest: Revision, is_more: bool = False
) -> tuple[int, int]:
    """Render offers again after a decision of a curator, and return the revisions before and after.

    `is_more`: served data besides the offers has changed too.

    The caller must hold the locks of their gateways and of the revision, and have both as they are stored. Raises
    ClockMoved.
    """
    gateways = {offer.gateway.slug: offer.gateway for offer in offers}
    publication = Publication(
        now=clock.publication_time(),
        gateway=next(iter(gateways.values())) if len(gateways) == 1 else None,
        author=User.objects.filter(pk=author_number).first() if author_number else None,
        is_curated=True,
        locked=newest,
    )
    return write.publish(_rendered(offers), publication, is_more=is_more)


def republish_offers(offers: Sequence[Offer], *, gateway: Gateway, now: datetime) -> tuple[int, int]:
    """Render offers of a gateway again after their holds changed, and return the revisions before and after.

    The caller must hold the gateway's lock.
    """
    return write.publish(_rendered(offers), Publication(now=now, gateway=gateway))


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
        before, after = write.publish(changed, Publication(now=now, is_rendered=True))
        revision.note_renderer()
    return before, after


def _given(
    run: SyncRun, listing: AcceptedListing, terms: Terms, *, effects: Effects, gateway: Gateway, now: datetime
) -> Input:
    names = naming.current() if effects.stored or effects.drafted else naming.Naming()
    return Input(
        gateway=gateway,
        run=run,
        now=now,
        listing=listing,
        terms=terms,
        effects=effects,
        states=stored.states_of_ids(gateway, effects.stored, names=names, takes_observed=not terms.is_replay),
        naming=names,
    )


def _identity(given: Input, newest: Revision) -> Decided | None:
    """Resolve the models of the offers that are added, renamed or withdrawn; None if there are none."""
    changes = decision.changes_of_identity(given)
    if given.terms.is_replay:
        part = parts.whole(changes)
    elif changes:
        part = parts.around(changes)
    else:
        return None
    return identify.decide(part, newest=newest.number)


def _plan(given: Input, identity: Decided | None) -> Plan:
    """Raises NotBelieved if more offers lost a fact than is believed."""
    plan = decision.decide(given, siblings=siblings(given.gateway, decision.listed(given, identity)))
    lost = plan.lost_facts
    had: Mapping[str, int] = stored.fact_counts(given.gateway, source=given.listing.source) if lost else {}
    given.terms.guard.judge_losses(losses.losses(lost, had=had))
    return plan


def _rendered(offers: Sequence[Offer]) -> list[Rendered]:
    return [rendered(state, records.load(state.offer.upstream)) for state in stored.states(offers)]
