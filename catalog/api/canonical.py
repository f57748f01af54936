"""One model with all its offers, and the model that an id means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson
from django.http import Http404, HttpResponse, HttpResponseRedirect
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog.api import answers, serializers
from catalog.api.views import CatalogView
from catalog.memory import following
from catalog.memory.rows import Row
from catalog.parameters import filters
from catalog.parameters.filterset import InvalidParameters
from catalog.pricing import workloads
from catalog.reports import comparison
from catalog.reports.canonical import models_of
from catalog.reports.comparison import Compared

Json = Any


class PermanentRedirect(HttpResponseRedirect):
    status_code = 308


class CanonicalDetail(CatalogView):
    filterset_class = filters.WorkloadFilterSet

    @extend_schema(
        operation_id="read_canonical_model",
        summary="One model and all its offers, cheapest first for a workload; a merged model's slug leads on (308)",
        responses=serializers.CanonicalSerializer,
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        query = self.query(request)
        values = query.values
        held = following.FOLLOWER.current()
        if (merged := held.redirects.get(slug.casefold())) is not None:
            return _moved(merged, query.canonical())
        rows = models_of(held).rows_of(slug)
        if not rows or rows[0].identity is None:
            raise Http404("There is no model of this slug; /catalog/resolve?id= finds one by any name.")
        asked = asked_quantities(values, rows)
        offers = comparison.compared(rows, workload(asked))
        return answers.published(
            held,
            {
                "data": {
                    "slug": rows[0].identity.model,
                    "gateways": sorted({row.gateway for row in rows}),
                    "workload": asked,
                    "cheapest": _cheapest(offers),
                    "differences": comparison.differences(offers),
                    "offers": [_offer(offer) for offer in offers],
                }
            },
        )


class Resolve(CatalogView):
    filterset_class = filters.ResolveFilterSet

    @extend_schema(
        operation_id="resolve_id",
        summary="The model that an id means, in whatever spelling a person has it",
        responses=serializers.ResolveSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        asked = self.query(request).values["id"]
        held = following.FOLLOWER.current()
        models = models_of(held)
        meant = models.meant_by(asked)
        [model] = meant.models if len(meant.models) == 1 and meant.is_sure else [None]
        candidates = [] if model else [_candidate(slug, meant.evidence) for slug in meant.models]
        candidates += [_candidate(slug, "its name is the same words in another order") for slug in meant.alike]
        rows = models.rows_of(model) if model else []
        return answers.published(
            held,
            {
                "data": {
                    "id": asked,
                    "canonical_model": model,
                    "rule": meant.rule,
                    "evidence": meant.evidence,
                    "offers": answers.fragments(rows),
                    "candidates": candidates,
                }
            },
        )


def _moved(slug: str, query: str) -> HttpResponse:
    address = f"/catalog/canonical/{slug}" + (f"?{query}" if query else "")
    # Without Cache-Control, caches would keep this redirect indefinitely, and a curator may separate the models again.
    return PermanentRedirect(address, headers={"Cache-Control": answers.PUBLIC})


def asked_quantities(values: Mapping[str, Any], rows: Iterable[Row]) -> dict[str, int]:
    """Return the parameters of a WorkloadFilterSet. Missing token counts default to the usual workload of these offers.

    Raise InvalidParameters if the result is an empty workload, which cannot compare offers.
    """
    usual = comparison.usual_workload(rows)
    stated = {name: values[name] for name in filters.WorkloadFilterSet.parameters()}
    asked = {name: getattr(usual, name) if value is None else value for name, value in stated.items()}
    if problems := list(filters.nothing_asked(asked)):
        raise InvalidParameters(problems)
    return asked


def workload(values: Mapping[str, int]) -> workloads.Workload:
    """Return the workload that these parameters describe."""
    return workloads.Workload(
        input_tokens=values["input_tokens"],
        cached_input_tokens=Decimal(values["input_tokens"] * values["cached_percent"]).scaleb(-2),
        output_tokens=values["output_tokens"],
        requests=values["requests"] or None,
    )


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
