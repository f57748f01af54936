"""The Celery task of this app. Any number of workers may run it at once."""

from __future__ import annotations

import logging

from celery import shared_task
from django.apps import apps
from django.utils import timezone

from catalog.models.failures import FAILURES, line_of

logger = logging.getLogger(__name__)


@shared_task(name="routing.tell", soft_time_limit=20, time_limit=25)
def tell() -> None:
    """Tell `monitoring`, if it is installed, what answers show of offers; beat calls this twice a minute."""
    if not apps.is_installed("monitoring"):
        return
    from routing import watching  # it imports the models of that app

    try:
        watching.tell(now=timezone.now())
    except FAILURES as error:
        logger.error("what answers show of offers was not told: %s", line_of(error))
