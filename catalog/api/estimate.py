"""What a workload costs at every offer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from pyroaring import BitMap
from rest_framework.request import Request

from catalog.api import answers, bodies, estimate_body, serializers
from catalog.api.compare import named_models
from catalog.api.views import CatalogView
from catalog.memory import following
from catalog.memory.selection import Selection
from catalog.pricing import costing, meters, money
from catalog.reports import estimates
from catalog.reports.canonical import models_of
from catalog.reports.estimates import Estimated

Json = Any


class Estimate(CatalogView):
    @extend_schema(
        operation_id="estimate_cost",
        summary="What a workload costs at every offer, cheapest first, with every line of the sum",
        request={bodies.MEDIA_TYPE: estimate_body.EstimateBody.model_json_schema()},
        responses={
            200: serializers.EstimateSerializer,
            **{
                (refusal.status_code, "application/problem+json"): OpenApiResponse(
                    serializers.ProblemSerializer, description=refusal.default_detail
                )
                for refusal in bodies.REFUSALS
            },
        },
    )
    def post(self, request: Request) -> HttpResponse:
        self.query(request)
        body = bodies.read(request, estimate_body.EstimateBody)
        workload = estimate_body.workload(body.workload)
        selection = _selection(Selection.of(following.FOLLOWER.current()), body)
        found = estimates.estimate(selection, workload)
        page = found.page(found.costed, offset=body.offset, limit=body.limit)
        uncosted = found.page(found.uncosted, offset=body.uncosted_offset, limit=body.uncosted_limit)
        return answers.published(
            selection.snapshot,
            {
                "data": [_costed(offer) for offer in page],
                "total": len(found.costed),
                "returned": len(page),
                "offset": body.offset,
                "limit": body.limit,
                "matched": len(selection),
                "uncosted": {
                    "total": len(found.uncosted),
                    "reasons": [{"reason": reason, "offers": count} for reason, count in found.reasons],
                    "offers": [_uncosted(offer) for offer in uncosted],
                },
                "workload": estimate_body.given(body.workload),
            },
            cache_control=answers.PRIVATE,
        )


def _selection(everything: Selection, body: estimate_body.EstimateBody) -> Selection:
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
