"""The requests of clients to offers: added up by five minutes, hours and days. Sums of sums, never means of means.

Each closed slot is added to the next table once: through which slot that was done is stored in the same transaction.
Until then it may be counted again, so rows of the ledger that are stored late are not lost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Min, Sum

from monitoring.models import (
    TTFT_BOUNDS_MS,
    TTFT_COLUMNS,
    Rolled,
    Traffic,
    TrafficDay,
    TrafficFiveMinutes,
    TrafficHour,
)

COUNTED = ("ok", "error", "limited", "tokens_in", "tokens_out", "stream_ms", *TTFT_COLUMNS)
SLOT_SECONDS, HOUR_SECONDS, DAY_SECONDS = 300, 3_600, 86_400
LATE_SECONDS = 600
"""A slot is added up this long after its end. Until then it may be put again."""
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What happened with one offer in one slot."""

    ok: int = 0
    error: int = 0
    limited: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    stream_ms: int = 0
    ttft: tuple[int, ...] = (0,) * len(TTFT_COLUMNS)

    def values(self) -> tuple[int, ...]:
        return (self.ok, self.error, self.limited, self.tokens_in, self.tokens_out, self.stream_ms, *self.ttft)


class Step(NamedTuple):
    """One table is added up into another one."""

    name: str
    source: type[Traffic]
    target: type[Traffic]
    source_seconds: int
    target_seconds: int

    @property
    def slots(self) -> int:
        """The slots of the source in one of the target."""
        return self.target_seconds // self.source_seconds


STEPS = (
    Step("hour", TrafficFiveMinutes, TrafficHour, SLOT_SECONDS, HOUR_SECONDS),
    Step("day", TrafficHour, TrafficDay, HOUR_SECONDS, DAY_SECONDS),
)


def ttft_column(milliseconds: float) -> int:
    """Return the column of a histogram that a time to the first token belongs to."""
    return bisect_left(TTFT_BOUNDS_MS, milliseconds)


def put(slot: int, counts: Mapping[int, Counts]) -> None:
    """Store the counts of one slot of five minutes, by offer, in place of those that it has.

    A slot that was added up already stays as it is.
    """
    with transaction.atomic():
        if slot < _through(STEPS[0]):
            return
        of_slot = TrafficFiveMinutes.objects.filter(slot=slot)
        stored = {offer: tuple(values) for offer, *values in of_slot.values_list("offer_id", *COUNTED)}
        wanted = {offer: each.values() for offer, each in sorted(counts.items())}
        # Only what differs is written: a row that is written again leaves a dead one behind.
        of_slot.filter(offer__in=[offer for offer, values in stored.items() if wanted.get(offer) != values]).delete()
        rows = [
            TrafficFiveMinutes(slot=slot, offer_id=offer, **dict(zip(COUNTED, values, strict=True)))
            for offer, values in wanted.items()
            if stored.get(offer) != values
        ]
        TrafficFiveMinutes.objects.bulk_create(rows, batch_size=BATCH)


def roll(*, now: datetime) -> None:
    """Add what is closed to hours and days. Any number of calls gives the sums of one."""
    for step in STEPS:
        _roll(step, now=now)


def _roll(step: Step, *, now: datetime) -> None:
    with transaction.atomic():
        through = _through(step)
        closed = int(now.timestamp() - LATE_SECONDS) // step.source_seconds
        closed = min(closed, _end_of_complete(step, closed))
        rows = step.source._default_manager.filter(slot__gte=through, slot__lt=closed)
        if not rows.exists():
            return
        source, target = step.source._meta.db_table, step.target._meta.db_table
        columns = ", ".join(COUNTED)
        sums = ", ".join(f"SUM({name})" for name in COUNTED)
        added = ", ".join(f"{name} = {target}.{name} + excluded.{name}" for name in COUNTED)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {target} (offer_id, slot, {columns}) "  # noqa: S608  only our own names
                f"SELECT offer_id, slot / {step.slots}, {sums} FROM {source} WHERE slot >= %s AND slot < %s "
                f"GROUP BY offer_id, slot / {step.slots} ORDER BY slot / {step.slots}, offer_id "
                f"ON CONFLICT (slot, offer_id) DO UPDATE SET {added}",
                [through, closed],
            )
        Rolled.objects.filter(name=step.name).update(through=closed)


def _end_of_complete(step: Step, closed: int) -> int:
    """Return through which slot the source itself is complete: hours are, once their last five minutes were added."""
    if step is STEPS[0]:
        return closed
    below = Rolled.objects.filter(name=STEPS[0].name).aggregate(Min("through"))["through__min"]
    return closed if below is None else min(closed, below // STEPS[0].slots)


def _through(step: Step) -> int:
    """Return through which slot the table was added up, and lock that number."""
    Rolled.objects.get_or_create(name=step.name, defaults={"through": 0})
    return Rolled.objects.select_for_update().get(name=step.name).through


def totals(*, now: datetime) -> dict[str, dict[int, dict[str, int]]]:
    """Return the sums of each window of `uptime.WINDOWS`, by window and offer. Days are whole ones and today."""
    seconds = int(now.timestamp())
    slot = seconds // SLOT_SECONDS
    rolled = dict(Rolled.objects.values_list("name", "through"))
    hours, days = rolled.get("hour", 0), rolled.get("day", 0)
    month: Parts = (
        (TrafficDay, seconds // DAY_SECONDS - 30),
        (TrafficHour, max(days, 24 * (seconds // DAY_SECONDS - 30))),
        (TrafficFiveMinutes, hours),
    )
    windows: dict[str, Parts] = {
        "5m": ((TrafficFiveMinutes, slot - 1),),
        "30m": ((TrafficFiveMinutes, slot - 6),),
        "1d": ((TrafficFiveMinutes, slot - 288),),
        "30d": month,
    }
    return {window: _summed(parts) for window, parts in windows.items()}


Parts = tuple[tuple[type[Traffic], int], ...]
"""Tables, each from one of its slots on."""


def _summed(parts: Parts) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for table, first in parts:
        rows = table._default_manager.filter(slot__gte=first).values_list("offer")
        for offer, *numbers in rows.annotate(*(Sum(name) for name in COUNTED)).order_by("offer"):
            sums = found.setdefault(offer, dict.fromkeys(COUNTED, 0))
            for name, number in zip(COUNTED, numbers, strict=True):
                sums[name] += number
    return found
