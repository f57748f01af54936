"""Deletes what is old, a few thousand rows at a time, and joins short old periods."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction

from monitoring.models import Interval, TrafficDay, TrafficFiveMinutes, TrafficHour
from monitoring.traffic import DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS

KEEP_INTERVALS = timedelta(days=400)
EXACT_FOR = timedelta(days=35)
"""Older periods that lasted less than SHORT are joined with the one before."""
SHORT = timedelta(hours=1)
KEEP_TRAFFIC = (
    (TrafficFiveMinutes, SLOT_SECONDS, timedelta(days=3)),
    (TrafficHour, HOUR_SECONDS, timedelta(days=35)),
    (TrafficDay, DAY_SECONDS, timedelta(days=400)),
)
MOST_DELETED = 2_000
"""The most rows of one transaction: none takes long."""
MOST_JOINED = 200


def prune(*, now: datetime) -> None:
    """Delete what is no longer kept. Can be interrupted at any time."""
    while _delete(Interval.objects.filter(end__lt=now - KEEP_INTERVALS)):
        pass
    for table, seconds, kept in KEEP_TRAFFIC:
        rows = table._default_manager.filter(slot__lt=int((now - kept).timestamp()) // seconds)
        while _delete(rows):
            pass
    while join_short(now=now):
        pass


def join_short(*, now: datetime) -> int:
    """Let each short old period become part of the one before it, and return how many did. The rest stays as it is."""
    old = Interval.objects.filter(end__lt=now - EXACT_FOR, end__gt=now - KEEP_INTERVALS)
    short = old.filter(end__lt=models.F("start") + SHORT).order_by("offer", "start")
    joined = 0
    with transaction.atomic():
        for each in list(short[:MOST_JOINED]):
            before = Interval.objects.filter(offer=each.offer_id, end=each.start)
            each.delete()
            before.update(end=each.end)  # the time of the first one of an offer becomes unknown
            joined += 1
    return joined


def _delete(rows: models.QuerySet[Any]) -> int:
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:MOST_DELETED])
    for at in range(0, len(keys), 500):
        rows.model._default_manager.filter(pk__in=keys[at : at + 500]).delete()
    return len(keys)
