"""Days and months of budgets, in UTC. Days are numbers since 1970. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from routing.models import Period

_EPOCH = date(1970, 1, 1)


def day_of(moment: datetime) -> int:
    return (moment.astimezone(UTC).date() - _EPOCH).days


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
