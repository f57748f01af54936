"""Compares offers of one model: what a workload costs at each, cheapest first, and which other fields differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import orjson

from catalog.memory.rows import Row
from catalog.pricing import money, workloads
from catalog.records import ModelType

Document = Mapping[str, Any]
Fact = str | int | Decimal | Sequence[str] | None
"""A value of one field, which can be compared with that of another offer or model."""

DEFAULT_WORKLOAD = workloads.Workload(input_tokens=750_000, output_tokens=250_000)
"""A million tokens: three parts input, one part output."""
WORKLOAD_OF_EMBEDDINGS = workloads.Workload(input_tokens=1_000_000)
"""The same number of tokens, all of them input: an embedding has no output tokens."""

_COMPARED = (
    "price_per_million.input",
    "price_per_million.output",
    "context_length",
    "top_provider.max_completion_tokens",
    "quantization",
    "supported_parameters",
)
QUICK_OFFERS = 20
"""Up to this many offers are compared and shown within 2 ms."""
WITHDRAWN = "its gateway has withdrawn it"
"""The reason why a withdrawn offer has no cost, even if it had prices."""
_NOT_COMPARABLE = {
    "dynamic": "its price is decided when a request runs",
    "hourly": "it is billed by the hour of an instance, not by tokens",
    "unit": "it is not billed by tokens of text",
}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """An offer, and what the workload costs there."""

    row: Row
    cost: Decimal | None
    """In US dollars; None if the cost is unknown."""
    reasons: tuple[str, ...]
    """Why the offer has no cost."""
    notes: tuple[str, ...]
    """Which assumptions the cost depends on."""
    held_meters: tuple[str, ...]
    """Meters of the workload whose price is held."""

    @cached_property
    def document(self) -> Document:
        """The document of the offer. It is parsed on first use, because a cost does not need it."""
        document: Document = orjson.loads(self.row.document)
        return document

    @property
    def cost_text(self) -> str | None:
        return None if self.cost is None else money.plain(self.cost)


def usual_workload(rows: Iterable[Row]) -> workloads.Workload:
    """Return the default workload that these offers are compared by."""
    are_embeddings = all(("model_type", ModelType.EMBEDDINGS.value) in row.facets for row in rows)
    return WORKLOAD_OF_EMBEDDINGS if are_embeddings else DEFAULT_WORKLOAD


def compared(rows: Iterable[Row], workload: workloads.Workload) -> list[Compared]:
    """Sort the offers by cost, cheapest first. Offers that cannot be compared come last, by gateway and id."""
    found = [_compared(row, workload) for row in rows]
    return sorted(found, key=lambda each: (each.cost is None, each.cost or 0, each.row.gateway, each.row.id))


def differences(offers: Sequence[Compared]) -> dict[str, list[Fact]]:
    """Return the fields in which the offers differ, with one value per offer, in the order of the offers.

    Missing values never count as a difference.
    """
    values = {field: [_value(offer.document, field) for offer in offers] for field in _COMPARED}
    return {field: found for field, found in values.items() if are_different(found)}


def are_different(values: Iterable[Fact]) -> bool:
    """Whether there are different values, besides missing ones. The order of a list matters."""
    return len({tuple(value) if isinstance(value, list) else value for value in values if value is not None}) > 1


def _compared(row: Row, workload: workloads.Workload) -> Compared:
    bill = row.tariff.bill(workload)
    reasons = _reasons(row) or bill.reasons
    return Compared(
        row=row,
        cost=None if reasons else bill.total,
        reasons=reasons,
        notes=bill.notes,
        held_meters=bill.held_meters,
    )


def _reasons(row: Row) -> tuple[str, ...]:
    """Return why an offer cannot be compared for any workload; empty if it can."""
    if row.is_withdrawn:
        return (WITHDRAWN,)
    kind = row.tariff.status if row.tariff.status == "dynamic" else row.tariff.basis
    return (_NOT_COMPARABLE[kind],) if kind in _NOT_COMPARABLE else ()


def _value(document: Document, path: str) -> Any:
    """Return None if the field or its parent is missing."""
    value: Any = document
    for part in path.split("."):
        value = value[part] if value is not None else None
    return value
