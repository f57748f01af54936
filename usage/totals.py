"""Sums of what is stored, for members of staff: with today, and without leaving anything out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from django.db.models import F, Max, QuerySet, Sum

from usage.days import DAY_HOURS
from usage.models import Clients, Day, Hour, KeyDay


class Total(NamedTuple):
    asks: int = 0
    reads: int = 0


Group = tuple[int | str, ...]


def totals(days: range, *by: str) -> Mapping[Group, Total]:
    """Return the sums of these days by columns, such as `day`, `model` or `outcome`."""
    stored: list[QuerySet[Day] | QuerySet[Hour]] = [
        Day.objects.filter(day__gte=days.start, day__lt=days.stop),
        Hour.objects.filter(hour__gte=days.start * DAY_HOURS, hour__lt=days.stop * DAY_HOURS).annotate(
            day=F("hour") / DAY_HOURS
        ),
    ]
    found: dict[Group, Total] = defaultdict(Total)
    for rows in stored:
        for *group, asks, reads in rows.values_list(*by).annotate(Sum("asks"), Sum("reads")):
            before = found[tuple(group)]
            found[tuple(group)] = Total(before.asks + asks, before.reads + reads)
    return found


def reads_of_keys(days: range) -> Mapping[int, int]:
    """Return the requests with each key."""
    rows = KeyDay.objects.filter(day__gte=days.start, day__lt=days.stop)
    return dict(rows.values_list("key").annotate(Sum("reads")))


def clients_of(day: int) -> int:
    """Return how many different addresses a process saw at most on a day."""
    found: int | None = Clients.objects.filter(day=day).aggregate(Max("number"))["number__max"]
    return found or 0
