"""The prices of an offer in the form from which costs are computed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from catalog.pricing import costing, workloads
from catalog.records import PriceRecord, UnclearPrice


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Tariff:
    """The prices and holds of an offer. Offers with equal ones share one object, so it compares by object identity."""

    prices: tuple[PriceRecord, ...]
    unclear: tuple[UnclearPrice, ...]
    status: str
    """`price_status` of the document."""
    basis: str | None
    """`price_basis` of the document."""
    execution_mode: str | None
    per_million_input: Decimal | None
    """In US dollars; only for offers that are billed by tokens."""
    per_million_output: Decimal | None
    hourly_rate: Decimal | None
    """In US dollars; only for offers that are billed by the hour."""
    puts_out_text: bool
    """Whether a response can be text; True if the outputs are unknown."""
    held: frozenset[costing.HeldKey]
    """The prices that the gateway reports and that have not been accepted yet."""

    def bill(self, workload: workloads.Workload) -> costing.Bill:
        return costing.bill(
            self.prices,
            workload,
            unclear=self.unclear,
            execution_mode=self.execution_mode,
            is_dynamic=self.status == "dynamic",
            zero_is_free=True,  # documents contain no other zeros
            puts_out_text=self.puts_out_text,
            held=self.held,
        )
