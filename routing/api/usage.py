"""`GET /v1/usage`: what requests to models used and cost, for their key and for members of staff."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from access.keys import Key
from access.models import INFER
from catalog.api import answers
from catalog.api.authentication import AUTHENTICATION
from catalog.api.base import CatalogViewSet, operation
from catalog.api.introduction import Tag
from catalog.parameters.endpoints import Query
from front.answers import Answer
from routing import totals
from routing.api.parameters import InferenceUsageFilterSet
from routing.api.shapes import InferenceUsageSerializer
from routing.ledger.records import TOKENS
from routing.nano import text_of
from routing.totals import GROUPS, Group, Total
from usage.days import today

Json = Any

MOST_ROWS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = {"model": "canonical_model"}
"""The names of columns that the API calls otherwise."""


class MayReadInference(BasePermission):
    message = "This requires a key with the scope infer, or the login of a member of staff."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method == "OPTIONS":
            return True
        if isinstance(request.auth, Key):
            return INFER in request.auth.scopes
        user = request.user
        return isinstance(user, User) and user.is_staff and user.has_perm("catalog.desk_see")


class InferenceUsage(CatalogViewSet):
    prefix = "v1/usage"
    tag = Tag.COSTS
    authentication_classes = AUTHENTICATION
    permission_classes = (MayReadInference,)

    @operation(
        "read_inference_usage",
        filterset=InferenceUsageFilterSet,
        summary="What requests to models used and cost",
        description="Requests, tokens, costs, failures and latencies, added up from the ledger by day, model, offer or "
        "key. A key with the scope `infer` reads its own; a member of staff those of all keys. Requests are there some "
        "seconds after their end. A cost that is not known is counted as `unpriced`, and adds nothing.",
        responses=InferenceUsageSerializer,
    )
    def list(self, request: Request, query: Query) -> Answer:
        filters = query.filters
        if not isinstance(filters, InferenceUsageFilterSet):
            raise TypeError("the endpoint has another FilterSet")
        days, group = filters.days(today=today()), filters.values["group"]
        key = request.auth.id if isinstance(request.auth, Key) else filters.values["key"]
        found = totals.totals(days, GROUPS[group], key=key)
        rows = [{**_about(group, name), **_shown(total)} for name, total in sorted(found.items())[:MOST_ROWS]]
        body = {
            "data": rows,
            "returned": len(rows),
            "group": group,
            "from": _date(days.start),
            "to": _date(days.stop - 1),
            "total": _shown(totals.added_up(found.values())),
        }
        return answers.json_answer(body)


def _about(group: str, name: Group) -> Json:
    columns = zip(GROUPS[group], name, strict=True)
    return {_NAMES.get(column, column): _date(value) if column == "day" else value for column, value in columns}


def _shown(total: Total) -> Json:
    numbers = total.numbers
    return {
        "requests": numbers["requests"],
        "errors": total.errors,
        "failures": dict(sorted(total.failures.items())),
        "attempts": numbers["attempts"],
        "absorbed": total.absorbed,
        **{name: numbers[name] for name in TOKENS},
        "estimated": numbers["estimated"],
        "cost_usd": text_of(numbers["cost_nano"]),
        "unpriced": numbers["unpriced"],
        "charged_usd": text_of(numbers["charged_nano"]),
        "first_content_ms": _percentiles(total.first_content_ms),
        "duration_ms": _percentiles(total.duration_ms),
    }


def _percentiles(buckets: Mapping[int, int]) -> Json:
    return {name: totals.percentile(buckets, share) for name, share in (("p50", 0.5), ("p95", 0.95))}


def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()
