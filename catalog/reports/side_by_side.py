"""Compares models: what each can do at its best offer, what a workload costs, and in which fields they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalog.memory.rows import Row
from catalog.pricing import workloads
from catalog.reports.comparison import Compared, Fact, are_different, compared

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The lowest and the highest of several amounts in US dollars."""

    least: Decimal
    most: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSpan(Span):
    offers: int
    """The offers that have a cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrices:
    """Prices of a million tokens at the offers that are billed by tokens. None if no offer has such a price."""

    input: Span | None
    output: Span | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOffer:
    """An offer for which the workload needs a price that is held."""

    source_gateway: str
    id: str
    held_meters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheapestOffer:
    source_gateway: str
    id: str
    cost: Decimal
    """In US dollars."""
    variant: str | None
    notes: tuple[str, ...]
    """Which assumptions the cost depends on."""
    held_meters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """A model at all its offers. Facts are None if no offer has them; offers that are withdrawn count only if all are.

    Facts come from the first offer that has them, where standard offers come before variants. Limits and abilities
    depend on the host: a model has the largest limit of any offer, and the abilities of any offer.
    """

    name: str
    provider_slug: str | None
    model_type: str
    hugging_face_id: str | None
    knowledge_cutoff: str | None
    context_length: int | None
    max_completion_tokens: int | None
    input_modalities: Sequence[str] | None
    output_modalities: Sequence[str] | None
    supported_parameters: Sequence[str] | None
    gateways: Sequence[str]
    """The gateways that sell it, sorted."""
    offers: int
    cheapest: CheapestOffer | None
    cost: CostSpan | None
    held_offers: Sequence[HeldOffer]
    reasons: Sequence[str]
    """Why some of its offers have no cost."""
    price_per_million: TokenPrices

    @property
    def lowest_cost(self) -> Decimal | None:
        return self.cost.least if self.cost else None


DIFFERING = (
    "model_type",
    "knowledge_cutoff",
    "context_length",
    "max_completion_tokens",
    "input_modalities",
    "output_modalities",
    "supported_parameters",
    "lowest_cost",
)
"""The attributes of ComparedModel in which models may differ."""


def side_by_side(model_rows: Sequence[Sequence[Row]], workload: workloads.Workload) -> list[ComparedModel]:
    """Return the facts and costs of each model, from its offers."""
    return [_model(rows, workload) for rows in model_rows]


def differences(models: Sequence[ComparedModel]) -> dict[str, list[Fact]]:
    """Return the attributes in which the models differ, with the value of each, in their order.

    Lists contain only the items that some models lack. Missing values never count as a difference.
    """
    values = {name: [getattr(model, name) for model in models] for name in DIFFERING}
    return {name: _apart(found) for name, found in values.items() if are_different(found)}


def _apart(values: Sequence[Fact]) -> list[Fact]:
    lists = [set(value) for value in values if isinstance(value, list)]
    if not lists:
        return list(values)
    shared = set.intersection(*lists)
    return [[each for each in value if each not in shared] if isinstance(value, list) else None for value in values]


def _model(rows: Sequence[Row], workload: workloads.Workload) -> ComparedModel:
    offers = compared(rows, workload)
    served = [offer for offer in offers if not offer.row.is_withdrawn] or offers
    documents = [offer.document for offer in sorted(served, key=_prominence)]
    return ComparedModel(
        name=_first(documents, "name"),
        provider_slug=_first(documents, "provider_slug"),
        model_type=_first(documents, "model_type"),
        hugging_face_id=_first(documents, "hugging_face_id"),
        knowledge_cutoff=_first(documents, "knowledge_cutoff"),
        context_length=_largest(_known(documents, "context_length")),
        max_completion_tokens=_largest(_known(documents, "top_provider", "max_completion_tokens")),
        input_modalities=_union(_known(documents, "architecture", "input_modalities")),
        output_modalities=_union(_known(documents, "architecture", "output_modalities")),
        supported_parameters=_union(_known(documents, "supported_parameters")),
        gateways=sorted({offer.row.gateway for offer in served}),
        offers=len(served),
        cheapest=_cheapest(offers[0]),
        cost=_costs(offers),
        held_offers=[_held(offer) for offer in offers if offer.held_meters],
        reasons=list(dict.fromkeys(reason for offer in offers for reason in offer.reasons)),
        price_per_million=TokenPrices(
            input=_span(offer.row.tariff.per_million_input for offer in served),
            output=_span(offer.row.tariff.per_million_output for offer in served),
        ),
    )


def _prominence(offer: Compared) -> tuple[bool, str, str]:
    is_variant = offer.row.identity is not None and bool(offer.row.identity.variant)
    return is_variant, offer.row.id, offer.row.gateway


def _cheapest(offer: Compared) -> CheapestOffer | None:
    if offer.cost is None:
        return None
    return CheapestOffer(
        source_gateway=offer.row.gateway,
        id=offer.row.id,
        cost=offer.cost,
        variant=(offer.row.identity.variant or None) if offer.row.identity else None,
        notes=offer.notes,
        held_meters=offer.held_meters,
    )


def _held(offer: Compared) -> HeldOffer:
    return HeldOffer(source_gateway=offer.row.gateway, id=offer.row.id, held_meters=offer.held_meters)


def _costs(offers: Iterable[Compared]) -> CostSpan | None:
    """Return the span from the cheapest to the most expensive offer that can be compared."""
    costs = [offer.cost for offer in offers if offer.cost is not None]
    return CostSpan(least=min(costs), most=max(costs), offers=len(costs)) if costs else None


def _span(amounts: Iterable[Decimal | None]) -> Span | None:
    known = [amount for amount in amounts if amount is not None]
    return Span(least=min(known), most=max(known)) if known else None


def _first(documents: Iterable[Document], field: str) -> Any:
    return next((document[field] for document in documents if document[field] is not None), None)


def _known(documents: Iterable[Document], *path: str) -> list[Any]:
    """Return the values at this path, without the missing ones."""
    values: list[Any] = list(documents)
    for part in path:
        values = [value[part] for value in values]
    return [value for value in values if value is not None]


def _largest(values: Sequence[int]) -> int | None:
    return max(values, default=None)


def _union(values: Sequence[Sequence[str]]) -> list[str] | None:
    return sorted({each for value in values for each in value}) if values else None
