"""Serving processes with budgets and a ledger, as far as money is concerned, with a clock that tests set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.db import connections, transaction

from routing.ledger import storing
from routing.models import Budget, Period, Spending
from routing.money.budgets import Budgets, Reservation
from routing.money.leases import Holder
from routing.nano import nano_of
from tests.routing.ledger.rows import NOON, open_entry, whole_entry
from usage.router import alias

KEY = 7
_NUMBERS = count(1)


@dataclass
class Clock:
    now: datetime = NOON
    monotonic: float = 1_000.0

    def pass_(self, **length: float) -> None:
        elapsed = timedelta(**length)
        self.now += elapsed
        self.monotonic += elapsed.total_seconds()


@dataclass
class Process:
    """A process whose thread runs when the test wants."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.name = f"host-{next(_NUMBERS)}-1"
        self.budgets = Budgets(now=lambda: self.clock.now, monotonic=lambda: self.clock.monotonic)
        self.budgets._holder = Holder(self.name, "spool")

    def reserve(self, dollars: str | None, *, key: int = KEY) -> Reservation:
        """As a request does: with a lease if one is needed."""
        return self.budgets.lease_and_reserve(key, None if dollars is None else Decimal(dollars))

    def settle(self, reservation: Reservation, dollars: str | None) -> None:
        """End a request: in memory at once, and in the ledger."""
        spent = None if dollars is None else Decimal(dollars)
        entry = open_entry(
            f"r{next(_NUMBERS)}",
            process=self.name,
            key_id=reservation.key_id,
            at=self.clock.now,
            day=reservation.day,
            reserved=reservation.amount,
        )
        whole = whole_entry(entry, cost=spent, at=self.clock.now)
        with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
            storing.write(cursor, [whole])
        self.budgets.settle(reservation, spent)

    def round(self) -> None:
        assert self.budgets.try_round()

    def calm_down(self) -> None:
        """Let so many seconds pass without a request that nothing is leased ahead any more."""
        for _ in range(15):
            self.round()


def set_budget(dollars: str, *, key: int = KEY, period: str = Period.DAY, is_hard: bool = True) -> None:
    values: Mapping[str, Any] = {"nano": nano_of(Decimal(dollars)), "is_hard": is_hard}
    Budget.objects.update_or_create(key=key, period=period, defaults=values)


def committed(*, key: int = KEY, period: str = Period.DAY) -> tuple[int, int]:
    """What is spent and what is leased, in nano-dollars, of the newest period."""
    found = Spending.objects.filter(key=key, period=period).order_by("-start")
    return found.values_list("spent_nano", "leased_nano").first() or (0, 0)
