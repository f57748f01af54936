"""Bills the ledger again: each row from its tokens and the dated rows of the price table, not from what was served.

What the rows must equal: the cost of their tokens at the prices of the revision that they name, and the sums by day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import orjson
from django.db.models import Q, QuerySet, Sum

from catalog.documents.tariffs import tariff_of
from catalog.models import Offer, OfferVersion, Price, Revision
from catalog.pricing.tariffs import Tariff
from catalog.records import PriceRecord
from routing.models import OPEN, Attempt
from routing.money.costs import SUBSCRIPTION, billed_cost
from routing.wire.tokens import Tokens
from usage.models import InferenceDay

Group = tuple[int, int, str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    about: str
    stored: str
    expected: str


@dataclass(slots=True)
class Audit:
    rows: int = 0
    unchecked: int = 0
    """Rows whose revision or offer is not kept any more."""


def audit(result: Audit, *, since: datetime | None = None) -> Iterator[Difference]:
    """Yield what is wrong with the rows that began since then, and count them in `result`."""
    rows = Attempt.objects.exclude(outcome=OPEN).order_by("pk")
    if since is not None:
        rows = rows.filter(begun_at__gte=since)
    for row in rows.iterator(chunk_size=1_000):
        result.rows += 1
        tariff = tariff_then(row.gateway, row.offer, row.revision)
        if tariff is None:
            result.unchecked += 1
        elif (expected := _expected(row, tariff)) != row.cost:
            yield Difference(str(row), row.cost or row.cost_reason, expected or "no cost")
    if since is None:
        yield from _wrong_sums()


def _expected(row: Attempt, tariff: Tariff) -> str:
    """Return the cost that a row must have, as its text; empty for none."""
    if row.cost_reason == SUBSCRIPTION:
        return ""
    if row.input_tokens is None:
        return row.cost if row.cost and not Decimal(row.cost) else ""  # nothing was sent, or nobody knows what it cost
    cost = billed_cost(tariff, _tokens(row), at=row.begun_at)  # never the shorter way by which it was computed
    return "" if cost.amount is None else f"{cost.amount:f}"


def _tokens(row: Attempt) -> Tokens:
    return Tokens(
        input=row.input_tokens or 0,
        output=row.output_tokens or 0,
        cached_input=row.cached_input_tokens or 0,
        cache_write=row.cache_write_tokens or 0,
        reasoning=row.reasoning_tokens or 0,
        audio_input=row.audio_input_tokens or 0,
        audio_output=row.audio_output_tokens or 0,
        image_output=row.image_output_tokens or 0,
    )


@lru_cache(maxsize=4_096)
def tariff_then(gateway: str, offer_id: str, revision: int) -> Tariff | None:
    """Return the prices of an offer in a revision, from the price table; None if that time is not kept.

    The document of that time has only what prices do not: what is unclear or held, and what the offer puts out.
    """
    then = Revision.objects.filter(number=revision, is_forgotten=False).first()
    offer = Offer.objects.filter(gateway__slug=gateway, model_id=offer_id).first()
    if then is None or offer is None:
        return None
    versions = OfferVersion.objects.filter(
        Q(to_revision__isnull=True) | Q(to_revision__gt=revision), offer=offer, from_revision__lte=revision
    )
    document = versions.values_list("document", flat=True).first()
    if document is None:
        return None
    return replace(tariff_of(orjson.loads(document)), prices=tuple(_prices(offer, then.published_at)))


def _prices(offer: Offer, moment: datetime) -> Iterator[PriceRecord]:
    in_force = Q(valid_to__isnull=True) | Q(valid_to__gt=moment)
    prices = Price.objects.filter(in_force, offer=offer, currency="USD", valid_from__lte=moment).order_by("pk")
    for meter, amount, conditions in prices.values_list("meter", "amount", "conditions_key"):
        read = tuple((dimension, sign, value) for dimension, sign, value in orjson.loads(conditions))
        yield PriceRecord(meter=meter, amount=Decimal(amount), conditions=read)


# --- sums ------------------------------------------------------------------------------------------------------------
def _wrong_sums() -> Iterator[Difference]:
    """Compare the sums by day with the rows. Days whose rows are deleted in part are left out."""
    oldest = Attempt.objects.order_by("day").values_list("day", flat=True).first()
    if oldest is None:
        return
    ledger = _sums(Attempt.objects.exclude(outcome=OPEN).filter(day__gt=oldest))
    stored = _sums(InferenceDay.objects.filter(day__gt=oldest))
    for group in sorted(ledger.keys() | stored.keys()):
        if (found := stored.get(group, (0, 0))) != (rows := ledger.get(group, (0, 0))):
            day, key, gateway, outcome = group
            about = f"sums of day {day}, key {key}, {gateway}, {outcome}"
            yield Difference(about, f"{found[0]} nano-dollars, {found[1]} tokens", f"{rows[0]}, {rows[1]}")


def _sums(rows: QuerySet[Attempt] | QuerySet[InferenceDay]) -> dict[Group, tuple[int, int]]:
    found = rows.order_by().values_list("day", "key", "gateway", "outcome")
    sums = found.annotate(Sum("cost_nano"), Sum("output_tokens"))
    return {(day, key, gateway, outcome): (cost or 0, tokens or 0) for day, key, gateway, outcome, cost, tokens in sums}
