"""Reads of what was published when: the feed of changes, and the history of one offer.

Everything is read up to a revision that the caller names, so that an answer shows one revision, be it not the newest.
Revisions are numbered and committed one after the other, so once one can be read, all before it can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson
from django.db.models import Case, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from catalog.changes import Difference, difference
from catalog.models import Offer, OfferVersion, Price, Revision
from catalog.models.moment import one_moment

MOST_EXAMINED = 1_000
"""Changes that are looked at for one page, where not every kind is wanted."""
_SECOND = timedelta(seconds=1)


class Forgotten(Exception):
    """Some of the changes that were asked for are no longer kept; all after revision `complete_since` are."""

    def __init__(self, complete_since: int) -> None:
        super().__init__(f"not all changes before revision {complete_since + 1} are kept any more")
        self.complete_since = complete_since


class NotPublished(Exception):
    """A revision was named that there is not; `newest` is the last one."""

    def __init__(self, newest: int) -> None:
        super().__init__(f"there is no such revision; the newest is {newest}")
        self.newest = newest


class Position(NamedTuple):
    """A place in the feed: after the change of this offer (its primary key) in this revision."""

    revision: int
    offer: int

    @classmethod
    def after(cls, revision: int) -> Position:
        """After all changes of a revision."""
        return cls(revision + 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which changes."""

    gateway: str | None = None
    id: str | None = None
    kinds: Collection[str] = ()
    """Any of these; none is every kind."""
    has_rendered: bool = True
    """Whether changes of our rendering are among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one revision changed of one offer."""

    position: Position
    published_at: datetime
    gateway: str
    id: str
    is_curated: bool
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    changes: Sequence[Change]
    """In the order of their positions."""
    end: Position
    """Where the next page begins."""
    has_more: bool
    """Whether anything follows already."""
    complete_since: int
    """All changes after this revision are kept."""


# --- the feed --------------------------------------------------------------------------------------------------------
def changes_after(start: Position | None, *, until: int, wanted: Wanted, limit: int) -> Page:
    """The next changes up to revision `until`; without a start, from the oldest that are kept.

    At most `limit`, and with `wanted.kinds` perhaps fewer or none although more follow. Raises Forgotten and
    NotPublished.
    """
    with one_moment():
        complete_since = _complete_since()
        start = start or Position.after(complete_since)
        if start.revision <= complete_since:
            raise Forgotten(complete_since)
        if start.revision > until + 1:
            # Another process may serve a newer revision already, and have told it.
            _check_published(start.revision - 1)
        of_pages_before = Q(from_revision=start.revision, offer__lte=start.offer)
        versions = _versions(wanted).filter(from_revision__gte=start.revision, from_revision__lte=until)
        examined = MOST_EXAMINED if wanted.kinds else limit
        rows = list(versions.exclude(of_pages_before).order_by("from_revision", "offer")[: examined + 1])
        found, seen = _some(_changes(rows[:examined]), wanted=wanted, limit=limit)
    has_more = seen < len(rows)
    end = Position(*rows[seen - 1][:2]) if has_more else max(start, Position.after(until))
    return Page(changes=found, end=end, has_more=has_more, complete_since=complete_since)


def newest_changes(*, until: int, wanted: Wanted, limit: int) -> Sequence[Change]:
    """The last changes up to revision `until`, the newest first; of some kinds, among the last MOST_EXAMINED."""
    with one_moment():
        versions = _versions(wanted).filter(from_revision__gt=_complete_since(), from_revision__lte=until)
        examined = MOST_EXAMINED if wanted.kinds else limit
        rows = list(versions.order_by("-from_revision", "-offer")[:examined])
        found, _ = _some(_changes(rows), wanted=wanted, limit=limit)
    return found


def last_revision_before(moment: datetime) -> int:
    """The revision that was served until this second began."""
    older = Revision.objects.filter(published_at__lt=moment.replace(microsecond=0))
    return older.order_by("-published_at", "-number").values_list("number", flat=True).first() or 0


def founded_at() -> datetime:
    """When this catalogue was made: two installations hardly ever share it."""
    return Revision.objects.get(number=0).published_at


def _complete_since() -> int:
    forgotten = Revision.objects.filter(is_forgotten=True).order_by("-number")
    return forgotten.values_list("number", flat=True).first() or 0


def _check_published(revision: int) -> None:
    newest = Revision.objects.newest().number
    if revision > newest:
        raise NotPublished(newest)


_Row = tuple[int, int, str, str, str, str | None]


def _versions(wanted: Wanted) -> QuerySet[OfferVersion, _Row]:
    """Revision, offer, gateway, id, document and the document before of each version."""
    before = OfferVersion.objects.filter(offer=OuterRef("offer"), from_revision__lt=OuterRef("from_revision"))
    versions = OfferVersion.objects.all()
    if wanted.id is not None:
        # Asked for first, or databases sometimes try every version against every offer.
        versions = versions.filter(
            offer__in=list(Offer.objects.filter(model_id=wanted.id).values_list("pk", flat=True))
        )
    if not wanted.has_rendered:
        versions = versions.exclude(from_revision__in=Revision.objects.filter(is_rendered=True).values("number"))
    if wanted.gateway is not None:
        versions = versions.filter(offer__gateway__slug=wanted.gateway)
    return versions.values_list(
        "from_revision",
        "offer",
        "offer__gateway__slug",
        "offer__model_id",
        "document",
        Subquery(before.order_by("-from_revision").values("document")[:1]),
    )


def _changes(rows: Sequence[_Row]) -> Iterable[Change]:
    revisions = Revision.objects.in_bulk({row[0] for row in rows})
    for number, offer, gateway, model_id, after, before in rows:
        yield Change(
            position=Position(number, offer),
            published_at=revisions[number].published_at,
            gateway=gateway,
            id=model_id,
            is_curated=revisions[number].is_curated,
            difference=difference(
                orjson.loads(before) if before else None,
                orjson.loads(after),
                is_rendered=revisions[number].is_rendered,
            ),
        )


def _some(changes: Iterable[Change], *, wanted: Wanted, limit: int) -> tuple[list[Change], int]:
    """The first `limit` of the wanted kinds, and how many were looked at to find them."""
    found: list[Change] = []
    seen = 0
    for change in changes:
        seen += 1
        if not wanted.kinds or not set(wanted.kinds).isdisjoint(change.difference.kinds):
            found.append(change)
        if len(found) == limit:
            break
    return found, seen


# --- one offer -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferThen:
    """One offer as it stood in a revision."""

    gateway: str
    document: str | None
    reason: str | None
    """Why there is no document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    revision: Revision
    """All that follows is as it stood then."""
    offers: Sequence[OfferThen]
    prices: Sequence[Price]
    """The page of them: those in force first, then the newest first. `ended_at` is the end that was known then."""
    prices_total: int
    changes: Sequence[Change]
    """The page of them, the newest first."""
    changes_total: int
    complete_since: int


def history_of(
    model_id: str, *, gateways: Collection[str], until: int, as_of: datetime | None, offset: int, limit: int
) -> History:
    """The offers of this id at these gateways, as they stood in revision `until`, or before it at the time `as_of`."""
    with one_moment():
        then = _revision_at(as_of, until=until)
        complete_since = _complete_since()
        offers = list(
            Offer.objects.filter(model_id=model_id, gateway__slug__in=gateways)
            .select_related("gateway")
            .order_by("gateway__slug")
        )
        versions = _versions(Wanted()).filter(
            offer__in=offers, from_revision__gt=complete_since, from_revision__lte=then.number
        )
        rows = versions.order_by("-from_revision", "-offer")[offset : offset + limit]
        prices = _prices_at(offers, then.published_at)
        return History(
            revision=then,
            offers=_offers_in(then, offers, complete_since=complete_since),
            prices=_with_offers(prices[offset : offset + limit], offers),
            prices_total=prices.count(),
            changes=list(_changes(list(rows))),
            changes_total=versions.count(),
            complete_since=complete_since,
        )


def _revision_at(moment: datetime | None, *, until: int) -> Revision:
    """The revision that was served at the end of this second, if it is not later than `until`."""
    known = Revision.objects.filter(number__lte=until)
    if moment is None:
        return known.order_by("-number")[:1].get()
    # Answers show times to the second: whoever asks with one of them means the revision that had it.
    before = known.filter(published_at__lt=moment.replace(microsecond=0) + _SECOND)
    # Revision 0, in which there was nothing, stands for all the time before it.
    return before.order_by("-published_at", "-number").first() or known.get(number=0)


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
    """The prices that had begun by then, with `ended_at`: None of those in force."""
    is_over = Case(When(valid_to__lte=moment, then=Value(1)), default=Value(0), output_field=IntegerField())
    return (
        Price.objects.filter(offer__in=offers, valid_from__lte=moment)
        .exclude(valid_to=F("valid_from"))  # overtaken in the moment in which it began: never in force
        .annotate(is_over=is_over, ended_at=Case(When(valid_to__lte=moment, then=F("valid_to"))))
        .order_by("is_over", "-valid_from", "pk")
    )


def _with_offers(prices: Iterable[Price], offers: Iterable[Offer]) -> list[Price]:
    """Spares a join, which the order of the prices would make dear."""
    found = list(prices)
    known = {offer.pk: offer for offer in offers}
    for price in found:
        price.offer = known[price.offer_id]
    return found
