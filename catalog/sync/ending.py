"""Ends a run: stores its result, and updates its gateway."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from catalog import gateway_settings
from catalog.models import Gateway, RejectedRow, RunCount, SyncRun
from catalog.models.failures import FAILURES, line_of
from catalog.normalize import text
from catalog.publication.listing import NotBelieved
from catalog.records import Source
from catalog.sync import rows, schedule
from catalog.sync.task import Report, Task

logger = logging.getLogger(__name__)
Outcome = SyncRun.Outcome


def hold(task: Task, report: Report, error: NotBelieved) -> None:
    if task.replayed is not None:  # an attempt to release a held run must not create a second held run
        fail(report, str(error))
        return
    report.run.outcome, report.run.error = Outcome.HELD, str(error)
    report.run.missing_key = key_of(error.missing)


def fail(report: Report, error: str) -> None:
    report.run.outcome = Outcome.FAILED
    report.run.error = text.printable(error, longest=2_000)


def end(task: Task, report: Report) -> None:
    """Store the result of the run, as much of it as the database accepts. Never raises a database error."""
    if report.run.outcome == Outcome.RUNNING:
        fail(report, "interrupted")
    report.run.finished_at = timezone.now()
    try:
        _store(task, report, rejections=report.rejections)
    except FAILURES as error:
        if not report.has_failed:
            report.run.error = "; ".join(filter(None, [report.run.error, f"rejected rows are lost: {line_of(error)}"]))
        _store_the_least(task, report)


def _store_the_least(task: Task, report: Report) -> None:
    """Store the run without its rejected rows. On a full disk, an existing row can often still be overwritten."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    try:
        _store(task, report, rejections=[])
    except FAILURES as error:
        # The row still has the outcome `running`; `queries` reports the run as lost once its lease has expired.
        logger.error("How the run of %s ended could not be stored: %s", task.adapter.slug, line_of(error))
        fail(report, report.run.error or f"it could not be stored: {line_of(error)}")


def _store(task: Task, report: Report, *, rejections: Sequence[rows.Rejection]) -> None:
    run, now = report.run, report.run.finished_at or timezone.now()
    with transaction.atomic():
        run.save()
        RunCount.objects.add(run.gateway, run.outcome)
        if not report.has_failed and task.replayed is None:
            older = SyncRun.objects.filter(gateway=run.gateway, outcome=Outcome.HELD, pk__lt=run.pk)
            older.update(outcome=Outcome.OVERTAKEN)
        RejectedRow.objects.bulk_create([_rejected_row(run, row) for row in rejections], batch_size=500)
        mine = Gateway.objects.with_lease(slug=run.gateway.slug, token=run.lease_token)
        aftermath = _aftermath(task, report, now=now)
        if "next_run_at" in aftermath:
            mine.filter(next_run_at__isnull=False).update(next_run_at=aftermath.pop("next_run_at"))
        if aftermath:
            mine.update(**aftermath)


def _aftermath(task: Task, report: Report, *, now: datetime) -> dict[str, object]:
    """Return the fields of the gateway that the run changes, with their new values."""
    run, slug = report.run, task.adapter.slug
    slot = gateway_settings.next_slot(slug, after=now, interval=gateway_settings.settings_of(slug).interval)
    if task.replayed is not None and report.has_failed:
        return {}  # no request was sent to the gateway, so it did not fail
    if run.outcome == Outcome.FAILED and run.trigger in SyncRun.ASKED_BY_PEOPLE:
        return _after_a_failure_that_a_person_asked_for(report, now=now)
    if run.outcome == Outcome.FAILED:
        failures = run.gateway.failures + 1
        pause = schedule.back_off(failures, least=report.retry_after)
        return {"failures": failures, "next_run_at": now + pause}
    if run.outcome == Outcome.HELD:
        return {"failures": 0, "next_run_at": slot}
    accepted: dict[str, object] = {} if report.is_equal_to_accepted else {"accepted_run": run}
    if task.replayed is not None:
        return accepted  # no request was sent to the gateway, so its schedule stays
    if task.is_fallback:
        return {**accepted, "last_success_at": now}
    # A bundled catalogue only bridges the time until the API responds.
    is_bridge = task.source is Source.BUNDLED and schedule.source_of(task.adapter) is Source.API
    return {**accepted, "failures": 0, "last_success_at": now, "next_run_at": None if is_bridge else slot}


def _after_a_failure_that_a_person_asked_for(report: Report, *, now: datetime) -> dict[str, object]:
    """Leave the back-off as it is: repeated attempts during a repair must not lengthen it."""
    if report.retry_after is None:
        return {}
    wanted = now + schedule.back_off(1, least=report.retry_after)
    return {"next_run_at": max(wanted, report.run.gateway.next_run_at or wanted)}


def _rejected_row(run: SyncRun, rejection: rows.Rejection) -> RejectedRow:
    return RejectedRow(
        run=run,
        position=rejection.position,
        model_id=rejection.model_id or "",
        reason=rejection.reason,
        raw=rejection.raw,
    )


def key_of(missing: frozenset[str]) -> str:
    return hashlib.sha256("\n".join(sorted(missing)).encode()).hexdigest() if missing else ""
