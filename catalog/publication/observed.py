"""Reads and writes the observed availability of offers. Nothing else writes the table `Observation`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from django.db import transaction

from catalog.models import Observation, Offer
from catalog.publication import listeners, locks
from catalog.publication.batches import BATCH, batches
from catalog.records import Availability

OfferKey = tuple[str, str]
"""Gateway and id of an offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedState:
    """The settled availability of one offer."""

    availability: Availability
    since: datetime
    """Since when the offer is in this state."""


@dataclass(frozen=True, slots=True)
class Overlaid:
    """The availability that replaces the one of an offer's record."""

    availability: Availability
    served: Availability | None
    """The one that the offer's document has; None if nothing was observed of the offer so far."""


def observe(states: Mapping[OfferKey, ObservedState]) -> int:
    """Store settled states, and return how many of them are news. Nothing is published.

    Offers that the catalogue does not have are left out; withdrawn ones are stored, and shown when they return. Takes
    the locks of the gateways, so it waits for their publications. Do not call it in a transaction that has locked the
    revision.
    """
    if not states:
        return 0
    with transaction.atomic():
        locks.lock_gateways({gateway for gateway, _ in states})
        news = [found for batch in batches(sorted(states)) for found in _news(batch, states)]
        Observation.objects.bulk_create(
            news,
            update_conflicts=True,
            unique_fields=["offer"],
            update_fields=["availability", "since"],
            batch_size=BATCH,
        )
    return len(news)


def _news(keys: Sequence[OfferKey], states: Mapping[OfferKey, ObservedState]) -> Iterable[Observation]:
    """Return the observations of these offers that differ from the stored ones."""
    ids: dict[str, list[str]] = defaultdict(list)
    for gateway, offer_id in keys:
        ids[gateway].append(offer_id)
    for gateway, of_gateway in ids.items():
        offers = Offer.objects.filter(gateway__slug=gateway, model_id__in=of_gateway).order_by("pk")
        rows = offers.values_list(
            "pk", "model_id", "observation__availability", "observation__since", "observation__served"
        )
        found = {
            pk: (states[gateway, offer_id], served)
            for pk, offer_id, availability, since, served in rows
            if (availability, since) != (states[gateway, offer_id].availability, states[gateway, offer_id].since)
        }
        read = _read_availability([pk for pk, (_, served) in found.items() if not served])
        for pk, (state, served) in found.items():
            yield Observation(
                offer_id=pk, availability=state.availability, since=state.since, served=served or read[pk]
            )


def _read_availability(keys: Sequence[int]) -> dict[int, str]:
    """Return the availability of offers without an observation: the one that the adapter read."""
    records = Offer.objects.filter(pk__in=keys).values_list("pk", "upstream")
    return {pk: orjson.loads(upstream)["availability"] for pk, upstream in records}


def overlaid(offers: Collection[int], *, is_newest: bool) -> dict[int, Overlaid]:
    """Return what replaces the availability of these offers' records, by primary key of the offer.

    `is_newest` means the newest settled state, which the caller then must note by `note_served`; otherwise it is the
    state that their documents have. The result is empty if availability is not observed.
    """
    if not listeners.is_observed():
        return {}
    rows = Observation.objects.filter(offer__in=offers).values_list("offer", "availability", "served")
    return {
        pk: Overlaid(Availability(availability if is_newest else served), Availability(served))
        for pk, availability, served in rows
    }


def unserved(*, gateways: Collection[str]) -> list[int]:
    """Return the primary keys of the listed offers of these gateways whose newest settled state is not served yet."""
    if not listeners.is_observed():
        return []
    waiting = Observation.objects.unserved().filter(offer__gateway__slug__in=gateways)
    return list(waiting.order_by("offer").values_list("offer", flat=True))


def gateways_unserved() -> frozenset[str]:
    """Return the gateways that have settled states which are not served yet."""
    if not listeners.is_observed():
        return frozenset()
    return frozenset(Observation.objects.unserved().values_list("offer__gateway__slug", flat=True).distinct())


def note_served(published: Mapping[int, Overlaid], *, now: datetime) -> None:
    """Store what documents have now, by primary key of the offer. The caller must hold the locks of their gateways.

    The first state of an offer begins now.
    """
    first = [
        Observation(offer_id=pk, availability=state.availability, since=now, served=state.availability)
        for pk, state in sorted(published.items())
        if state.served is None
    ]
    moved: dict[Availability, list[int]] = defaultdict(list)
    for pk, state in sorted(published.items()):
        if state.served not in {None, state.availability}:
            moved[state.availability].append(pk)
    Observation.objects.bulk_create(first, batch_size=BATCH)
    for availability, keys in moved.items():
        for batch in batches(keys):
            Observation.objects.filter(offer__in=batch).update(served=availability)
