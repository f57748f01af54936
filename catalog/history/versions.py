"""Reads the versions of offers as changes: one change per offer and revision."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson
from django.db.models import OuterRef, QuerySet, Subquery

from catalog.documents.differences import Difference, Kind, difference
from catalog.models import Offer, OfferVersion, Revision


class Position(NamedTuple):
    """A position in the feed, after the change of this offer (its primary key) in this revision."""

    revision: int
    offer: int

    @classmethod
    def after(cls, revision: int) -> Position:
        """Return the position after all changes of a revision."""
        return cls(revision + 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The filters for changes."""

    gateway: str | None = None
    id: str | None = None
    kinds: Collection[str] = ()
    """Any of these kinds; empty means every kind."""
    has_rendered: bool = True
    """Whether to include changes of our rendering."""
    has_availability: bool = True
    """Whether to include changes of nothing but availability."""

    def takes(self, change: Change) -> bool:
        """Whether a change is of the wanted kinds, as far as `versions_of` cannot decide that."""
        kinds = set(change.difference.kinds)
        if not self.has_availability and kinds == {Kind.AVAILABILITY}:
            return False
        return not self.kinds or not kinds.isdisjoint(self.kinds)

    @property
    def is_partial(self) -> bool:
        """Whether `takes` may refuse a change."""
        return bool(self.kinds) or not self.has_availability


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The change of one offer in one revision."""

    position: Position
    published_at: datetime
    gateway: str
    id: str
    is_curated: bool
    difference: Difference


def kept_since() -> int:
    forgotten = Revision.objects.filter(is_forgotten=True).order_by("-number")
    return forgotten.values_list("number", flat=True).first() or 0


_Row = tuple[int, int, str, str, str, str | None]


def versions_of(wanted: Wanted) -> QuerySet[OfferVersion, _Row]:
    """Return revision, offer, gateway, id, document and previous document of each version."""
    versions = OfferVersion.objects.all()
    if wanted.id is not None:
        # The offers are queried first: otherwise databases sometimes compare every version with every offer.
        versions = versions.filter(
            offer__in=list(Offer.objects.filter(model_id=wanted.id).values_list("pk", flat=True))
        )
    if not wanted.has_rendered:
        versions = versions.exclude(from_revision__in=Revision.objects.filter(is_rendered=True).values("number"))
    if not wanted.has_availability:
        versions = versions.exclude(from_revision__in=Revision.objects.filter(is_observed=True).values("number"))
    if wanted.gateway is not None:
        versions = versions.filter(offer__gateway__slug=wanted.gateway)
    return versions.values_list(
        "from_revision",
        "offer",
        "offer__gateway__slug",
        "offer__model_id",
        "document",
        _document_before(),
    )


def with_document_before(versions: QuerySet[OfferVersion]) -> QuerySet[OfferVersion]:
    """Annotate each version with `document_before`: the previous version's document, or None if none is kept."""
    return versions.annotate(document_before=_document_before())


def _document_before() -> Subquery:
    before = OfferVersion.objects.filter(offer=OuterRef("offer"), from_revision__lt=OuterRef("from_revision"))
    return Subquery(before.order_by("-from_revision").values("document")[:1])


def changes_in(rows: Sequence[_Row]) -> Iterable[Change]:
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
