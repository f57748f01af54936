"""The history of one offer: its document at a time, its dated prices and its changes.

All data is read up to a revision that the caller names. So a response shows a single revision, even if it is not the
newest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When

from catalog.history.versions import Change, Wanted, changes_in, kept_since, versions_of
from catalog.models import Offer, OfferVersion, Price, Revision
from catalog.models.moment import one_moment

_SECOND = timedelta(seconds=1)


# --- one offer -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferThen:
    """One offer as it was in a revision."""

    gateway: str
    document: str | None
    reason: str | None
    """The reason if there is no document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    revision: Revision
    """The revision that the other fields show."""
    offers: Sequence[OfferThen]
    prices: Sequence[Price]
    """One page of prices: those in force first, then the newest first. `ended_at` is the end that was known then."""
    prices_total: int
    changes: Sequence[Change]
    """One page of changes, newest first."""
    changes_total: int
    complete_since: int


def history_of(
    model_id: str, *, gateways: Collection[str], until: int, as_of: datetime | None, offset: int, limit: int
) -> History:
    """Return the offers of this id at these gateways, as in revision `until`, or at the earlier time `as_of`."""
    with one_moment():
        then = _revision_at(as_of, until=until)
        complete_since = kept_since()
        offers = list(
            Offer.objects.filter(model_id=model_id, gateway__slug__in=gateways)
            .select_related("gateway")
            .order_by("gateway__slug")
        )
        versions = versions_of(Wanted()).filter(
            offer__in=offers, from_revision__gt=complete_since, from_revision__lte=then.number
        )
        rows = versions.order_by("-from_revision", "-offer")[offset : offset + limit]
        prices = _prices_at(offers, then.published_at)
        return History(
            revision=then,
            offers=_offers_in(then, offers, complete_since=complete_since),
            prices=_with_offers(prices[offset : offset + limit], offers),
            prices_total=prices.count(),
            changes=list(changes_in(list(rows))),
            changes_total=versions.count(),
            complete_since=complete_since,
        )


def _revision_at(moment: datetime | None, *, until: int) -> Revision:
    """Return the revision that was served at the end of this second, but none later than `until`."""
    served = Revision.objects.filter(number__lte=until)
    if moment is None:
        return served.order_by("-number")[:1].get()
    # Responses show times to the second: a client that sends one of them means the revision with that time.
    before = served.filter(published_at__lt=moment.replace(microsecond=0) + _SECOND)
    # Revision 0, which is empty, represents all the time before it.
    return before.order_by("-published_at", "-number").first() or served.get(number=0)


def _offers_in(then: Revision, offers: Sequence[Offer], *, complete_since: int) -> list[OfferThen]:
    is_valid = Q(to_revision__isnull=True) | Q(to_revision__gt=then.number)
    versions = OfferVersion.objects.filter(is_valid, offer__in=offers, from_revision__lte=then.number)
    documents = dict(versions.values_list("offer", "document"))
    return [
        OfferThen(
            gateway=offer.gateway.slug,
            document=documents.get(offer.pk),
            reason=None if offer.pk in documents else _reason(then, offer, complete_since=complete_since),
        )
        for offer in offers
    ]


def _reason(then: Revision, offer: Offer, *, complete_since: int) -> str:
    if then.number >= complete_since or offer.first_seen_at > then.published_at:
        return "it was not listed yet"
    return "its versions of that time are no longer kept; its prices are"


def _prices_at(offers: Sequence[Offer], moment: datetime) -> QuerySet[Price]:
    """Return the prices that had begun by then, with `ended_at`, which is None while a price is in force."""
    is_over = Case(When(valid_to__lte=moment, then=Value(1)), default=Value(0), output_field=IntegerField())
    return (
        Price.objects.filter(offer__in=offers, valid_from__lte=moment)
        .exclude(valid_to=F("valid_from"))  # replaced at the moment when it began, so it was never in force
        .annotate(is_over=is_over, ended_at=Case(When(valid_to__lte=moment, then=F("valid_to"))))
        .order_by("is_over", "-valid_from", "pk")
    )


def _with_offers(prices: Iterable[Price], offers: Iterable[Offer]) -> list[Price]:
    """Attach the offers to the prices. This avoids a join, which the order of the prices would make slow."""
    found = list(prices)
    by_key = {offer.pk: offer for offer in offers}
    for price in found:
        price.offer = by_key[price.offer_id]
    return found
