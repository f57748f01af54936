"""The history of one model: the prices and the changes of all its offers, also if their ids differ."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F

from catalog.history.versions import Change, Wanted, changes_in, kept_since, versions_of
from catalog.models import Offer, Price
from catalog.models.moment import one_moment

Key = tuple[str, str]
"""Gateway and id of an offer."""
MOST_INTERVALS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A price without conditions in [begin, end)."""

    offer: Key
    meter: str
    amount: Decimal
    begin: datetime
    end: datetime | None
    """None while the price is in force."""
    is_curated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHistory:
    prices: Sequence[Interval]
    """Newest first. If there are more than MOST_INTERVALS, the oldest are left out."""
    changes: Sequence[Change]
    """Newest first."""


def history_of_offers(
    offers: Collection[Key], *, meters: Collection[str], until: datetime, revision: int, most_changes: int
) -> ModelHistory:
    """Return the prices of these meters up to a moment, and the last changes up to a revision."""
    with one_moment():
        keys = _primary_keys(offers)
        intervals = (
            Price.objects.filter(offer__in=keys, meter__in=meters, conditions_key="[]", valid_from__lte=until)
            .exclude(valid_to=F("valid_from"))  # replaced at the moment when it began, so it was never in force
            .order_by("-valid_from", "-pk")[:MOST_INTERVALS]
        )
        versions = versions_of(Wanted(has_rendered=False, has_availability=False)).filter(
            offer__in=keys, from_revision__gt=kept_since(), from_revision__lte=revision
        )
        rows = list(versions.order_by("-from_revision", "-offer")[:most_changes])
        return ModelHistory(
            prices=[_interval(price, keys[price.offer_id], until=until) for price in intervals],
            changes=list(changes_in(rows)),
        )


def _primary_keys(offers: Collection[Key]) -> dict[int, Key]:
    """Return the offers by their primary keys."""
    wanted = set(offers)
    of_ids = Offer.objects.filter(model_id__in={model_id for _, model_id in wanted})
    found = of_ids.order_by("pk").values_list("pk", "gateway__slug", "model_id")
    return {key: (gateway, model_id) for key, gateway, model_id in found if (gateway, model_id) in wanted}


def _interval(price: Price, offer: Key, *, until: datetime) -> Interval:
    is_over = price.valid_to is not None and price.valid_to <= until
    return Interval(
        offer=offer,
        meter=price.meter,
        amount=Decimal(price.amount),
        begin=price.valid_from,
        end=price.valid_to if is_over else None,
        is_curated=price.origin == Price.Origin.CURATOR,
    )
