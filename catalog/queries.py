"""Database queries for the API, the pages and the commands. The most frequent reads come from `catalog/memory`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Count, Max, Min

from catalog import gateway_settings
from catalog.gateway_settings import GatewaySettings
from catalog.models import Gateway, Offer, PriceHold, Revision, RunCount, SyncRun, TaskEnd, freshness
from catalog.records import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayState:
    """The state of a gateway, for operators and for `/catalog/gateways`."""

    slug: str
    models: int
    last_run: SyncRun | None
    """The last run that ended, or whose process was lost."""
    last_success_at: datetime | None
    next_run_at: datetime | None
    source: str | None
    """The source of the published listing."""
    recorded_on: date | None
    """The date of the published facts, if the source is a bundled file."""
    age_seconds: int | None
    """Seconds since the last success."""
    state: str
    """One of fresh, stale, held, failing, never, bundled and disabled."""
    held_prices: int
    """The number of prices that wait for a curator."""


def gateway_states(slugs: Iterable[str], *, now: datetime) -> dict[str, GatewayState]:
    """Return the state of each gateway. Each takes a few queries, independently of the number of offers."""
    applying = gateway_settings.all_settings()
    stored = {gateway.slug: gateway for gateway in Gateway.objects.select_related("accepted_run").order_by("slug")}
    # A gateway that was never run has no row yet; an unsaved one gives it the state `never`.
    gateways = [stored.get(slug, Gateway(slug=slug)) for slug in slugs]
    return {gateway.slug: gateway_state(gateway, now=now, applying=applying.get(gateway.slug)) for gateway in gateways}


def newest_revision() -> Revision:
    return Revision.objects.newest()


def sync_run(run_id: int) -> SyncRun | None:
    return SyncRun.objects.select_related("gateway").filter(pk=run_id).first()


def gateway_state(gateway: Gateway, *, now: datetime, applying: GatewaySettings | None) -> GatewayState:
    """Return the state of a gateway. `applying` is None if the program no longer reads it."""
    is_enabled = applying is None or applying.is_enabled
    last_run = freshness.last_run_of(gateway, now=now)
    offers = Offer.objects.filter(gateway=gateway.pk, withdrawn_at__isnull=True)
    source = freshness.source_of(gateway, offers)
    of_source = offers.filter(source=source).order_by("-recorded_on").values_list("recorded_on", flat=True)
    return GatewayState(
        slug=gateway.slug,
        models=offers.count(),
        last_run=last_run,
        last_success_at=gateway.last_success_at,
        next_run_at=gateway.next_run_at if is_enabled else None,
        age_seconds=int((now - gateway.last_success_at).total_seconds()) if gateway.last_success_at else None,
        source=source,
        recorded_on=of_source.first() if source == Source.BUNDLED else None,
        held_prices=PriceHold.objects.waiting().filter(offer__gateway=gateway.pk).count(),
        state=freshness.state_of(
            gateway.last_success_at,
            last_run=last_run,
            source=source,
            now=now,
            interval=applying.interval if applying else timedelta(),
            is_enabled=is_enabled,
        ),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a decision of a curator."""

    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """The figures of the sync from the database, for `/metrics`. Gateways without any have no entry."""

    stored: dict[tuple[str, str], int]
    """Number of stored runs, by gateway and outcome."""
    ended: dict[tuple[str, str], int]
    """Number of runs that ever ended, by gateway and outcome; it never falls."""
    rejected: dict[str, int]
    """Number of rows that each gateway's last finished run could not use."""
    held_runs: dict[str, Waiting]
    held_prices: dict[str, Waiting]
    task_ends: dict[str, datetime]
    """When each periodic task last ended without a failure."""
    database_bytes: int


def run_figures() -> RunFigures:
    counted = SyncRun.objects.order_by().values_list("gateway__slug", "outcome").annotate(count=Count("pk"))
    ended = RunCount.objects.order_by().values_list("gateway__slug", "outcome", "count")
    newest = SyncRun.objects.asking().finished().order_by().values("gateway").annotate(newest=Max("pk"))
    last_runs = SyncRun.objects.filter(pk__in=[row["newest"] for row in newest])
    held = SyncRun.objects.filter(outcome=SyncRun.Outcome.HELD).order_by().values_list("gateway__slug")
    prices = PriceHold.objects.waiting().order_by().values_list("offer__gateway__slug")
    return RunFigures(
        stored={(gateway, outcome): count for gateway, outcome, count in counted},
        ended={(gateway, outcome): count for gateway, outcome, count in ended},
        rejected=dict(last_runs.values_list("gateway__slug", "rejected")),
        held_runs={slug: Waiting(*rest) for slug, *rest in held.annotate(Count("pk"), Min("started_at"))},
        held_prices={slug: Waiting(*rest) for slug, *rest in prices.annotate(Count("pk"), Min("made_at"))},
        task_ends=dict(TaskEnd.objects.order_by("task").values_list("task", "ended_at")),
        database_bytes=_database_bytes(),
    )


def _database_bytes() -> int:
    """Return the size of the database with its indexes, on SQLite without the write-ahead log."""
    pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with connection.cursor() as cursor:
        cursor.execute(pages if connection.vendor == "sqlite" else "SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
