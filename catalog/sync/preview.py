"""What the release of a held run would publish, read from its captures without publishing anything."""

from __future__ import annotations

import time
from dataclasses import dataclass

from catalog import gateway_settings, registry
from catalog.models import SyncRun
from catalog.publication import apply, listeners
from catalog.publication.decision import Plan
from catalog.publication.listing import Terms
from catalog.publication.prices import repeats
from catalog.records import Source
from catalog.sync import captures, judging, read, rows
from catalog.sync.guard import ReleasingGuard


class NoPreview(Exception):
    """The plan cannot be made, or not in time; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    plan: Plan
    """What a release would write; of the withdrawals only the first."""
    gone: frozenset[str]
    """The ids of all offers that it would withdraw."""


def preview_of(held: SyncRun, *, seconds: float, most_gone: int) -> Preview:
    """Return what a release of this run would write now, as compared with what is published.

    Takes no lease, so it never delays a run. Raises NoPreview when the steps before the last took longer than
    `seconds`, GatewayError if the captures can no longer be read, and ClockMoved.
    """
    end, adapter = time.monotonic() + seconds, registry.GATEWAYS[held.gateway.slug]
    pages = captures.stored_pages(held)
    if not pages:
        raise NoPreview("its captures are no longer kept")
    source = Source(held.source)
    listing = read.read_again(
        adapter, source=source, pages=pages, config=gateway_settings.settings_of(adapter.slug).config()
    ).listing
    if listing is None or not listing.rows:
        raise NoPreview("its listing is empty")
    _require_time(end, seconds)
    found = rows.sort_rows(
        adapter, listing, reader=held.reader, accepted=judging.published_rows(held), is_observed=listeners.is_observed()
    )
    _require_time(end, seconds)
    guard = ReleasingGuard(strict=judging.strict_guard(held))
    plan, gone = apply.plan_listing(
        held,
        listing=judging.accepted_listing(
            adapter, listing, found, source=source, availability={} if listeners.is_observed() else None
        ),
        terms=Terms(guard=guard, rules=repeats.rules(), withdraw_after=0, dry_run=True),
        most_gone=most_gone,
    )
    return Preview(plan=plan, gone=gone)


def _require_time(end: float, seconds: float) -> None:
    if time.monotonic() > end:
        raise NoPreview(f"it takes longer than {seconds:g} seconds")
