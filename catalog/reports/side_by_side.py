"""Compares models: what each can do at its best offer, what a workload costs, and in which fields they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from catalog.memory.rows import Row
from catalog.pricing import money, workloads
from catalog.reports.comparison import Compared, compared

Json = Any

FACTS = ("name", "provider_slug", "model_type", "hugging_face_id", "knowledge_cutoff")
"""Facts that a model takes from the first of its offers that has them; standard offers come before variants."""

LARGEST: Mapping[str, Sequence[str]] = {
    "context_length": ("context_length",),
    "max_completion_tokens": ("top_provider", "max_completion_tokens"),
}
"""Figures that depend on the host: a model gets the largest value of any offer."""

ANYWHERE: Mapping[str, Sequence[str]] = {
    "input_modalities": ("architecture", "input_modalities"),
    "output_modalities": ("architecture", "output_modalities"),
    "supported_parameters": ("supported_parameters",),
}
"""Abilities that depend on the host: a model has those of any offer."""

DIFFERING = ("model_type", "knowledge_cutoff", *LARGEST, *ANYWHERE, "lowest_cost")


def side_by_side(model_rows: Sequence[Sequence[Row]], workload: workloads.Workload) -> list[Json]:
    """Return the facts and costs of each model, from its offers."""
    return [_model(rows, workload) for rows in model_rows]


def differences(models: Sequence[Json]) -> dict[str, list[Json]]:
    """Return the fields in which the models differ, with the value of each, in their order.

    Lists contain only the items that some models lack. Missing values never count as a difference.
    """
    told = {field: [_shown(model, field) for model in models] for field in DIFFERING}
    return {field: _apart(values) for field, values in told.items() if len({str(v) for v in values} - {"None"}) > 1}


def _shown(model: Json, field: str) -> Json:
    if field == "lowest_cost":
        return model["cost"]["least"] if model["cost"] else None
    return model[field]


def _apart(values: Sequence[Json]) -> list[Json]:
    lists = [set(value) for value in values if isinstance(value, list)]
    if not lists:
        return list(values)
    shared = set.intersection(*lists)
    return [None if value is None else [each for each in value if each not in shared] for value in values]


def _model(rows: Sequence[Row], workload: workloads.Workload) -> Json:
    offers = compared(rows, workload)
    served = [offer for offer in offers if not offer.row.is_withdrawn] or offers
    told = [offer.document for offer in sorted(served, key=_prominence)]
    return {
        **{fact: _first(document[fact] for document in told) for fact in FACTS},
        **{name: _largest(_values(told, path)) for name, path in LARGEST.items()},
        **{name: _union(_values(told, path)) for name, path in ANYWHERE.items()},
        "gateways": sorted({offer.row.gateway for offer in served}),
        "offers": len(served),
        "cheapest": _cheapest(offers[0]),
        "cost": _costs(offers),
        "held_offers": [_held(offer) for offer in offers if offer.held_meters],
        "reasons": list(dict.fromkeys(reason for offer in offers for reason in offer.reasons)),
        "price_per_million": {side: _per_million(told, side) for side in ("input", "output")},
    }


def _prominence(offer: Compared) -> tuple[bool, str, str]:
    is_variant = offer.row.identity is not None and bool(offer.row.identity.variant)
    return is_variant, offer.row.id, offer.row.gateway


def _cheapest(offer: Compared) -> Json:
    if offer.cost is None:
        return None
    variant = offer.row.identity.variant if offer.row.identity else None
    return {
        "source_gateway": offer.row.gateway,
        "id": offer.row.id,
        "cost": offer.cost_text,
        "variant": variant or None,
        "notes": offer.notes,
        "held_meters": offer.held_meters,
    }


def _held(offer: Compared) -> Json:
    return {"source_gateway": offer.row.gateway, "id": offer.row.id, "held_meters": offer.held_meters}


def _costs(offers: Sequence[Compared]) -> Json:
    """Return the span from the cheapest to the most expensive offer that can be compared."""
    found = _span(offer.cost for offer in offers)
    return found and {**found, "offers": sum(offer.cost is not None for offer in offers)}


def _per_million(told: Iterable[Json], side: str) -> Json:
    texts = [document["price_per_million"][side] for document in told if document["price_per_million"]]
    return _span(None if text is None else Decimal(text) for text in texts)


def _span(amounts: Iterable[Decimal | None]) -> Json:
    known = [amount for amount in amounts if amount is not None]
    return {"least": money.plain(min(known)), "most": money.plain(max(known))} if known else None


def _values(told: Iterable[Json], path: Iterable[str]) -> list[Json]:
    """Return the values at this path, without the missing ones."""
    found = list(told)
    for part in path:
        found = [value[part] for value in found]
    return [value for value in found if value is not None]


def _first(values: Iterable[Json]) -> Json:
    return next((value for value in values if value is not None), None)


def _largest(values: Sequence[int]) -> int | None:
    return max(values, default=None)


def _union(values: Sequence[Sequence[str]]) -> list[str] | None:
    return sorted({each for value in values for each in value}) if values else None
