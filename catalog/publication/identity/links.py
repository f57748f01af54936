"""The stored links of offers and models. They lead to everything that can change together, without a full scan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from django.db.models import QuerySet

from catalog import registry
from catalog.identity import links as rules
from catalog.models import IdentityLink
from catalog.publication import naming
from catalog.publication.batches import BATCH, batches

Owner = tuple[int | None, int | None]
"""The primary key of either an offer or a model."""


def are_current() -> bool:
    """Return whether the links cover all decisions, and were made by the current rules."""
    return IdentityLink.objects.filter(offer=None, model=None, name=_stamp()).exists()


def forget() -> None:
    """Mark the links as outdated, so that the next update resolves everything again."""
    IdentityLink.objects.filter(offer=None, model=None).delete()


class Reach:
    """The primary keys of the offers and models that are reachable by links from some names."""

    def __init__(self, start: Collection[str]) -> None:
        self.offers: set[int] = set()
        self.models: set[int] = set()
        rules.reached(start, self._names_next_to)

    def _names_next_to(self, names: Collection[str]) -> set[str]:
        offers: set[int] = set()
        models: set[int] = set()
        for batch in batches(sorted(names)):
            for offer, model in IdentityLink.objects.filter(name__in=batch).values_list("offer", "model"):
                if offer:
                    offers.add(offer)
                elif model:
                    models.add(model)
        new = names_of(offers=offers - self.offers, models=models - self.models)
        self.offers |= offers
        self.models |= models
        return new


def names_of(*, offers: Collection[int] = (), models: Collection[int] = ()) -> set[str]:
    return {name for rows in _rows_of(offers, models) for name in rows.values_list("name", flat=True)}


def write(wanted: Mapping[Owner, Collection[str]], *, of_all: bool) -> None:
    """Replace the links of these owners. `of_all`: delete the links of all other owners as well."""
    offers = [offer for offer, _ in wanted if offer]
    models = [model for _, model in wanted if model]
    found = [IdentityLink.objects.all()] if of_all else _rows_of(offers, models)
    stored = {
        (offer, model, name): pk
        for rows in found
        for pk, offer, model, name in rows.values_list("pk", "offer", "model", "name").iterator()
    }
    rows = {(*owner, name) for owner, names in wanted.items() for name in names}
    if of_all:
        rows.add((None, None, _stamp()))
    _delete(pk for row, pk in stored.items() if row not in rows)
    new = sorted(rows - stored.keys(), key=repr)
    links = [IdentityLink(offer_id=offer, model_id=model, name=name) for offer, model, name in new]
    IdentityLink.objects.bulk_create(links, batch_size=BATCH)


def _delete(pks: Iterable[int]) -> None:
    for batch in batches(sorted(pks)):
        IdentityLink.objects.filter(pk__in=batch).delete()


def _rows_of(offers: Collection[int], models: Collection[int]) -> Iterator[QuerySet[IdentityLink]]:
    for batch in batches(sorted(offers)):
        yield IdentityLink.objects.filter(offer__in=batch)
    for batch in batches(sorted(models)):
        yield IdentityLink.objects.filter(model__in=batch)


def _stamp() -> str:
    """Return the stamp of the rules, the gateways' traits and the providers' spellings. Unlike any link, it contains a
    space."""
    return f"rules {rules.RULES} {registry.traits_digest()} {naming.makers().digest}"
