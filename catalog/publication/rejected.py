"""Marks offers whose row the gateway now lists in an unusable form: their served data comes from an older row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from catalog import records
from catalog.models import Gateway, Offer
from catalog.publication.batches import batches
from catalog.publication.diff import Plan, Stored
from catalog.publication.listing import AcceptedListing
from catalog.publication.states import Standing, State, standings, state


def marked(
    gateway: Gateway, stored: Mapping[str, Stored], plan: Plan, *, listing: AcceptedListing, now: datetime
) -> list[State]:
    """Return the offers whose row is rejected for the first time, and unchanged offers whose row is usable again.

    If two rows share an id, the second is rejected although the first is read. Such an offer is not marked.
    """
    unread = listing.present - listing.records.keys() - listing.same
    begun = {key for key in unread & stored.keys() if not (stored[key].is_rejected or stored[key].is_withdrawn)}
    ended = {key for key in plan.unchanged if stored[key].is_rejected}
    offers = [
        offer
        for batch in batches(sorted(begun | ended))
        for offer in Offer.objects.filter(gateway=gateway, model_id__in=batch).select_related("gateway")
    ]
    over = standings(offers)
    for offer in offers:
        offer.rejected_since = now if offer.model_id in begun else None
    return [state(offer, records.load(offer.upstream), over.get(offer.pk) or Standing()) for offer in offers]


def save(marked: Sequence[State]) -> None:
    Offer.objects.bulk_update([found.offer for found in marked], ["rejected_since"], batch_size=500)
