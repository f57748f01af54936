"""Days and months of budgets, in UTC. Days are numbers since 1970. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from routing.models import Period

PERIODS: tuple[str, ...] = tuple(Period.values)
"""Read once: Django builds the list again each time."""
_EPOCH = date(1970, 1, 1)
_FIRST_DAY = _EPOCH.toordinal()


def day_of(moment: datetime) -> int:
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.toordinal() - _FIRST_DAY


@lru_cache(maxsize=1_024)
def start_of(period: str, day: int) -> int:
    """Return the first day of the period that has a day."""
    return day if period == Period.DAY else day - (_date(day).day - 1)


def end_of(period: str, start: int) -> datetime:
    """Return when a period ends and the next one begins."""
    first = _date(start)
    following = first + timedelta(days=1 if period == Period.DAY else 32)
    if period == Period.MONTH:
        following = following.replace(day=1)
    return datetime.combine(following, time(), tzinfo=UTC)


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)
