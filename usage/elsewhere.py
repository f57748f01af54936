"""What gateways count themselves: how often each of their models is used. It is never added to our own counts.

Chutes: `GET https://api.chutes.ai/invocations/usage`, without a key, has `{chute_id, date, usd_amount,
invocation_count}` for each deployment and day, of the last 11 days. `/chutes/utilization` has the names of the
deployments. Both are asked once a day, and what is stored of a complete day stays.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from catalog.adapter.contract import Request
from catalog.adapter.errors import BadPayload, GatewayError
from catalog.normalize import text
from catalog.sync import read, single
from usage.models import GatewayAsked, GatewayDay
from usage.router import alias

logger = logging.getLogger(__name__)

Json = Any

GATEWAY = "chutes"
USAGE = Request(host="api", path="/invocations/usage")
NAMES = Request(host="api", path="/chutes/utilization")
PAUSE, RETRY = timedelta(hours=24), timedelta(hours=6)
MOST_COUNT = 10**15
_EPOCH = date(1970, 1, 1)

Counted = Mapping[tuple[int, str], int]
"""The requests by day, in days since 1970, and id of the offer."""


def ask_due(*, now: datetime) -> None:
    """Ask Chutes for its counts, if the last time is a day ago and the operator allows it."""
    if settings.MONITORING != "on" or not single.may_ask(GATEWAY) or not _claim(now=now):
        return
    try:
        names = names_of(read.decoded(single.fetched(GATEWAY, NAMES)))
        store(counts_of(read.decoded(single.fetched(GATEWAY, USAGE)), names=names), today=(now.date() - _EPOCH).days)
    except GatewayError as error:
        logger.warning("Chutes' own counts were not read: %s", error)
    else:
        GatewayAsked.objects.filter(gateway=GATEWAY).update(next_at=now + PAUSE)


def _claim(*, now: datetime) -> bool:
    """Return whether this process may ask. Of several at once, one may; after a failure, again in RETRY."""
    asked, _ = GatewayAsked.objects.get_or_create(gateway=GATEWAY)
    if asked.next_at is not None and now < asked.next_at <= now + PAUSE:
        return False
    return bool(GatewayAsked.objects.filter(pk=asked.pk, next_at=asked.next_at).update(next_at=now + RETRY))


def names_of(payload: Json) -> dict[str, str]:
    """Return the names of the public deployments by `chute_id`. Raises BadPayload if the answer is no list."""
    if not isinstance(payload, list):
        raise BadPayload("Chutes' utilization is no list")
    found = {}
    for row in payload:
        if isinstance(row, dict) and isinstance(chute_id := row.get("chute_id"), str):
            try:
                name = text.line(row.get("name"), longest=text.MAX_ID)
            except (TypeError, ValueError):
                continue
            if not name.startswith("[private"):
                found[chute_id] = name
    return found


def counts_of(payload: Json, *, names: Mapping[str, str]) -> Counted:
    """Return the requests of each named deployment and day. Unreadable rows are left out. Raises BadPayload."""
    if not isinstance(payload, list):
        raise BadPayload("Chutes' usage is no list")
    found: dict[tuple[int, str], int] = defaultdict(int)
    for row in payload:
        if not isinstance(row, dict):
            continue
        chute_id, count = row.get("chute_id"), row.get("invocation_count")
        name = names.get(chute_id) if isinstance(chute_id, str) else None
        day = _day(row.get("date"))
        if name is None or day is None or not isinstance(count, int) or isinstance(count, bool):
            continue
        if 0 < count < MOST_COUNT:
            found[day, name] += count  # several deployments may have one name
    return found


def _day(value: Json) -> int | None:
    try:
        return (datetime.fromisoformat(value[:10]).date() - _EPOCH).days
    except (TypeError, ValueError):
        return None


def store(counted: Counted, *, today: int) -> None:
    """Store the complete days; figures that the gateway corrected since replace those before."""
    rows = [
        GatewayDay(gateway=GATEWAY, day=day, offer=offer, requests=requests)
        for (day, offer), requests in sorted(counted.items())
        if day < today
    ]
    with transaction.atomic(using=alias()):
        GatewayDay.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["gateway", "day", "offer"],
            update_fields=["requests"],
            batch_size=500,
        )


def window(end: int, length: int) -> tuple[dict[str, int], int]:
    """Return the requests of each offer on the days before `end`, and on how many of them there are figures."""
    rows = GatewayDay.objects.filter(gateway=GATEWAY, day__gte=end - length, day__lt=end)
    sums = dict(rows.values_list("offer").annotate(Sum("requests")).order_by("offer"))
    return sums, rows.values("day").distinct().count()
