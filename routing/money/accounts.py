"""What this process holds of budgets, in memory; money is nano-dollars. Pure: lock and database are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from routing.models import ALL_KEYS, Period
from routing.nano import dollars_of, text_of
from routing.periods import end_of

LEAST_WANTED = 1_000
"""Less than a millionth of a dollar is not kept for later."""


class Exceeded(Exception):
    """A budget refuses the request. The message names the limit, its period and when that ends."""

    def __init__(
        self, message: str, *, limit_source: str, resets_at: datetime | None, left: Decimal = Decimal(0)
    ) -> None:
        super().__init__(message)
        self.limit_source, self.resets_at = limit_source, resets_at
        self.left = left
        """What the budget still has, in US dollars: a cheaper request may be accepted."""


class PriceUnknown(Exception):
    """A hard budget applies, and what the request may cost is not known. The message says so."""


class Unavailable(Exception):
    """The budgets cannot be read or leased from at this moment (503)."""


class NotLeased(Unavailable):
    """What this process has leased is not enough; the database may have more."""


@dataclass(frozen=True, slots=True)
class Limit:
    nano: int
    is_hard: bool


@dataclass(slots=True, eq=False)
class Account:
    """One period of one budget."""

    key: int
    period: str
    start: int
    granted: int = 0
    """What the database granted to this process, in total."""
    used: int = 0
    reserved: int = 0
    demand: int = 0
    """What was reserved or spent since the last round."""
    wanted: int = 0
    """What should be available for the next second."""
    refused: int = 0
    """What the database refused last, until `refused_until`: it is not asked for each request."""
    refused_until: float = 0.0
    left: int = 0
    """What was left when it refused."""

    @property
    def available(self) -> int:
        return self.granted - self.used - self.reserved

    @property
    def source(self) -> str:
        return f"{'all' if self.key == ALL_KEYS else 'key'}_{self.period}"

    def want(self, *, is_idle: bool) -> None:
        """Decide what should be available, by what was asked for in the last second."""
        self.wanted = 0 if is_idle else max(2 * self.demand, self.wanted // 4)
        self.demand = 0
        if self.wanted < LEAST_WANTED:
            self.wanted = 0

    def exceeded(self, need: int, limit: Limit) -> Exceeded:
        whose = "all keys together" if self.key == ALL_KEYS else "this key"
        end = end_of(self.period, self.start)
        left = f"{text_of(max(0, self.left))} USD are left"
        wanted = f", and this request may cost {text_of(need)} USD" if limit.is_hard else ""
        unit = "day" if self.period == Period.DAY else "month"
        return Exceeded(
            f"The budget of {whose} is {text_of(limit.nano)} USD a {unit}: {left}{wanted}. "
            f"The next {unit} begins at {end:%Y-%m-%dT%H:%M:%SZ}.",
            limit_source=self.source,
            resets_at=end,
            left=dollars_of(max(0, self.left)),
        )


@dataclass(slots=True, eq=False)
class Reservation:
    key_id: int
    amount: Decimal | None
    """US dollars; None under soft budgets, or none, where the cost is not known."""
    day: int = 0
    """The day of whose budgets it is, since 1970: for `Begun.day`."""
    held: dict[Account, int] = field(default_factory=dict)
    nano: int = 0
    """`amount` in nano-dollars; 0 if it is not known."""
    is_settled: bool = False
