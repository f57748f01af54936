"""`POST /v1/route`: where a request would be sent, in which order and why, without sending it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiRequest, OpenApiResponse
from rest_framework.request import Request

from catalog.api import answers, bodies
from catalog.api.base import CatalogViewSet, current, operation
from catalog.api.introduction import Tag
from catalog.api.shapes.problems import ProblemSerializer
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import NotFound, Query
from catalog.parameters.filterset import InvalidParameters, ParameterProblem
from catalog.pricing import money
from front.answers import Answer
from routing.api import process
from routing.api.shapes import RouteSerializer
from routing.choose.candidates import Candidate, LeftOut, NoCandidate, UnknownModel, choose
from routing.choose.named import named
from routing.wire.request import BadRequest, InferenceRequest, Kind, read_request

Json = Any

MOST_LEFT_OUT = 100
"""The most offers that `left_out` lists; `left_out_total` counts all."""
EXAMPLE: Json = {
    "model": "deepseek-ai/DeepSeek-R1",
    "max_tokens": 1_000,
    "tools": [],
    "provider": {"sort": "price", "ignore": ["portkey"]},
}
BODY: Json = {
    "type": "object",
    "description": "A chat request, or, with `input` and without `messages`, a request for embeddings. Messages and "
    "input may be missing; their length decides the expected cost and which contexts are large enough.",
    "properties": {
        "model": {
            "type": "string",
            "description": "A model by any name that `/catalog/resolve` is sure of (any gateway), `gateway/id` (that "
            "offer), or `@name` of a saved filter. `:floor` sorts by price, `:nitro` by throughput; `:free` keeps free "
            "offers.",
        },
        "models": {"type": "array", "items": {"type": "string"}, "description": "Models to try one after the other."},
        "provider": {
            "type": "object",
            "description": "OpenRouter's preferences, over gateways: `order`, `only`, `ignore`, `allow_fallbacks`, "
            "`sort`, `max_price`, `require_parameters`, `quantizations`. Any other member is a 400.",
        },
        "max_tokens": {"type": "integer", "minimum": 1},
    },
    "additionalProperties": True,
}


def route(snapshot: Snapshot, request: InferenceRequest, *, now: datetime) -> Answer:
    """Raise NotFound for a model that does not exist. That no offer can run the request is an answer too."""
    reason = None
    try:
        choice = choose(
            request,
            snapshot,
            gateways=process.usable(),
            health=process.PROCESS.health,
            now=now,
            chance=random.random,
            subscriptions=process.PROCESS.subscriptions,
        )
        candidates, left_out = choice.candidates, choice.left_out
    except UnknownModel as error:
        raise NotFound(str(error)) from None
    except NoCandidate as error:
        candidates, left_out, reason = (), error.left_out, str(error)
    keyed = process.with_key()
    return answers.published(
        snapshot,
        {
            "object": "route",
            "inference": "on" if process.is_on() else "off",
            "model": named(snapshot, request.models[0]).asked,
            "expected_input_tokens": request.expected_input,
            "candidates": [_candidate(each, keyed) for each in candidates],
            "reason": reason,
            "left_out": [_left_out(each) for each in left_out[:MOST_LEFT_OUT]],
            "left_out_total": len(left_out),
            "gateways": [{"gateway": slug, "has_key": slug in keyed} for slug in process.PROCESS.runnable],
        },
        cache_control=answers.PRIVATE,
    )


class Route(CatalogViewSet):
    prefix = "v1/route"
    tag = Tag.COSTS

    @operation(
        "route_request",
        summary="Where a request would be sent: the offers that can run it, in order, each with its expected cost",
        description="Nothing is sent to a gateway. Offers are tried in the order of `candidates`. By default that "
        "order is drawn by price, so it differs from request to request: an offer at half the cost comes first four "
        "times as often. `left_out` has the other offers of the model with what rules them out. While inference is "
        "off, the answer is for all gateways that it can use.",
        request={
            bodies.MEDIA_TYPE: OpenApiRequest(
                BODY, examples=[OpenApiExample("A model at any gateway but one, cheapest first", value=EXAMPLE)]
            )
        },
        responses={
            200: RouteSerializer,
            404: OpenApiResponse(ProblemSerializer, description="No model has this name."),
            **{
                (refusal.status_code, "application/problem+json"): OpenApiResponse(
                    ProblemSerializer, description=refusal.default_detail
                )
                for refusal in bodies.REFUSALS
            },
        },
    )
    def create(self, request: Request, query: Query) -> Answer:
        return route(current(), _read(bodies.raw(request)), now=datetime.now(UTC))


def _read(body: bytes) -> InferenceRequest:
    try:
        found = read_request(body, Kind.CHAT, is_whole=False)
        if "input" in found.parsed and "messages" not in found.parsed:
            return read_request(body, Kind.EMBEDDINGS, is_whole=False)
    except BadRequest as error:
        place = error.param or "body"
        reason = str(error).removeprefix("the body ").removeprefix(f"{place} ")
        raise InvalidParameters([ParameterProblem.shown(place, "", reason)]) from None
    return found


def _candidate(candidate: Candidate, keyed: frozenset[str]) -> Json:
    tariff = candidate.row.tariff
    return {
        "gateway": candidate.gateway,
        "id": candidate.offer_id,
        "model": candidate.model,
        "reason": candidate.reason,
        "expected_cost_usd": _money(candidate.expected),
        "why_no_cost": candidate.why_no_cost or None,
        "price_status": tariff.status,
        "price_basis": tariff.basis,
        "price_per_million": {"input": _money(tariff.per_million_input), "output": _money(tariff.per_million_output)},
        "hourly_rate": _money(tariff.hourly_rate),
        "max_output_tokens": candidate.most_output,
        "has_key": candidate.gateway in keyed,
    }


def _left_out(left: LeftOut) -> Json:
    return {"gateway": left.gateway, "id": left.offer_id, "reason": left.reason}


def _money(amount: Any) -> str | None:
    return None if amount is None else money.plain(amount)
