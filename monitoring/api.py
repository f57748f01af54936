"""The availability of offers: of all of them, of one model, and over time. Answers come from memory."""

from __future__ import annotations

from typing import Any

import orjson

from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.hints import resolve_address
from catalog.api.introduction import Tag
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.normalize import dates
from catalog.parameters import pages
from catalog.parameters.endpoints import EXAMPLE_ID, NotFound, PathVariable, Query
from catalog.parameters.filters import OfferOfIdFilterSet
from front.answers import Answer
from monitoring import figures, follow
from monitoring.follow import Observed
from monitoring.parameters import AvailabilityFilterSet, AvailabilityHistoryFilterSet
from monitoring.shapes import AvailabilityHistorySerializer, AvailabilityListSerializer, ModelAvailabilitySerializer

Json = Any

CACHE_CONTROL = "public, max-age=15"


def list_availability(snapshot: Snapshot, query: Query) -> Answer:
    observed, values = follow.FOLLOWER.current(), query.values
    gateway, state, limit = values["gateway"], values["state"], values["limit"]
    start = values["cursor"] or pages.BEGINNING
    found: list[Row] = []
    for row in snapshot.rows:
        if (row.id, row.gateway) <= start or row.is_withdrawn or gateway not in {"all", row.gateway}:
            continue
        if state in {"all", _state_of(observed, row)}:
            found.append(row)
            if len(found) > limit:
                break
    shown = found[:limit]
    has_more = len(found) > limit
    data = [figures.row(_document(row), observed.offers.get((row.gateway, row.id))) for row in shown]
    cursor = pages.text_of((shown[-1].id, shown[-1].gateway)) if has_more else None
    return _answer(observed, {"data": data, "returned": len(data), "next_cursor": cursor})


def read_model_availability(snapshot: Snapshot, query: Query) -> Answer:
    observed = follow.FOLLOWER.current()
    data = []
    for row in _rows(snapshot, query.id, gateway=query.values["gateway"]):
        document, watched = _document(row), observed.offers.get((row.gateway, row.id))
        more = {
            "gateway_figures": figures.gateway_figures(watched, gateway=row.gateway),
            "held_prices": figures.held_prices(document, watched),
        }
        data.append(figures.row(document, watched) | more)
    return _answer(observed, {"id": query.id, "data": data})


def read_availability_history(snapshot: Snapshot, query: Query) -> Answer:
    observed, values = follow.FOLLOWER.current(), query.values
    data = []
    for row in _rows(snapshot, values["id"], gateway=values["gateway"]):
        watched = observed.offers.get((row.gateway, row.id))
        data.append(
            {
                "source_gateway": row.gateway,
                "periods": [] if watched is None else figures.periods(watched, days=values["days"]),
                "days": [] if watched is None else figures.daily(watched, days=values["days"]),
            }
        )
    return _answer(observed, {"id": values["id"], "data": data})


class AvailabilityOfOffers(CatalogViewSet):
    prefix = "catalog/availability"
    tag = Tag.MODELS

    list = read(
        list_availability,
        AvailabilityFilterSet,
        is_cacheable=False,
        summary="Whether offers can be used now, and how much of the time they could",
        description="What is observed, which the catalogue shows as `availability` once it has lasted. A state is "
        "`unknown` if there was no evidence lately. A figure is null if too little is known for it.",
        responses=AvailabilityListSerializer,
    )
    history = read(
        read_availability_history,
        AvailabilityHistoryFilterSet,
        is_cacheable=False,
        detail=False,
        summary="The states of the offers of one id over the last days",
        description="At most 90 days. Time without a period is time of which nothing is known.",
        responses=AvailabilityHistorySerializer,
    )


class AvailabilityOfModels(CatalogViewSet):
    prefix = "catalog/models"
    tag = Tag.MODELS
    lookup_url_kwarg, lookup_value_converter = "model_id", "path"
    variable = PathVariable("The gateway's id of the offer, case-sensitive; it may have slashes.", EXAMPLE_ID)

    availability = read(
        read_model_availability,
        OfferOfIdFilterSet,
        is_cacheable=False,
        detail=True,
        summary="Whether the offers of one id can be used now, with the gateways' own figures",
        description="`gateway_figures` are what the gateway publishes, such as OpenRouter's figures of each host. They "
        "are shown as theirs and are not part of ours.",
        responses=ModelAvailabilitySerializer,
    )


def _rows(snapshot: Snapshot, offer_id: str, *, gateway: str) -> list[Row]:
    rows = [row for row in snapshot.rows_of_id(offer_id) if gateway in {"all", row.gateway}]
    if not rows:
        raise NotFound(f"There is no model of this id; {resolve_address(offer_id)} looks it up by any name.")
    return rows


def _state_of(observed: Observed, row: Row) -> str:
    watched = observed.offers.get((row.gateway, row.id))
    return "unknown" if watched is None else watched.state.state


def _document(row: Row) -> Json:
    return orjson.loads(row.document)


def _answer(observed: Observed, body: Json) -> Answer:
    stamp = {
        "as_of": None if observed.as_of is None else dates.iso(observed.as_of),
        "generation": observed.generation,
    }
    return answers.json_answer(body | stamp, cache_control=CACHE_CONTROL)
