"""Popular models, for everybody; and what a key asked for, for that key and members of staff."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet, Sum
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from access.keys import Key
from catalog.api import answers
from catalog.api.authentication import AUTHENTICATION
from catalog.api.base import CatalogViewSet, operation, read
from catalog.api.hints import resolve_address
from catalog.api.introduction import Tag
from catalog.memory.snapshot import Snapshot
from catalog.normalize import dates
from catalog.parameters.endpoints import EXAMPLE_ID, NotFound, PathVariable, Query
from catalog.web.standing import standing_of
from front.answers import Answer
from usage import elsewhere, inference, ranking
from usage.days import today
from usage.models import KeyDay
from usage.parameters import KeyUsageFilterSet, PopularFilterSet, SeriesFilterSet
from usage.ranking import WINDOWS
from usage.shapes import KeyUsageSerializer, PopularListSerializer, PopularSeriesSerializer

Json = Any

CACHE_CONTROL = "public, max-age=300, stale-if-error=86400"
MOST_ROWS = 10_000
FIGURES = {ranking.ASKS: "asks", "requests": "requests", "tokens": "tokens", "cost": "cost_usd"}
"""The figure of answers for each value of `by`; the others are null."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def list_popular_models(snapshot: Snapshot, query: Query) -> Answer:
    values = query.values
    if values["by"] == "gateway":
        return _counted_elsewhere(snapshot, values)
    length, by = WINDOWS[values["window"]], values["by"]
    models = ranking.popular(
        snapshot,
        sold_by=_sold_by(snapshot, gateway=values["gateway"]),
        length=length,
        is_trending=values["order"] == "trending",
        by=by,
    )[: values["limit"]]
    end = ranking.present_day()
    ranked_days = ranking.ranked_days if by == ranking.ASKS else inference.ranked_days
    data = [
        {
            "rank": rank,
            "canonical_model": each.model,
            **dict.fromkeys(FIGURES.values()),
            FIGURES[by]: _figure(each.number, by),
            "trend": _figure(each.trend, by),
            "gateways": [*each.gateways],
        }
        for rank, each in enumerate(models, start=1)
    ]
    more = {
        "gateway": values["gateway"],
        "window": values["window"],
        **_source(end),
        "unit": FIGURES[by],
        "ranked_days": len(ranked_days(range(end - length, end))),
    }
    return answers.json_answer({"data": data, "returned": len(data), **more}, cache_control=CACHE_CONTROL)


def _counted_elsewhere(snapshot: Snapshot, values: Mapping[str, Any]) -> Answer:
    """Answer with what a gateway counts itself. Its figures are exact, and not mixed with ours."""
    end, length = ranking.present_day(), WINDOWS[values["window"]]
    sums, days = elsewhere.window(end, length) if values["gateway"] in {"all", elsewhere.GATEWAY} else ({}, 0)
    slugs = {row.id: row.identity.model for row in snapshot.rows if row.gateway == elsewhere.GATEWAY and row.identity}
    of_model: dict[str, int] = defaultdict(int)
    for offer, requests in sums.items():
        if offer in slugs:
            of_model[slugs[offer]] += requests
    ordered = sorted(of_model.items(), key=lambda each: (-each[1], each[0]))[: values["limit"]]
    data = [
        {
            "rank": rank,
            "canonical_model": model,
            **dict.fromkeys(FIGURES.values()),
            "requests": requests,
            "trend": None,
            "gateways": [elsewhere.GATEWAY],
        }
        for rank, (model, requests) in enumerate(ordered, start=1)
    ]
    more = {
        "gateway": values["gateway"],
        "window": values["window"],
        "source": elsewhere.GATEWAY,
        "unit": "requests",
        "as_of": dates.iso(_EPOCH + timedelta(days=end)),
        "ranked_days": days,
    }
    return answers.json_answer({"data": data, "returned": len(data), **more}, cache_control=CACHE_CONTROL)


def read_popular_model(snapshot: Snapshot, query: Query) -> Answer:
    slug = snapshot.redirects.get(query.id.casefold(), query.id)
    known = {each.casefold(): each for each in _sold_by(snapshot, gateway="all")}
    if slug.casefold() not in known:
        raise NotFound(f"There is no model of this slug; {resolve_address(query.id)} looks it up by any name.")
    model = known[slug.casefold()]
    found = ranking.series(model, length=query.values["days"])
    data = [{"day": _date(day), "asks": asks} for day, asks in found]
    body = {"canonical_model": model, "data": data, "returned": len(data), **_source(ranking.present_day())}
    return answers.json_answer(body, cache_control=CACHE_CONTROL)


class PopularModels(CatalogViewSet):
    prefix = "catalog/popular"
    lookup_url_kwarg, lookup_value_converter = "model", "path"
    variable = PathVariable("The slug of the model, in any case.", EXAMPLE_ID)

    list = read(
        list_popular_models,
        PopularFilterSet,
        is_cacheable=False,
        reads_tables=True,
        summary="The models that are asked for most, or that rise fastest",
        description="Counts requests to this service that name a model, of each client at most 30 an hour for one "
        "model. It says nothing about how much a model is used elsewhere. `gateway` keeps models that it sells. Days "
        "with fewer than 20 different clients and figures below 5 are left out, so a small installation may show "
        "nothing. `by` orders by what was sent to models instead; there the clients are keys, and models with fewer "
        "than 5 requests are left out. `by=gateway` shows what Chutes counts itself, of all its clients, if this "
        "service reads that.",
        responses=PopularListSerializer,
    )
    retrieve = read(
        read_popular_model,
        SeriesFilterSet,
        is_cacheable=False,
        reads_tables=True,
        summary="How often one model was asked for, day by day",
        description="The same figures as those of `/catalog/popular`.",
        responses=PopularSeriesSerializer,
    )


class MayReadUsage(BasePermission):
    message = "This requires a key, or the login of a member of staff."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method == "OPTIONS" or isinstance(request.auth, Key):
            return True
        user = request.user
        return isinstance(user, User) and user.is_staff and user.has_perm("catalog.desk_see")


class KeyUsage(CatalogViewSet):
    prefix = "usage"
    tag = Tag.GATEWAYS
    authentication_classes = AUTHENTICATION
    permission_classes = (MayReadUsage,)

    @operation(
        "read_key_usage",
        filterset=KeyUsageFilterSet,
        summary="What a key asked for, by day or by model",
        description="A key reads its own figures, whatever its scopes; a member of staff those of all keys. They are "
        "stored once a minute.",
        responses=KeyUsageSerializer,
    )
    def list(self, request: Request, query: Query) -> Answer:
        values = query.values
        rows = KeyDay.objects.filter(day__gt=today() - values["days"], day__lte=today())
        key = request.auth.id if isinstance(request.auth, Key) else values["key"]
        data = _rows(rows if key is None else rows.filter(key=key), values["group"])
        return answers.json_answer({"data": data, "returned": len(data), "group": values["group"]})


def _rows(rows: QuerySet[KeyDay], group: str) -> list[Json]:
    if group == "day":
        by_day = rows.values_list("key", "day").annotate(Sum("reads")).order_by("key", "day")[:MOST_ROWS]
        return [{"day": _date(day), "key": key, "reads": reads} for key, day, reads in by_day]
    by_model = rows.values_list("key", "model").annotate(reads=Sum("reads")).order_by("key", "-reads", "model")
    return [{"canonical_model": model, "key": key, "reads": reads} for key, model, reads in by_model[:MOST_ROWS]]


def _sold_by(snapshot: Snapshot, *, gateway: str) -> Mapping[str, tuple[str, ...]]:
    """Return the gateways that sell each model, of the models that this gateway sells."""
    rows = snapshot.index.rows
    found = {
        model.slug: tuple(sorted({rows[position].gateway for position in model.positions}))
        for model in standing_of(snapshot).models
    }
    return found if gateway == "all" else {slug: sellers for slug, sellers in found.items() if gateway in sellers}


def _figure(number: int, by: str) -> int | str:
    """Return a figure as answers have it: costs are US dollars as text."""
    return f"{Decimal(number).scaleb(-9).normalize():f}" if by == "cost" else number


def _source(end: int) -> Json:
    return {"source": "gatewayz", "unit": "asks", "as_of": dates.iso(_EPOCH + timedelta(days=end))}


def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()
