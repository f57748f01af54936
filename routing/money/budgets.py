"""What keys may spend, and all of them together: leased in blocks from the database, reserved in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


class Exceeded(Exception):
    """A budget refuses the request. The message names the limit, its period and when that ends."""

    def __init__(self, message: str, *, limit_source: str, resets_at: datetime | None) -> None:
        super().__init__(message)
        self.limit_source, self.resets_at = limit_source, resets_at


class PriceUnknown(Exception):
    """A hard budget applies, and what the request may cost is not known. The message says so."""


class Unavailable(Exception):
    """The budgets cannot be read or leased from at this moment (503)."""


@dataclass(slots=True, eq=False)
class Reservation:
    key_id: int
    amount: Decimal | None
    """US dollars; None under soft budgets, or none, where the cost is not known."""


class Budgets:
    """The budgets of this process. `reserve` and `settle` never wait: a thread leases ahead of need."""

    def reserve(self, key_id: int, amount: Decimal | None) -> Reservation:
        """Reserve before anything is sent. Raise Exceeded, PriceUnknown or Unavailable."""
        raise NotImplementedError

    def settle(self, reservation: Reservation, spent: Decimal | None) -> None:
        """Give back what is not spent. `spent` is the sum over all attempts; None: what was reserved counts as spent."""
        raise NotImplementedError
