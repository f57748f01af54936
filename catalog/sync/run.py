"""One run: takes the gateway's lease, reads, sorts, publishes, and writes down what happened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.utils import timezone

from catalog import registry
from catalog.adapter.contract import Gateway as Adapter
from catalog.adapter.errors import BadPayload, GatewayError
from catalog.models import Gateway, RejectedRow, SyncRun
from catalog.normalize import text
from catalog.publication import apply
from catalog.publication.locks import LeaseLost
from catalog.records import Source
from catalog.sync import read, rows, schedule

logger = logging.getLogger(__name__)
Say = Callable[[str], None]


def _silently(line: str) -> None:
    """Says nothing."""


class AlreadyRunning(Exception):
    """Another run holds the gateway's lease."""


@dataclass(slots=True)
class Report:
    """What a run did; in a dry run, what it would do, with a `run` that was never saved."""

    run: SyncRun
    rejections: list[rows.Rejection] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def has_failed(self) -> bool:
        return self.run.outcome == SyncRun.Outcome.FAILED


def run_gateway(
    slug: str, *, trigger: str, source: str | None = None, dry_run: bool = False, say: Say = _silently
) -> Report:
    """Read one gateway and publish what it lists. Raises AlreadyRunning; every other failure stands in the report.

    `source` (auto, api, bundled) stands in for the gateway's setting.
    """
    adapter = registry.GATEWAYS[slug]
    chosen = read.choose_source(source or settings.GATEWAY_SOURCES[slug])
    Gateway.objects.ensure([slug])
    with _lease(slug) as token:
        report = Report(_begin(slug, token=token, trigger=trigger, source=chosen, dry_run=dry_run))
        try:
            _work(adapter, report, dry_run=dry_run, say=say)
        except (GatewayError, LeaseLost) as error:
            _fail(report, str(error))
        except SoftTimeLimitExceeded:
            _fail(report, f"took longer than {settings.SYNC_SOFT_TIME_LIMIT_SECONDS} seconds")
        except Exception as error:
            # One gateway's failure is its own: the others still run, and this one says loudly what happened.
            logger.exception("The run of %s failed unexpectedly", slug)
            _fail(report, f"unexpected {type(error).__name__}: {error}")
        finally:
            report.seconds = (timezone.now() - report.run.started_at).total_seconds()
            if not dry_run:
                _end(report)
    return report


def _work(adapter: Adapter, report: Report, *, dry_run: bool, say: Say) -> None:
    run = report.run
    say(f"{adapter.name}: reading {'its API' if run.source == Source.API else 'the bundled catalogue'}")
    listing = read.read_listing(adapter, source=Source(run.source), fixtures=settings.FIXTURES_DIR)
    if not listing.rows:
        raise BadPayload("the listing is empty; an empty answer is never taken for an empty catalogue")
    say(f"{adapter.name}: checking {len(listing.rows)} rows")
    found = rows.sort_rows(adapter, listing)
    report.rejections = found.rejections
    run.seen, run.rejected = len(listing.rows), len(found.rejections)
    if not found.records:
        raise BadPayload(f"none of the {run.seen} rows could be used; the first: {found.rejections[0].reason}")
    _renew_lease(run)
    say(f"{adapter.name}: comparing {'' if dry_run else 'and publishing'}".rstrip())
    outcome = apply.publish_listing(
        adapter.slug,
        listing=apply.AcceptedListing(
            records=found.records,
            present=frozenset(rejection.model_id for rejection in found.rejections if rejection.model_id),
            is_complete=listing.is_complete and found.all_ids_known,
            source=Source(run.source),
            recorded_on=adapter.bundled_on if run.source == Source.BUNDLED else None,
        ),
        lease_token=run.lease_token,
        now=timezone.now(),
        dry_run=dry_run,
    )
    for name, value in asdict(outcome).items():
        setattr(run, name, value)
    is_changed = outcome.new or outcome.changed or outcome.withdrawn
    run.outcome = SyncRun.Outcome.PUBLISHED if is_changed else SyncRun.Outcome.UNCHANGED


@contextmanager
def _lease(slug: str) -> Iterator[int]:
    """Hold the gateway for this run; a run that dies holds it no longer than the lease."""
    token = Gateway.objects.take_lease(slug=slug, now=timezone.now(), until=_lease_end())
    if token is None:
        raise AlreadyRunning(f"{slug} is being read by another run")
    try:
        yield token
    finally:
        Gateway.objects.holding(slug=slug, token=token).update(lease_expires_at=None)


def _renew_lease(run: SyncRun) -> None:
    """Called between the steps of a run, so that a lease can be short and a run long. Raises LeaseLost."""
    mine = Gateway.objects.holding(slug=run.gateway.slug, token=run.lease_token)
    if not mine.update(lease_expires_at=_lease_end()):
        raise LeaseLost(f"another run of {run.gateway.slug} has begun since this one took its lease")


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.SYNC_LEASE_SECONDS)


def _begin(slug: str, *, token: int, trigger: str, source: Source, dry_run: bool) -> SyncRun:
    gateway = Gateway.objects.get(slug=slug)
    now = timezone.now()
    run = SyncRun(gateway=gateway, lease_token=token, trigger=trigger, source=source, started_at=now)
    if not dry_run:
        # Whoever held the lease before and never ended has lost it.
        lost = SyncRun.objects.filter(gateway=gateway, outcome=SyncRun.Outcome.RUNNING)
        lost.update(outcome=SyncRun.Outcome.LOST, finished_at=now)
        # This run is what was asked for; whoever asks from now on, while it reads, asks for another one.
        Gateway.objects.filter(pk=gateway.pk, next_run_at=None).update(next_run_at=now + schedule.RETRY_AFTER)
        run.save()
    return run


def _fail(report: Report, error: str) -> None:
    report.run.outcome = SyncRun.Outcome.FAILED
    report.run.error = text.printable(error, longest=2_000)


def _end(report: Report) -> None:
    run, now = report.run, timezone.now()
    if run.outcome == SyncRun.Outcome.RUNNING:
        _fail(report, "interrupted")
    run.finished_at = now
    run.save()
    RejectedRow.objects.bulk_create([_rejected_row(run, rejection) for rejection in report.rejections], batch_size=500)
    mine = Gateway.objects.holding(slug=run.gateway.slug, token=run.lease_token)
    mine.filter(next_run_at__isnull=False).update(next_run_at=_next_run_at(run.gateway.slug, now=now))
    if not report.has_failed:
        mine.update(last_success_at=now)


def _next_run_at(slug: str, *, now: datetime) -> datetime:
    return schedule.next_slot(slug, after=now, interval=timedelta(minutes=settings.SYNC_INTERVAL_MINUTES))


def _rejected_row(run: SyncRun, rejection: rows.Rejection) -> RejectedRow:
    return RejectedRow(
        run=run,
        position=rejection.position,
        model_id=rejection.model_id or "",
        reason=rejection.reason,
        raw=rejection.raw,
    )
