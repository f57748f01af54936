"""The Celery tasks. Each of them calls one function."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from catalog.curation import overrides
from catalog.models import SyncRun, TaskEnd
from catalog.models.failures import FAILURES, line_of
from catalog.sync import retention, run, schedule

logger = logging.getLogger(__name__)


@shared_task(name="catalog.dispatch_due")
def dispatch_due() -> None:
    """Send every due gateway to the worker; beat calls this each minute."""
    with _failures_in_one_line("what is due could not be looked up"):
        for slug in schedule.claim_due(now=timezone.now()):
            sync_gateway.apply_async((slug,), expires=schedule.RETRY_AFTER.total_seconds())
        TaskEnd.objects.store(dispatch_due.name, now=timezone.now())


@shared_task(name="catalog.end_overrides")
def end_overrides() -> None:
    """Clear the overrides whose time is over; beat calls this each minute."""
    with _failures_in_one_line("overrides whose time is over were not cleared"):
        if (done := overrides.end_expired(now=timezone.now())) is not None:
            logger.info("%s overrides ended", len(done.decision.changes))
        TaskEnd.objects.store(end_overrides.name, now=timezone.now())


@shared_task(name="catalog.begin")
def begin() -> None:
    """Ask failed gateways again soon, and send the due ones. This runs once after each start of the program."""
    with _failures_in_one_line("failed gateways are not asked sooner"):
        schedule.ask_failed_soon()
    dispatch_due()


@shared_task(name="catalog.prune")
def prune() -> None:
    """Delete the data that the retention settings no longer keep."""
    with _failures_in_one_line("nothing was pruned"):
        logger.info("pruned %s", retention.prune(now=timezone.now()))
        TaskEnd.objects.store(prune.name, now=timezone.now())


@shared_task(
    name="catalog.sync_gateway",
    soft_time_limit=settings.SYNC_SOFT_TIME_LIMIT_SECONDS,
    time_limit=settings.SYNC_TIME_LIMIT_SECONDS,
)
def sync_gateway(slug: str) -> None:
    """Read one gateway, unless it was disabled since. A run that overlaps another run of the gateway ends at once."""
    with _failures_in_one_line(f"{slug} was not read"):
        try:
            schedule.check_enabled(slug)
            report = run.run_gateway(slug, trigger=SyncRun.Trigger.SCHEDULE)
        except (run.AlreadyRunning, schedule.Disabled) as error:
            logger.warning("%s", error)
            return
        level = logging.WARNING if report.run.outcome == SyncRun.Outcome.FAILED else logging.INFO
        logger.log(level, "%s: %s %s", slug, report.run.outcome, " ".join(report.run.error.split()))


@contextmanager
def _failures_in_one_line(what: str) -> Iterator[None]:
    """Log failures in one line: Celery would log a traceback once a minute while the database fails."""
    try:
        yield
    except FAILURES as error:
        logger.error("%s: %s", what, line_of(error))
