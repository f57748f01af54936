"""How fresh the data of a gateway is, from its stored runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from catalog.models.gateway import Gateway
from catalog.models.offer import Offer
from catalog.models.sync_run import SyncRun
from catalog.records import Source


def source_of(gateway: Gateway, offers: QuerySet[Offer]) -> str | None:
    """Return the source of the accepted run: offers that an incomplete listing lacks can still have another source."""
    if gateway.accepted_run is not None:
        return gateway.accepted_run.source
    return offers.order_by("pk").values_list("source", flat=True).first()


def last_run_of(gateway: Gateway, *, now: datetime) -> SyncRun | None:
    """Return the last run that ended, or whose process was lost."""
    runs = SyncRun.objects.filter(gateway=gateway.pk).asking().order_by("-started_at")
    newest = runs.exclude(outcome=SyncRun.Outcome.WAITING).first()
    if newest is None or newest.outcome != SyncRun.Outcome.RUNNING:
        return newest
    if gateway.lease_expires_at is not None and gateway.lease_expires_at > now:
        return runs.finished().first()
    # A run without its lease does not continue: the next run will mark it as lost.
    newest.outcome = SyncRun.Outcome.LOST
    newest.error = "it did not store how it ended: its process was killed, or its database could not be written"
    return newest


def state_of(
    last_success_at: datetime | None,
    *,
    last_run: SyncRun | None,
    source: str | None,
    now: datetime,
    interval: timedelta,
    is_enabled: bool = True,
) -> str:
    """Return `fresh` within two intervals of the last success, else `stale`.

    A gateway that is not enabled is `disabled`, and neither failing nor stale: it is not read, as the operator wants.
    A last run that was held or failed takes precedence over the rest. Data from a bundled file is `bundled`, however
    often it is read.
    """
    if not is_enabled:
        return "disabled"
    if last_run is not None and last_run.outcome == SyncRun.Outcome.HELD:
        return "held"
    if last_run is not None and last_run.outcome in {SyncRun.Outcome.FAILED, SyncRun.Outcome.LOST}:
        return "failing"
    if last_success_at is None:
        return "never"
    if source == Source.BUNDLED:
        return "bundled"
    return "fresh" if now - last_success_at <= 2 * interval else "stale"
