"""What a workload costs at every offer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from drf_spectacular.utils import OpenApiExample, OpenApiRequest, OpenApiResponse
from pyroaring import BitMap
from rest_framework.request import Request

from catalog.api import answers, bodies, estimate_body
from catalog.api.base import CatalogViewSet, current, operation
from catalog.api.estimate_body import EstimateBody
from catalog.api.introduction import Tag
from catalog.api.shapes.costs import EstimateSerializer
from catalog.api.shapes.problems import ProblemSerializer
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.pricing import costing, meters, money
from catalog.reports import estimates
from catalog.reports.asked import named_models
from catalog.reports.canonical import models_of
from catalog.reports.estimates import Estimated
from front.answers import Answer

Json = Any


def estimate_cost(snapshot: Snapshot, body: EstimateBody) -> Answer:
    workload = estimate_body.workload(body.workload)
    selection = _selection(Selection.of(snapshot), body)
    found = estimates.estimate(selection, workload)
    page = found.page(found.costed, offset=body.offset, limit=body.limit)
    uncosted = found.page(found.uncosted, offset=body.uncosted_offset, limit=body.uncosted_limit)
    return answers.published(
        snapshot,
        {
            "data": [answers.fragment(_costed(offer)) for offer in page],
            "total": len(found.costed),
            "returned": len(page),
            "offset": body.offset,
            "limit": body.limit,
            "matched": len(selection),
            "uncosted": {
                "total": len(found.uncosted),
                "reasons": [{"reason": reason, "offers": count} for reason, count in found.reasons],
                "offers": [answers.fragment(_uncosted(offer)) for offer in uncosted],
            },
            "workload": estimate_body.given(body.workload),
        },
        cache_control=answers.PRIVATE,
    )


class Estimates(CatalogViewSet):
    prefix = "catalog/estimate"
    tag = Tag.COSTS

    @operation(
        "estimate_cost",
        summary="What a workload costs at each offer, cheapest first, with each line of the sum",
        description="The sum is exact and includes tiers, caches, batch prices and times of day. Offers without a cost "
        "are counted by reason in `uncosted`; they are never taken for free.",
        request={
            bodies.MEDIA_TYPE: OpenApiRequest(
                EstimateBody.model_json_schema(),
                examples=[OpenApiExample("A chat model, a million input tokens", value=estimate_body.EXAMPLE)],
            )
        },
        responses={
            200: EstimateSerializer,
            **{
                (refusal.status_code, "application/problem+json"): OpenApiResponse(
                    ProblemSerializer, description=refusal.default_detail
                )
                for refusal in bodies.REFUSALS
            },
        },
    )
    def create(self, request: Request, query: Query) -> Answer:
        body = bodies.read(request, EstimateBody)
        return estimate_cost(current(), body)


def _selection(everything: Selection, body: EstimateBody) -> Selection:
    selection = estimate_body.filterset(body.filters).narrowed(everything)
    if body.ids is None:
        return selection
    models = models_of(selection.snapshot)
    slugs = named_models(models, body.ids, most=estimate_body.MOST_IDS).values()
    return replace(selection, members=selection.members & BitMap(models.positions_of(slugs)))


def _offer(offer: Estimated) -> Json:
    identity, document = offer.row.identity, orjson.loads(offer.row.document)
    return {
        "source_gateway": offer.row.gateway,
        "id": offer.row.id,
        "name": document["name"],
        "host": document["host"],
        "canonical_model": identity.model if identity else None,
        "variant": identity.variant or None if identity else None,
        "price_status": document["price_status"],
        "price_basis": document["price_basis"],
        "held_meters": offer.bill.held_meters,
    }


def _costed(offer: Estimated) -> Json:
    total = offer.bill.total
    lines = [_line(line) for line in offer.bill.lines]
    return {
        **_offer(offer),
        "total": None if total is None else money.plain(total),
        "lines": lines,
        "notes": offer.bill.notes,
    }


def _uncosted(offer: Estimated) -> Json:
    return {**_offer(offer), "reasons": offer.bill.reasons, "notes": offer.bill.notes}


def _line(line: costing.Line) -> Json:
    return {
        "meter": line.meter,
        "unit": meters.METERS[line.meter].unit,
        "quantity": money.plain(line.quantity),
        "unit_price": money.plain(line.unit_price),
        "amount": money.plain(line.amount),
        "conditions": line.conditions,
        "is_held": line.is_held,
    }
