"""The Celery tasks. Each of them calls one function."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from catalog.models.failures import FAILURES, line_of
from usage import elsewhere

logger = logging.getLogger(__name__)


@shared_task(name="usage.ask_gateways")
def ask_gateways() -> None:
    """Read what gateways count themselves, once a day; beat calls this each quarter of an hour."""
    try:
        elsewhere.ask_due(now=timezone.now())
    except FAILURES as error:
        logger.error("the counts of gateways were not read: %s", line_of(error))
