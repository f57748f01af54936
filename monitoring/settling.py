"""Hands states that have lasted long enough to the catalogue, which publishes them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from catalog.publication import availability, observed
from catalog.publication.observed import ObservedState, OfferKey
from catalog.records import Availability
from monitoring.machine import is_settled
from monitoring.models import Watched, WatchedGateway
from monitoring.stored import offer_state

MOST_AT_ONCE = 2_000
"""The most states that one call hands over; the next minute takes the others."""


def settle(*, now: datetime) -> int:
    """Store the states that have settled, publish what is due, and return how many offers were published.

    The catalogue publishes them with a listing, or alone at most once an hour; an outage of a whole gateway at once.
    """
    observed.observe(settled(now=now))
    # Only while the outage is young: later, single changes of the gateway can wait like all others.
    out = frozenset(WatchedGateway.objects.filter(is_out=True, believed_until__gt=now).values_list("slug", flat=True))
    return availability.publish_observed(at_once=out).offers


def settled(*, now: datetime) -> dict[OfferKey, ObservedState]:
    """Return the states that differ from what the catalogue has, and have lasted long enough."""
    differs = Q(offer__observation=None) | ~Q(offer__observation__availability=F("state"))
    rows = (
        Watched.objects.filter(differs, offer__withdrawn_at=None)
        .exclude(offer__observation=None, state=Availability.UNKNOWN)
        .annotate(
            gateway=F("offer__gateway__slug"),
            name=F("offer__model_id"),
            published=F("offer__observation__availability"),
        )
        .order_by("since", "pk")
    )
    found: dict[OfferKey, ObservedState] = {}
    for row in rows.iterator():
        published = None if row.published is None else Availability(row.published)
        if is_settled(offer_state(row), published=published, now=now):
            found[row.gateway, row.name] = ObservedState(availability=Availability(row.state), since=row.since)
            if len(found) == MOST_AT_ONCE:
                break
    return found
