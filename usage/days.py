"""Adds hours up to days, once, and deletes what is old.

An hour is moved: its rows leave the table of hours in the transaction that adds them to the day. So it cannot count
twice, whoever does it and whenever it is interrupted. Counts that arrive later for such an hour are a new row, which
the next move adds. Whoever wants the sum of a day adds both tables.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import connections, models, transaction

from usage.models import Batch, Clients, Day, GatewayDay, Hour, InferenceDay, KeyDay, LatencyDay, RankedDay
from usage.router import alias

DAY_HOURS = 24
KEEP_HOURS = 48
"""How long the counts of single hours are kept."""
KEEP_BATCHES_HOURS = 72
KEEP_DAYS = 400
TIDY_SECONDS = 900.0
MOST_DELETED = 5_000
"""The most rows that one transaction moves or deletes: none takes long."""

_due_at = 0.0


def this_hour() -> int:
    return int(time.time()) // 3_600


def today() -> int:
    return this_hour() // DAY_HOURS


def tidy() -> None:
    """Move hours and delete what is old, if that was not done lately."""
    global _due_at
    if time.monotonic() >= _due_at:
        _due_at = time.monotonic() + TIDY_SECONDS
        hour = this_hour()
        while add_up(hour):
            pass
        prune(hour)


def add_up(hour: int) -> bool:
    """Move old hours to their days, and return whether there may be more. `hour` is the present one."""
    using, name, day = alias(), Hour._meta.db_table, Day._meta.db_table
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if connections[using].vendor == "postgresql":  # SQLite has one writer
            cursor.execute(f"LOCK TABLE {day} IN SHARE ROW EXCLUSIVE MODE")
        old = Hour.objects.using(using).filter(hour__lt=hour - KEEP_HOURS).order_by("pk")
        ids = list(old.values_list("pk", flat=True)[:MOST_DELETED])
        if not ids:
            return False
        # By the range of ids: a list of thousands of them would be too many parameters for some databases.
        bounds = [ids[0], ids[-1], hour - KEEP_HOURS]
        where = "WHERE id BETWEEN %s AND %s AND hour < %s"
        columns = "endpoint, gateway, offer, model, outcome"
        cursor.execute(
            f"INSERT INTO {day} ({columns}, asks, reads, day) "  # noqa: S608  only our own names
            f"SELECT {columns}, SUM(asks), SUM(reads), hour / {DAY_HOURS} FROM {name} {where} "
            f"GROUP BY {columns}, hour / {DAY_HOURS} ORDER BY {columns}, hour / {DAY_HOURS} "
            f"ON CONFLICT (day, {columns}) DO UPDATE "
            f"SET asks = {day}.asks + excluded.asks, reads = {day}.reads + excluded.reads",
            bounds,
        )
        cursor.execute(f"DELETE FROM {name} {where}", bounds)  # noqa: S608  likewise
    return len(ids) == MOST_DELETED


def prune(hour: int) -> None:
    """Delete what is older than is kept, a few thousand rows at a time."""
    day = hour // DAY_HOURS - KEEP_DAYS
    _delete(Batch, "hour", hour - KEEP_BATCHES_HOURS)
    for table in (Day, KeyDay, Clients, RankedDay, InferenceDay, LatencyDay, GatewayDay):
        _delete(table, "day", day)


def _delete(table: type[models.Model], column: str, before: int) -> None:
    rows: Any = table._default_manager.using(alias())
    while ids := list(rows.filter(**{f"{column}__lt": before}).values_list("pk", flat=True)[:500]):
        rows.filter(pk__in=ids).delete()
