"""What waits for a person: each kind with its count, since when, and where it is decided. A count is one query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from django.db.models import Count, Min
from django.utils import timezone
from rapidfuzz.distance import OSA

from catalog.desk import questions
from catalog.desk.feeds import Feed
from catalog.desk.pages import Item
from catalog.memory.snapshot import Snapshot
from catalog.models import IdentityCandidate, Override, PriceHold, RejectedRow, SyncRun
from catalog.web import figures
from catalog.web.offers import gateway_name

SOON = timedelta(days=7)
"""Overrides that end within this time are shown."""
SHORTEST_TAG = 4
"""Shorter tags look like each other by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One kind of thing that waits for a person."""

    name: str
    many: str
    """The name of several."""
    count: int
    words: str
    """What it is, or what is special about it now."""
    way: Item
    """Where it is decided."""
    query: str = ""
    """The query string with which that page shows only these."""
    since: datetime | None = None
    """Since when the oldest waits."""


def everything(feeds: Sequence[Feed], served: Snapshot | None) -> list[Waiting]:
    """Return all kinds, also those of which nothing waits, in the order in which they matter."""
    return [
        held_runs(),
        held_prices(),
        price_questions(),
        stale_overrides(),
        ending_overrides(),
        ambiguous_models(),
        rejected_rows(feeds),
        similar_tags(served),
        failing_gateways(feeds),
    ]


def held_runs() -> Waiting:
    held = SyncRun.objects.filter(outcome=SyncRun.Outcome.HELD).order_by("started_at")
    runs = list(held.values_list("started_at", "gateway__slug", "error"))
    first = ": ".join(filter(None, [gateway_name(runs[0][1]), runs[0][2]])) if runs else ""
    return Waiting(
        name="held run",
        many="held runs",
        count=len(runs),
        since=runs[0][0] if runs else None,
        words=first or "too much of a gateway's list changed at once",
        way=Item("", "held_runs", "admin:catalog_syncrun_changelist", "catalog.view_syncrun", "outcome__exact=held"),
    )


def held_prices() -> Waiting:
    found = PriceHold.objects.waiting().aggregate(count=Count("pk"), since=Min("made_at"))
    table = ("admin:catalog_pricehold_changelist", "catalog.view_pricehold", "state__exact=open")
    return Waiting(
        name="held price",
        many="held prices",
        **found,
        words="a gateway reports a price that is hard to believe, and the one before is served",
        way=Item("", "held_prices", *table),
    )


def price_questions() -> Waiting:
    return Waiting(
        name="question about a price",
        many="questions about prices",
        count=len(questions.open_questions()),
        words="served, but far from what others ask for the same model",
        way=Item("", "questions", "admin:catalog_pricehold_questions", "catalog.view_pricehold"),
    )


def stale_overrides() -> Waiting:
    found = Override.objects.stale().aggregate(count=Count("pk"), since=Min("made_at"))
    return Waiting(
        name="stale override",
        many="stale overrides",
        **found,
        words="the gateway has changed the value that a curator replaced",
        way=Item("", "stale", "admin:catalog_override_changelist", "catalog.view_override", "is_stale__exact=1"),
    )


def ending_overrides() -> Waiting:
    """Return the overrides that end within a week, and when the first does."""
    until = timezone.now() + SOON
    found = Override.objects.ended(now=until).aggregate(count=Count("pk"), first=Min("expires_at"))
    first = found["first"]
    limit = quote(until.isoformat(timespec="seconds"))
    table = ("admin:catalog_override_changelist", "catalog.view_override", f"expires_at__lte={limit}")
    return Waiting(
        name="override that expires",
        many="overrides that expire",
        count=found["count"],
        words=f"the first on {figures.minute(first)}" if first else "within 7 days",
        way=Item("", "ending", *table),
    )


def ambiguous_models() -> Waiting:
    return Waiting(
        name="ambiguous model",
        many="ambiguous models",
        count=IdentityCandidate.objects.count(),
        words="two models that may be the same",
        way=Item("", "ambiguous", "admin:catalog_identitycandidate_changelist", "catalog.view_identitycandidate"),
    )


def rejected_rows(feeds: Iterable[Feed]) -> Waiting:
    """Return the rows that the last run of each gateway could not use."""
    reasons = rejections(feeds)
    gateways = sorted({gateway_name(each.gateway) for each in reasons})
    return Waiting(
        name="rejected row",
        many="rejected rows",
        count=sum(each.count for each in reasons),
        since=min((each.since for each in reasons), default=None),
        words=f"{figures.counted(len(reasons), 'reason')}, {figures.listed(gateways)}"
        if reasons
        else "of the last runs",
        way=Item("", "rejected"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejections:
    """The rows of one gateway's last run that could not be used for the same reason."""

    gateway: str
    run: int
    reason: str
    count: int
    since: datetime
    """When the run began."""
    example: int
    """The number of the first of these rows, for its table."""


def rejections(feeds: Iterable[Feed]) -> list[Rejections]:
    """Return the rejected rows of the last runs by gateway and reason, most first."""
    runs = [each.rejecting for each in feeds if each.rejecting is not None]
    rows = RejectedRow.objects.filter(run__in=runs).order_by().values_list("run", "run__gateway__slug", "reason")
    counted = rows.annotate(count=Count("pk"), since=Min("run__started_at"), example=Min("pk"))
    found = [
        Rejections(gateway=gateway, run=run, reason=reason, count=count, since=since, example=example)
        for run, gateway, reason, count, since, example in counted
    ]
    return sorted(found, key=lambda each: (-each.count, each.gateway, each.reason))


def similar_tags(served: Snapshot | None) -> Waiting:
    pairs = lookalikes(frozenset(served.index.facets["tags"])) if served else []
    shown = ", ".join(f"“{rare}” and “{other}”" for rare, other in pairs[:3])
    return Waiting(
        name="pair of tags that look alike",
        many="pairs of tags that look alike",
        count=len(pairs),
        words=shown or "one may be a typing error of the other",
        way=Item("", "tags"),
        query="alike=1",
    )


@lru_cache(maxsize=4)
def lookalikes(tags: frozenset[str]) -> list[tuple[str, str]]:
    """Return the pairs of tags with one letter of difference, digits apart: `v2` and `v3` are two things."""
    words = sorted(tag for tag in tags if len(tag) >= SHORTEST_TAG and not any(map(str.isdigit, tag)))
    return [
        (one, other)
        for number, one in enumerate(words)
        for other in words[number + 1 :]
        if OSA.distance(one, other, score_cutoff=1) <= 1
    ]


def failing_gateways(feeds: Iterable[Feed]) -> Waiting:
    failing = [each for each in feeds if each.state == "failing"]
    names = figures.listed([gateway_name(each.gateway.slug) for each in failing])
    successes = [each.gateway.last_success_at for each in failing if each.gateway.last_success_at]
    return Waiting(
        name="failing gateway",
        many="failing gateways",
        count=len(failing),
        since=min(successes, default=None),
        words=names or "the last run failed",
        way=Item("", "gateways", "admin:catalog_gateway_changelist", "catalog.view_gateway"),
        query="state=failing",
    )
