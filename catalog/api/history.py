"""The history of one model, and the changes of the whole catalogue as a feed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from drf_spectacular.utils import OpenApiResponse

from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.hints import resolve_address
from catalog.api.introduction import Tag
from catalog.api.shapes.history import ChangeListSerializer
from catalog.api.shapes.problems import ProblemSerializer
from catalog.documents import rendering
from catalog.documents.differences import PriceChange
from catalog.history import feed, offers
from catalog.history.offers import OfferThen
from catalog.history.versions import Change, Position, Wanted
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.models import Price
from catalog.normalize import dates
from catalog.parameters import filters
from catalog.parameters.endpoints import NotFound, Query
from catalog.parameters.filterset import InvalidParameters
from catalog.pricing.meters import METERS
from catalog.records import PriceRecord
from front.answers import Answer

Json = Any

BEGINNINGS = ("since_revision", "since", "cursor")
"""The parameters that set the start of the changes."""


def read_model_history(snapshot: Snapshot, query: Query) -> Answer:
    gateway, as_of, offset, limit = (query.values[name] for name in ("gateway", "as_of", "offset", "limit"))
    rows = {row.gateway: row for row in snapshot.rows_of_id(query.id) if gateway in {"all", row.gateway}}
    if not rows:
        raise NotFound(f"There is no model of this id here; {resolve_address(query.id)} looks it up by any name.")
    found = offers.history_of(query.id, gateways=rows, until=snapshot.revision, as_of=as_of, offset=offset, limit=limit)
    has_more = offset + limit < max(found.prices_total, found.changes_total)
    body = {
        "data": {
            "id": query.id,
            "offers": [_offer(then, rows[then.gateway]) for then in found.offers],
            "prices": [_dated_price(price) for price in found.prices],
            "prices_total": found.prices_total,
            "changes": [answers.fragment(_change(change)) for change in found.changes],
            "changes_total": found.changes_total,
            "complete_since": found.complete_since,
        },
        "offset": offset,
        "limit": limit,
        "next": query.address(offset=offset + limit) if has_more else None,
    }
    stamp = {"revision": found.revision.number, "timestamp": dates.iso(found.revision.published_at)}
    return answers.json_answer(body | stamp, cache_control=answers.PUBLIC)


def list_changes(snapshot: Snapshot, query: Query) -> Answer:
    page = _page(query, until=snapshot.revision)
    begin = dict.fromkeys(BEGINNINGS) | _beginning(page.end)
    return answers.published(
        snapshot,
        {
            "data": [answers.fragment(_change(change)) for change in page.changes],
            "returned": len(page.changes),
            "limit": query.values["limit"],
            "gateway": query.values["gateway"],
            "has_more": page.has_more,
            "next": query.address(**begin),
            "complete_since": page.complete_since,
        },
    )


class Changes(CatalogViewSet):
    prefix = "catalog/changes"
    tag = Tag.HISTORY

    list = read(
        list_changes,
        filters.ChangeFilterSet,
        reads_tables=True,
        summary="All changes in order, without a gap; `next` continues, now or later",
        description="For programs that keep a copy of the catalogue: read to the end, store `next`, and continue "
        "from it later. Give at most one of `since_revision`, `since` and `cursor`.",
        responses={
            200: ChangeListSerializer,
            (410, "application/problem+json"): OpenApiResponse(
                ProblemSerializer, description="Some of these changes are no longer kept; start again from an export."
            ),
        },
    )


def wanted(query: Query) -> Wanted:
    gateway = query.values["gateway"]
    return Wanted(
        gateway=None if gateway == "all" else gateway, id=query.values["id"], kinds=query.values["kind"] or ()
    )


def _page(query: Query, *, until: int) -> feed.Page:
    given = [name for name in BEGINNINGS if query.values[name] is not None]
    if len(given) > 1:
        raise _invalid(query, given[1], f"cannot be given together with {given[0]}")
    try:
        return feed.changes_after(_start(query), until=until, wanted=wanted(query), limit=query.values["limit"])
    except feed.NotPublished as error:
        raise _invalid(
            query, given[0], f"names a revision that does not exist; the newest is {error.newest}"
        ) from error


def _start(query: Query) -> Position | None:
    since_revision, since, cursor = (query.values[name] for name in BEGINNINGS)
    if cursor is not None:
        return Position(*cursor)
    if since is not None:
        since_revision = feed.last_revision_before(since)
    return None if since_revision is None else Position.after(since_revision)


def _beginning(position: Position) -> Json:
    """Return the parameter that leads to this place."""
    if position.offer:
        return {"cursor": tuple(position)}
    return {"since_revision": position.revision - 1}


def _invalid(query: Query, name: str, reason: str) -> InvalidParameters:
    return InvalidParameters([query.filters.problem(name, reason)])


def _offer(then: OfferThen, row: Row) -> Json:
    # Versions do not store which model an offer belongs to: today's model is shown, as everywhere.
    document = None if then.document is None else Row.of(then.document.encode(), row.identity).document
    return {
        "gateway": then.gateway,
        "offer": None if document is None else orjson.Fragment(document),
        "reason": then.reason,
    }


def _dated_price(price: Price) -> Json:
    record = PriceRecord(meter=price.meter, amount=Decimal(price.amount))
    ended_at = price.ended_at  # type: ignore[attr-defined]  # `history` adds it
    return {
        "gateway": price.offer.gateway.slug,
        **_meter(price.meter),
        "conditions": orjson.loads(price.conditions_key),
        "amount": rendering.amount_text(record),
        "currency": price.currency,
        "valid_from": dates.iso(price.valid_from),
        "valid_to": None if ended_at is None else dates.iso(ended_at),
        "origin": "curator" if price.origin == Price.Origin.CURATOR else "gateway",
        "reported_since": None if price.reported_since is None else dates.iso(price.reported_since),
    }


def _change(change: Change) -> Json:
    return {
        "revision": change.position.revision,
        "timestamp": dates.iso(change.published_at),
        "gateway": change.gateway,
        "id": change.id,
        "kinds": change.difference.kinds,
        "origin": "curator" if change.is_curated else "gateway",
        "before": change.difference.before,
        "after": change.difference.after,
        "prices": [_price_change(price) for price in change.difference.prices],
    }


def _price_change(price: PriceChange) -> Json:
    return {
        **_meter(price.meter),
        "conditions": price.conditions,
        "before": price.before,
        "after": price.after,
    }


def _meter(name: str) -> Json:
    meter = METERS[name]
    return {"pricing_key": meter.pricing_key, "meter": meter.name, "unit": meter.unit}
