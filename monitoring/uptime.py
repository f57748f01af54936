"""Figures from periods of states: how much of a time an offer could be used. Pure; times are Unix seconds.

Two figures that are never mixed: the share of the time in which an offer was online or cold, from periods, and the
share of requests that succeeded, from traffic. Both are None if too little is known, and never 100 by default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from catalog.records import Availability

DAY = 86_400
WINDOWS: Mapping[str, int] = MappingProxyType({"5m": 300, "30m": 1_800, "1d": DAY, "30d": 30 * DAY})
"""The windows of the figures, in seconds."""
LEAST_KNOWN = 0.5
"""The share of a window in which the state must be known for its figure to be shown."""
LEAST_REQUESTS: Mapping[str, int] = MappingProxyType({"5m": 20, "30m": 20, "1d": 100, "30d": 100})
USABLE = frozenset({Availability.ONLINE, Availability.COLD})


class Period(NamedTuple):
    """A state in [start, end)."""

    state: Availability
    start: float
    end: float | None
    """None if it is the present state."""


@dataclass(frozen=True, slots=True)
class Uptime:
    usable: float
    """Seconds in which the offer was online or cold."""
    known: float
    """Seconds in which its state was known."""
    length: float

    @property
    def known_share(self) -> float:
        return self.known / self.length

    @property
    def percent(self) -> float | None:
        """The percentage of the known time in which it was usable; None if too little is known."""
        if self.known <= 0 or self.known_share < LEAST_KNOWN:
            return None
        return 100 * self.usable / self.known


def uptime(periods: Iterable[Period], *, start: float, end: float) -> Uptime:
    """Return the figures of [start, end). Time without a period is unknown. Periods must not overlap."""
    usable = known = 0.0
    for period in periods:
        seconds = min(end, end if period.end is None else period.end) - max(start, period.start)
        if seconds > 0 and period.state is not Availability.UNKNOWN:
            known += seconds
            usable += seconds if period.state in USABLE else 0.0
    return Uptime(usable, known, end - start)


def windows(periods: Sequence[Period], *, now: float) -> dict[str, Uptime]:
    return {name: uptime(periods, start=now - length, end=now) for name, length in WINDOWS.items()}


class Day(NamedTuple):
    """One day of an offer, in UTC."""

    number: int
    """Days since 1970."""
    uptime: Uptime
    seconds: Mapping[Availability, float]
    """How long it had each state that was known."""


def days(periods: Sequence[Period], *, now: float, count: int) -> list[Day]:
    """Return the last days, the present one last. It is as long as it is until now."""
    today = int(now // DAY)
    found = []
    for number in range(today - count + 1, today + 1):
        start, end = number * DAY, min((number + 1) * DAY, now)
        seconds: dict[Availability, float] = {}
        for period in periods:
            overlap = min(end, end if period.end is None else period.end) - max(start, period.start)
            if overlap > 0 and period.state is not Availability.UNKNOWN:
                seconds[period.state] = seconds.get(period.state, 0.0) + overlap
        usable = sum(length for state, length in seconds.items() if state in USABLE)
        found.append(Day(number, Uptime(usable, sum(seconds.values()), max(end - start, 1.0)), seconds))
    return found


def success_percent(window: str, *, ok: int, failed: int) -> float | None:
    """Return the percentage of requests that succeeded; None if there were too few. Refusals by rate limits are in
    neither number."""
    total = ok + failed
    return 100 * ok / total if total >= LEAST_REQUESTS[window] else None


def percentile(counts: Sequence[int], bounds: Sequence[int], share: float) -> int | None:
    """Return the upper bound of the column of a histogram that has this share; None if it is empty or above all
    bounds."""
    total = sum(counts)
    reached = 0
    for count, bound in zip(counts, bounds, strict=False):
        reached += count
        if total and reached >= share * total:
            return bound
    return None
