"""A clock that a test sets, and what it counts by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from usage.counting import Tally
from usage.models import Outcome
from usage.subjects import Subject, Target

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
HOUR = int(NOON.timestamp()) // 3_600
DAY = HOUR // 24


@dataclass
class Clocks:
    """The clock on the wall, and one that never goes back."""

    wall: datetime = NOON
    monotonic: float = 1_000_000.0
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(now=lambda: self.wall, monotonic=lambda: self.monotonic)

    def pass_(self, **time: float) -> None:
        self.wall += timedelta(**time)
        self.monotonic += timedelta(**time).total_seconds()


def about(model: str, *, endpoint: str = "read_canonical_model", gateway: str = "") -> Subject:
    return Subject(endpoint, (Target(gateway=gateway, model=model),))


def a_list(outcome: Outcome = Outcome.PLAIN) -> Subject:
    return Subject("list_models", (Target(),), outcome)


def ask(tally: Tally, subject: Subject, *clients: str, times: int = 1, key: int = 0) -> None:
    """Let each of these clients ask this many times."""
    asked = tally.begin_about(subject)
    for client in clients or ("192.0.2.1",):
        for _ in range(times):
            asked.add(client, key)


def addresses(number: int, *, first: int = 0) -> list[str]:
    return [f"2001:db8:{each}::/64" for each in range(first, first + number)]
