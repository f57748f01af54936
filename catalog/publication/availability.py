"""Publishes observed availability by itself, when no listing takes it along."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from catalog import records
from catalog.models import Revision
from catalog.publication import apply, clock, locks, observed, revision, stored, write
from catalog.publication.states import rendered
from catalog.publication.write import Publication

INTERVAL = timedelta(hours=1)
"""Observed states are published by themselves at most this often: each revision empties caches and changes ETags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The result of one attempt to publish."""

    offers: int
    """The number of offers whose document changed."""
    revision_before: int
    revision_after: int
    """Equal to `revision_before` if nothing was published."""


def publish_observed(*, at_once: Collection[str] = frozenset()) -> Published:
    """Publish the settled states (`observed.observe`) that are not served yet, in one revision.

    Nothing is published if there are none, or if the last such revision is younger than `INTERVAL`. For the gateways
    in `at_once` (slugs) it is published immediately, together with what waits of the others. Must not be called in a
    transaction. Raises ClockMoved.
    """
    slugs = observed.gateways_unserved()
    if not slugs or not _may_publish(slugs, at_once, now=clock.database_time()):
        return _nothing()
    apply.render_all()
    with transaction.atomic():
        gateways = locks.lock_gateways(slugs)
        newest = locks.lock_revision()
        now = clock.publication_time()
        # Another process may have published in the meantime.
        keys = observed.unserved(gateways=slugs)
        if not keys or not _may_publish(slugs, at_once, now=now):
            return _nothing()
        publication = Publication(
            now=now, gateway=gateways[0] if len(gateways) == 1 else None, is_observed=True, locked=newest
        )
        found = [rendered(state, records.load(state.offer.upstream)) for state in stored.observed_states(keys)]
        before, after = write.publish(found, publication)
    return Published(offers=sum(offer.is_news for offer in found), revision_before=before, revision_after=after)


def _may_publish(slugs: Collection[str], at_once: Collection[str], *, now: datetime) -> bool:
    if not set(at_once).isdisjoint(slugs):
        return True
    last = Revision.objects.filter(is_observed=True).order_by("-number").first()
    return last is None or now - last.published_at >= INTERVAL


def _nothing() -> Published:
    number = revision.current().number
    return Published(offers=0, revision_before=number, revision_after=number)
