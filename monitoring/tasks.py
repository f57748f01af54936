"""The Celery tasks. Each of them calls one function; a second worker that does the same at once does no harm."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from catalog.models import TaskEnd
from catalog.models.failures import FAILURES, line_of
from catalog.publication.clock import ClockMoved
from monitoring import asking, evidence, retention, settling, traffic
from monitoring.models import WatchedGateway

logger = logging.getLogger(__name__)


@shared_task(name="monitoring.observe", soft_time_limit=120, time_limit=150)
def observe() -> None:
    """Send the requests that are due, forget old news, and hand over what has settled; beat calls this each minute."""
    if settings.MONITORING == "off":
        return
    with _failures_in_one_line("availability was not observed"):
        asking.ask_due(now=timezone.now())
        for slug in WatchedGateway.objects.order_by("slug").values_list("slug", flat=True):
            evidence.age(slug, now=timezone.now())
        settling.settle(now=timezone.now())
        TaskEnd.objects.store(observe.name, now=timezone.now())


@shared_task(name="monitoring.tidy", soft_time_limit=600, time_limit=660)
def tidy() -> None:
    """Add up the requests of clients and delete what is old; beat calls this each quarter of an hour."""
    with _failures_in_one_line("what was observed was not tidied"):
        traffic.roll(now=timezone.now())
        retention.prune(now=timezone.now())
        TaskEnd.objects.store(tidy.name, now=timezone.now())


@contextmanager
def _failures_in_one_line(what: str) -> Iterator[None]:
    """Log failures in one line: Celery would log a traceback once a minute while the database fails."""
    try:
        yield
    except FAILURES as error:
        logger.error("%s: %s", what, line_of(error))
    except ClockMoved as error:
        logger.error("%s: %s", what, error)
