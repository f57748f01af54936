"""What decides how a run is read and judged, besides its bytes: the settings, and the accepted run before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from django.conf import settings

from catalog.adapter.contract import Gateway as Adapter
from catalog.adapter.contract import Listing
from catalog.models import Offer, SyncRun
from catalog.publication.listing import AcceptedListing
from catalog.records import Availability, Source
from catalog.sync.guard import Limits, StrictGuard
from catalog.sync.rows import Sorted


def published_rows(run: SyncRun) -> dict[str, str]:
    """Map the prints of the gateway's published rows of this source to their ids."""
    active = Offer.objects.filter(gateway=run.gateway, withdrawn_at=None, source=run.source).exclude(row_print="")
    return dict(active.values_list("row_print", "model_id"))


def accepted_listing(
    adapter: Adapter,
    listing: Listing,
    found: Sorted,
    *,
    source: Source,
    availability: Mapping[str, Availability] | None,
) -> AcceptedListing:
    """Return the part of a listing that can be published; `availability` as in `AcceptedListing`."""
    return AcceptedListing(
        records=found.records,
        row_prints=found.row_prints,
        same=found.same,
        present=frozenset(rejection.model_id for rejection in found.rejections if rejection.model_id),
        postponed=listing.postponed | found.partial,
        is_complete=listing.is_complete and found.all_ids_known,
        source=source,
        recorded_on=adapter.bundled_on if source is Source.BUNDLED else None,
        providers=listing.providers,
        availability=availability,
    )


def strict_guard(run: SyncRun) -> StrictGuard:
    """Return the guard of a run whose rows are counted."""
    before = run.gateway.accepted_run
    return StrictGuard(
        limits=limits(),
        seen=run.seen,
        rejected=run.rejected,
        seen_before=before.seen if before and before.source == run.source else 0,
        is_reconfigured=_is_reconfigured(before.reader if before else "", run.reader),
    )


def limits() -> Limits:
    """Return the limits from the settings."""
    return Limits(**{limit.name: getattr(settings, setting_of(limit.name)) for limit in fields(Limits)})


def setting_of(limit: str) -> str:
    """Return the name of the setting of a limit: `GUARD_MISSING_PERCENT`."""
    return f"GUARD_{limit.upper()}"


def _is_reconfigured(before: str, reader: str) -> bool:
    """Return whether the last part of the reader, which the operator sets, has changed. False if `before` is empty."""
    return bool(before) and before.rpartition(".")[2] != reader.rpartition(".")[2]
