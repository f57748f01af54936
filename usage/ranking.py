"""Which models are asked for most, by whole days in UTC. What is public hides small numbers.

A window ends with the last complete day, so an answer is the same all day. A day with fewer than LEAST_CLIENTS
different addresses is left out: one of them could be recognised, or could have made the order.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.db import connections, transaction
from django.db.models import F, Max, Sum

from catalog.memory.snapshot import Snapshot
from usage import inference
from usage.days import DAY_HOURS
from usage.models import OTHER, Clients, Day, Hour, RankedDay
from usage.router import alias

logger = logging.getLogger(__name__)

LEAST_CLIENTS = 20
LEAST_ASKS = 5
"""Smaller figures are not shown."""
LEAST_TRENDING = 20
ASKS = "asks"
"""Requests to this service that name a model; other measures are those of `inference.MEASURES`."""
WINDOWS = {"1d": 1, "7d": 7, "30d": 30}
COMPARED_WINDOWS = 3
"""A trend is a window minus the mean of this many before it."""
SCORED_DAYS = 60
HALF_LIFE_DAYS = 7
SETTLING_SECONDS = 300
"""A day counts as complete this long after its end: until then the last flushes arrive."""
DAY_SECONDS = 86_400
REFRESH_SECONDS = 900
RETRY_SECONDS = 60.0

Sums = Mapping[str, int]
"""Asks by model."""


def present_day() -> int:
    """Return the first day that is not complete, as days since 1970."""
    return int(time.time() - SETTLING_SECONDS) // DAY_SECONDS


def ranked_days(days: range) -> set[int]:
    """Return the days with so many different addresses that they may be shown."""
    seen = Clients.objects.filter(day__gte=days.start, day__lt=days.stop).values_list("day").annotate(Max("number"))
    return {day for day, number in seen if number >= LEAST_CLIENTS}


def daily(days: range, *, model: str | None = None) -> Iterator[tuple[int, str, int]]:
    """Yield the asks of each ranked day and model, without order. A day and model may come twice."""
    shown = ranked_days(days)
    about = {"model": model} if model is not None else {}
    by_day = Day.objects.filter(day__gte=days.start, day__lt=days.stop, **about).exclude(model__in=("", OTHER))
    hours = {"hour__gte": days.start * DAY_HOURS, "hour__lt": days.stop * DAY_HOURS}
    by_hour = Hour.objects.filter(**hours, **about).exclude(model__in=("", OTHER))
    for found in (
        by_day.values_list("day", "model").annotate(Sum("asks")),
        by_hour.annotate(day=F("hour") / DAY_HOURS).values_list("day", "model").annotate(Sum("asks")),
    ):
        for day, slug, asks in found:
            if day in shown:
                yield day, slug, asks


@dataclass(frozen=True, slots=True, kw_only=True)
class Popular:
    """A model that is asked for, or that requests are sent to."""

    model: str
    number: int
    """What it had in the window, rounded to two digits."""
    trend: int
    """The window minus the mean of those before it; rounded likewise."""
    gateways: tuple[str, ...]
    """The gateways that sell it now."""


def popular(
    snapshot: Snapshot, *, sold_by: Mapping[str, tuple[str, ...]], length: int, is_trending: bool, by: str = ASKS
) -> list[Popular]:
    """Return the models of the snapshot that had most in the last `length` days, the first first.

    `sold_by` has the gateways of each model that is listed; all others are left out. `by` is ASKS, or a measure of
    requests that were sent to models.
    """
    end, moment = present_day(), int(time.time() // REFRESH_SECONDS)
    if by == ASKS:
        sums, before = _windows(end, length, moment)
        counts = sums
    else:
        sums, before, counts = inference.windows(by, end, length, COMPARED_WINDOWS, moment)
    sums, before, counts = (_under_current_slugs(each, snapshot) for each in (sums, before, counts))
    least = LEAST_TRENDING if is_trending else LEAST_ASKS
    found = [
        (slug, number, number - before.get(slug, 0) / COMPARED_WINDOWS)
        for slug, number in sums.items()
        if counts[slug] >= least and slug in sold_by
    ]
    if is_trending:
        found = [each for each in found if each[2] > 0]
    found.sort(key=lambda each: (-(each[2] if is_trending else each[1]), each[0]))
    return [
        Popular(model=slug, number=rounded(number), trend=rounded(round(trend)), gateways=sold_by[slug])
        for slug, number, trend in found
    ]


@lru_cache(maxsize=2 * len(WINDOWS))
def _windows(end: int, length: int, _moment: int) -> tuple[Sums, Sums]:
    """Return the asks of each model in a window, and in those before that it is compared with.

    They are kept in memory for REFRESH_SECONDS: only flushes that come late change them.
    """
    sums: dict[str, int] = defaultdict(int)
    before: dict[str, int] = defaultdict(int)
    for day, slug, asks in daily(range(end - length * (1 + COMPARED_WINDOWS), end)):
        (sums if day >= end - length else before)[slug] += asks
    return sums, before


def _under_current_slugs(sums: Sums, snapshot: Snapshot) -> Sums:
    """Add what was counted for models that were merged since to those that have their offers now."""
    current: dict[str, int] = defaultdict(int)
    for slug, asks in sums.items():
        current[snapshot.redirects.get(slug.casefold(), slug)] += asks
    return current


def series(model: str, *, length: int) -> list[tuple[int, int | None]]:
    """Return the asks of a model on each of the last complete days; None where they are not shown."""
    end = present_day()
    sums: dict[int, int] = defaultdict(int)
    for day, _, asks in daily(range(end - length, end), model=model):
        sums[day] += asks
    return [(day, rounded(sums[day]) if sums[day] >= LEAST_ASKS else None) for day in range(end - length, end)]


def rounded(number: int) -> int:
    """Return the number with its first two digits."""
    digits = len(str(abs(number)))
    return round(number, 2 - digits) if digits > 2 else number


# --- the order of lists ----------------------------------------------------------------------------------------------
def scores() -> Mapping[str, float]:
    """Return the score of each model that has one, as it was decided for this day.

    The first process that asks on a day decides: all others read the same, whatever is stored in the meantime.
    """
    day, using = present_day(), alias()
    found = RankedDay.objects.filter(day=day).first()
    if found is None:
        with transaction.atomic(using=using):
            RankedDay.objects.bulk_create([RankedDay(day=day, scores=_scores(day))], ignore_conflicts=True)
        found = RankedDay.objects.get(day=day)
    decided: Mapping[str, float] = found.scores
    return decided


def _scores(end: int) -> dict[str, float]:
    """Return the asks of each model, of which a day counts half as much as one a week later."""
    asks: dict[str, int] = defaultdict(int)
    weighed: dict[str, float] = defaultdict(float)
    for day, slug, number in daily(range(end - SCORED_DAYS, end)):
        asks[slug] += number
        weighed[slug] += number * 2.0 ** ((day + 1 - end) / HALF_LIFE_DAYS)
    return {slug: round(weighed[slug], 3) for slug in sorted(weighed) if asks[slug] >= LEAST_ASKS}


class DailyScores:
    """The scores of the day, for the thread that follows the catalogue: read once a day, and kept if that fails."""

    def __init__(self) -> None:
        self._scores: Mapping[str, float] = {}
        self._day = -1
        self._due_at = 0.0
        self._is_failing = False

    def __call__(self) -> Mapping[str, float]:
        day = present_day()
        if day != self._day and time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + RETRY_SECONDS
            try:
                found = scores()
            except Exception as error:
                if not self._is_failing:
                    logger.warning("The popularity of models cannot be read; the order stays: %s", error)
                self._is_failing = True
                connections[alias()].close()  # a broken connection would keep failing
            else:
                self._day, self._is_failing = day, False
                if found != self._scores:
                    self._scores = found
        return self._scores
