"""What a workload costs at every offer of a selection, cheapest first, and why some offers have no cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.unhurried import sorted_unhurriedly, unhurried
from catalog.pricing import costing, workloads
from catalog.reports.comparison import WITHDRAWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    row: Row
    bill: costing.Bill


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The result as positions, so that only the offers of the requested page are read."""

    selection: Selection
    bills: Mapping[int, costing.Bill]
    costed: Sequence[int]
    """Positions with a cost, cheapest first; equal costs are ordered by id and gateway."""
    uncosted: Sequence[int]
    """Positions without a cost, by id and gateway."""

    def page(self, positions: Sequence[int], *, offset: int, limit: int) -> list[Estimated]:
        rows = self.selection.snapshot.index.rows
        chosen = positions[offset : offset + limit]
        return [Estimated(row=rows[position], bill=self.bills[position]) for position in chosen]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why offers have no cost, with the number of offers, most frequent first. An offer may have several."""
        counted = Counter(reason for position in self.uncosted for reason in self.bills[position].reasons)
        return sorted(counted.items(), key=lambda reason: (-reason[1], reason[0]))


def estimate(selection: Selection, workload: workloads.Workload) -> Estimate:
    index = selection.snapshot.index
    tariffs = {position: index.rows[position].tariff for position in unhurried(selection.members)}
    billed = {tariff: tariff.bill(workload) for tariff in unhurried(set(tariffs.values()))}
    totals = {tariff: bill.total for tariff, bill in billed.items()}
    withdrawn = index.having("status", "withdrawn")
    bills = {position: _WITHDRAWN if position in withdrawn else billed[tariff] for position, tariff in tariffs.items()}
    costed = [(totals[tariffs[position]], position) for position, bill in bills.items() if not bill.reasons]
    return Estimate(
        selection=selection,
        bills=bills,
        costed=[position for _, position in sorted_unhurriedly(costed, key=lambda pair: pair[0])],
        uncosted=[position for position, bill in bills.items() if bill.reasons],
    )


_WITHDRAWN = costing.Bill(reasons=(WITHDRAWN,))
