"""One model with all its offers, and the model that an id means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from django.utils.encoding import iri_to_uri

from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.hints import resolve_address
from catalog.api.shapes.canonical import CanonicalSerializer, ResolveSerializer
from catalog.memory.snapshot import Snapshot
from catalog.parameters import filters
from catalog.parameters.endpoints import EXAMPLE_ID, NotFound, PathVariable, Query, after
from catalog.reports import asked, comparison
from catalog.reports.canonical import models_of
from catalog.reports.comparison import Compared
from front.answers import Answer

Json = Any


def read_canonical_model(snapshot: Snapshot, query: Query) -> Answer:
    if (merged := snapshot.redirects.get(query.id.casefold())) is not None:
        return _moved(merged, query.filters.canonical())
    rows = models_of(snapshot).rows_of(query.id)
    if not rows or rows[0].identity is None:
        raise NotFound(f"There is no model of this slug; {resolve_address(query.id)} looks it up by any name.")
    quantities = asked.quantities(query.values, rows)
    offers = comparison.compared(rows, asked.workload(quantities))
    return answers.published(
        snapshot,
        {
            "data": {
                "slug": rows[0].identity.model,
                "gateways": sorted({row.gateway for row in rows}),
                "workload": quantities,
                "cheapest": _cheapest(offers),
                "differences": comparison.differences(offers),
                "offers": [_offer(offer) for offer in offers],
            }
        },
    )


def has_few_offers(snapshot: Snapshot, query: Query) -> bool:
    """Whether few offers are compared, and the models were looked up before."""
    return models_of.is_made(snapshot) and len(models_of(snapshot).rows_of(query.id)) <= comparison.QUICK_OFFERS


def resolve_id(snapshot: Snapshot, query: Query) -> Answer:
    models = models_of(snapshot)
    meant = models.meant_by(query.values["id"])
    [model] = meant.models if len(meant.models) == 1 and meant.is_sure else [None]
    candidates = [] if model else [_candidate(slug, meant.evidence) for slug in meant.models]
    candidates += [_candidate(slug, evidence) for slug, evidence in meant.alike.items()]
    return answers.published(
        snapshot,
        {
            "data": {
                "id": query.values["id"],
                "canonical_model": model,
                "rule": meant.rule,
                "evidence": meant.evidence,
                "offers": answers.fragments(models.rows_of(model) if model else []),
                "candidates": candidates,
            }
        },
    )


class Canonical(CatalogViewSet):
    prefix = "catalog/canonical"
    lookup_url_kwarg, lookup_value_converter = "slug", "path"
    variable = PathVariable("The slug of the canonical model, as `canonical_model` of its offers has it.", EXAMPLE_ID)

    retrieve = read(
        read_canonical_model,
        filters.WorkloadFilterSet,
        is_quick=has_few_offers,
        summary="One model and all its offers, cheapest first for a workload; a merged model's slug redirects (308)",
        description="Compares what the gateways charge for the same model. Offers without a cost come last, each with "
        "the reason. `differences` lists the facts that the gateways report differently.",
        responses=CanonicalSerializer,
    )


class Resolve(CatalogViewSet):
    prefix = "catalog/resolve"

    list = read(
        resolve_id,
        filters.ResolveFilterSet,
        is_quick=after(models_of),
        summary="The model that an id or a name means, in any spelling",
        description="Start here if you do not have the exact id. The answer explains the rule that found the model. If "
        "several models may be meant, it has none and lists the candidates.",
        responses=ResolveSerializer,
    )


def _moved(slug: str, query: str) -> Answer:
    address = f"/catalog/canonical/{slug}" + (f"?{query}" if query else "")
    headers = (("Location", iri_to_uri(address)),)
    # Without Cache-Control, caches would keep this redirect indefinitely, and a curator may separate the models again.
    return answers.answer(b"", "text/html; charset=utf-8", status=308, cache_control=answers.PUBLIC, headers=headers)


def _candidate(slug: str, evidence: str) -> Json:
    return {"canonical_model": slug, "evidence": evidence}


def _cheapest(offers: Iterable[Compared]) -> Json:
    for offer in offers:
        if offer.cost is not None:
            return {
                "source_gateway": offer.row.gateway,
                "id": offer.row.id,
                "cost": offer.cost_text,
                "held_meters": offer.held_meters,
            }
    return None


def _offer(offer: Compared) -> Json:
    identity = offer.row.identity
    return {
        "offer": orjson.Fragment(offer.row.document),
        "cost": offer.cost_text,
        "is_comparable": offer.cost is not None,
        "reasons": offer.reasons,
        "notes": offer.notes,
        "held_meters": offer.held_meters,
        "variant": identity.variant or None if identity else None,
        "identity_rule": identity.rule if identity else None,
        "identity_evidence": identity.evidence if identity else None,
    }
