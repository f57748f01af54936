"""Dates and times, both in gateways' responses and in our own."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

from catalog.normalize.text import shortened

MIN_UNIX_SECONDS = -62_135_596_800
"""The first second of the year 1."""
MAX_UNIX_SECONDS = 253_402_300_799
"""The last second of the year 9999."""

_NEVER_FROM_YEAR = 2090
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HHMM = re.compile(r"([01][0-9]|2[0-3]):?([0-5][0-9])|24:?00", re.ASCII)


def iso(moment: datetime) -> str:
    """Return the moment as ISO-8601 in UTC, to the second: `2026-11-22T08:00:00Z`."""
    # Not strftime, which writes the first thousand years with fewer than four digits on some systems.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def day(value: object) -> date | None:
    """Return the date of `2026-06-05`, or of an ISO-8601 time in that time's own zone. Raises ValueError.

    A day far in the future means never: gateways write 2098-12-31 if they have no date.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"must be a date, not {type(value).__name__}")
    found = _moment(value).date()
    return None if found.year >= _NEVER_FROM_YEAR else found


def unix_seconds(value: object) -> int | None:
    """Return the Unix seconds of a number or of an ISO-8601 time, which is UTC unless it names a zone. 0 means unknown.

    Raises ValueError.
    """
    if value is None:
        return None
    if isinstance(value, str):
        moment = _moment(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = int((moment - _EPOCH).total_seconds())
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        seconds = int(max(-1, min(value, MAX_UNIX_SECONDS + 1)))
    else:
        raise ValueError(f"must be a time, not {type(value).__name__}")
    if not 0 <= seconds <= MAX_UNIX_SECONDS:
        raise ValueError("must be a time from 1970 to 9999")
    return seconds or None


def seconds_of(text: str) -> int:
    """Return the Unix seconds of an ISO-8601 date or time, which is UTC unless it names a zone. Fractions are rounded
    up.

    Times before 1970 are negative. Raises ValueError.
    """
    moment = _moment(text)
    passed = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return passed.days * 86_400 + passed.seconds + (passed.microseconds > 0)


def minute_of_day(value: object) -> int:
    """Return the minute of the day: 990 for `1630`, `16:30` or the number 1630. 2400 is midnight. Raises ValueError."""
    text = f"{value:04d}" if isinstance(value, int) and not isinstance(value, bool) else value
    found = _HHMM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("must be a time of day as HHMM")
    hours, minutes = found.groups()
    return int(hours) * 60 + int(minutes) if hours else 0


def window(start: int, end: int) -> str:
    """Return two minutes of the day as a value of the condition `utc_window`: `16:30-00:30`."""
    return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (start, end))


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"must be a date or a time, not {shortened(text)!r}") from None
