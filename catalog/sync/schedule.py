"""Schedules the gateways. The schedule is stored in the database, so two beats or a lost message do no harm."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from kombu.exceptions import OperationalError

from catalog import registry
from catalog.adapter.contract import Gateway as Adapter
from catalog.models import Gateway, SyncRun
from catalog.models.patience import impatient
from catalog.records import Source
from catalog.sync import read

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
LONGEST_PAUSE = timedelta(hours=6)
"""A gateway is asked again after this time, however often it failed."""
RETRY_AFTER = timedelta(minutes=5)
"""A gateway that was sent to the worker but never ran, because its message was lost, is sent again after this time."""

PATIENCE_SECONDS = 1.0
"""The limit is short because a request for a run occupies one of the few threads of a web server."""
_sender = ThreadPoolExecutor(1, thread_name_prefix="send-due")


class NoBroker(Exception):
    """No message can be sent. The due gateways are stored in the database, so nothing is lost."""


def source_of(adapter: Adapter) -> Source:
    """Return the source from which the settings let a gateway be read."""
    setting, has_key = settings.GATEWAY_SOURCES[adapter.slug], bool(settings.GATEWAY_KEYS[adapter.slug])
    return read.choose_source(adapter, setting=setting, has_key=has_key)


def next_slot(slug: str, *, after: datetime, interval: timedelta) -> datetime:
    """Return the gateway's next time. It has one slot in each interval; the gateways are spread evenly over it."""
    slugs = list(registry.GATEWAYS)
    offset = interval * slugs.index(slug) / len(slugs)
    return after + interval - (after - _EPOCH - offset) % interval


def back_off(failures: int, *, least: float | None) -> timedelta:
    """Return the pause after this many failures in a row: at least `least`, the seconds that the gateway asked for."""
    pause = min(RETRY_AFTER * (1 << min(failures - 1, 10)), LONGEST_PAUSE)
    return max(pause, timedelta(seconds=min(least or 0, LONGEST_PAUSE.total_seconds())))


def claim_due(*, now: datetime) -> list[str]:
    """Return the slugs of the due gateways. With several concurrent callers, each gateway is returned to only one."""
    Gateway.objects.ensure(registry.GATEWAYS)
    return [
        gateway.slug
        for gateway in Gateway.objects.due(now=now).free(now=now).filter(slug__in=registry.GATEWAYS)
        if Gateway.objects.filter(pk=gateway.pk, next_run_at=gateway.next_run_at).update(next_run_at=now + RETRY_AFTER)
    ]


def ask_failed_soon() -> None:
    """Ask failed gateways again soon after a start: the operator may have just repaired the cause of the failures.

    The pause after a first failure still applies: a program that restarts again and again must not ask each time.
    """
    for gateway in Gateway.objects.filter(failures__gt=0, slug__in=registry.GATEWAYS).order_by("slug"):
        last_ended_at = (
            SyncRun.objects.filter(gateway=gateway).asking().aggregate(Max("finished_at"))["finished_at__max"]
        )
        if last_ended_at is not None:
            soon = last_ended_at + RETRY_AFTER
            Gateway.objects.filter(pk=gateway.pk, next_run_at__gt=soon).update(next_run_at=soon)


def request_run(slug: str, *, now: datetime, record: Callable[[SyncRun], object] = lambda run: None) -> SyncRun:
    """Request a run as soon as possible, and return it. If a run waits to begin already, return that run.

    A run that is already reading does not count: its data may be older than the request. Raises Busy while something
    of the gateway is being published. `record` is called in the same transaction, such as for the audit trail.
    """
    Gateway.objects.ensure([slug])
    with impatient(PATIENCE_SECONDS), transaction.atomic():
        Gateway.objects.filter(slug=slug).update(next_run_at=None)
        fresh = {"trigger": SyncRun.Trigger.REQUEST, "lease_token": 0, "started_at": now}
        run, _ = SyncRun.objects.waiting().get_or_create(
            gateway=Gateway.objects.get(slug=slug), outcome=SyncRun.Outcome.WAITING, defaults=fresh
        )
        record(run)
    return run


def send_due() -> None:
    """Make the worker look for due gateways at once. Raises NoBroker; then the next beat does it.

    Broker clients have their own time limits, and retry several times within them. So one thread sends for all
    requests, and no request waits for it longer than PATIENCE_SECONDS, even if the broker accepts connections and never
    answers.
    """
    sending = _sender.submit(_send_due)
    try:
        sending.result(timeout=PATIENCE_SECONDS)
    except (OperationalError, OSError, TimeoutError) as error:
        sending.cancel()  # if it has not begun, because the previous send still waits
        raise NoBroker("no message broker answers; the next beat will send what is due") from error


def _send_due() -> None:
    current_app.send_task("catalog.dispatch_due", retry=False, expires=55)
