"""The models of a snapshot in the order in which people know them: sold at most gateways first, then newest.

Newest first alone would fill the first pages with thousands of fine-tunes that one gateway sells.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pyroaring import BitMap

from catalog import registry
from catalog.memory import derived
from catalog.memory.index import Index
from catalog.memory.rows import SORT_VALUES, Row
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import sorted_unhurriedly, unhurried
from catalog.pricing.tariffs import Tariff
from catalog.pricing.workloads import Workload
from catalog.reports import comparison

_CREATED, _FIRST_SEEN = (list(SORT_VALUES).index(name) for name in ("created", "first_seen"))


Costed = tuple[Tariff, Workload]
"""What the cost of an offer depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A model that some gateway sells now. An offer that is tied to no other is a model of one offer."""

    slug: str
    positions: tuple[int, ...]
    """Its offers, the cheapest for a usual workload first, those without a cost last."""
    head: int
    """The offer that it is named after."""
    gateways: int
    since: int
    """When a gateway or this catalogue first had it, in Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    models: Sequence[Known]
    """In their order. Their places are their numbers."""
    offers: int
    """The number of all their offers."""
    alone: BitMap
    """The positions of offers that are the only one of their model."""
    number_of: array[int]
    """The number of the model of each position."""
    costs: Mapping[Costed, Decimal | None]
    """What the usual workload costs."""

    def count(self, positions: BitMap) -> int:
        """Return how many models these offers belong to. Most models have one offer, so most are only counted."""
        several = positions - self.alone
        number_of = self.number_of
        return len(positions) - len(several) + len({number_of[position] for position in several})

    def numbers(self, positions: BitMap) -> BitMap:
        """Return the numbers of the models of these offers."""
        if len(positions) == self.offers:
            return BitMap(range(len(self.models)))
        number_of = self.number_of
        return BitMap(array("I", [number_of[position] for position in positions]))


@derived.Once
def standing_of(snapshot: Snapshot, last: Standing | None) -> Standing:
    index = snapshot.index
    known = last.costs if last is not None else {}
    costs: dict[Costed, Decimal | None] = {}
    offers: dict[str, list[int]] = defaultdict(list)
    for position in unhurried(index.having("status", "active")):
        row = index.rows[position]
        offers[slug_of(row)].append(position)
        costed = _costed(row)
        if costed not in costs:
            costs[costed] = known[costed] if costed in known else _cost(row)
    found = [_known(slug, positions, index, costs) for slug, positions in unhurried(offers.items())]
    models = list(sorted_unhurriedly(found, lambda model: (-model.gateways, -model.since, model.slug)))
    number_of = array("I", bytes(4 * (1 + max(index.rows, default=0))))
    for number, model in enumerate(unhurried(models)):
        for position in model.positions:
            number_of[position] = number
    alone = BitMap(model.positions[0] for model in models if len(model.positions) == 1)
    return Standing(
        models=models,
        offers=sum(len(model.positions) for model in models),
        alone=alone,
        number_of=number_of,
        costs=costs,
    )


def slug_of(row: Row) -> str:
    """Return the slug of the offer's model, by which the page of the model is addressed."""
    return row.identity.model if row.identity is not None else f"{row.gateway}/{row.id}"


def head_of(rows: Iterable[Row]) -> Row:
    """Return the offer that a model is named after: no variant, and of the first gateway."""
    return min(rows, key=_prominence)


def since_of(row: Row) -> int:
    """Return when the gateway first had the offer; if it does not publish that, when this catalogue did."""
    created: int | None = row.sort_values[_CREATED]
    first_seen: int = row.sort_values[_FIRST_SEEN]
    return first_seen if created is None else min(created, first_seen)


def _known(slug: str, positions: Sequence[int], index: Index, costs: Mapping[Costed, Decimal | None]) -> Known:
    rows = index.rows

    def cost(position: int) -> tuple[bool, Decimal, str, str]:
        row = rows[position]
        found = costs[_costed(row)]
        return found is None, found or Decimal(0), row.gateway, row.id

    return Known(
        slug=slug,
        positions=tuple(sorted(positions, key=cost)),
        head=min(positions, key=lambda position: _prominence(rows[position])),
        gateways=len({rows[position].gateway for position in positions}),
        since=min(since_of(rows[position]) for position in positions),
    )


def _prominence(row: Row) -> tuple[bool, int, str]:
    is_variant = row.identity is not None and bool(row.identity.variant)
    gateway = registry.GATEWAYS.get(row.gateway)
    return is_variant, gateway.rank if gateway else 1_000, row.id


def _costed(row: Row) -> Costed:
    return row.tariff, comparison.usual_workload([row])


def _cost(row: Row) -> Decimal | None:
    [offer] = comparison.compared([row], comparison.usual_workload([row]))
    return offer.cost
