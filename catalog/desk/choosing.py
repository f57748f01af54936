"""Fixes a selection of offers: their primary keys, so that a sync cannot add to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.http import QueryDict

from catalog.desk import feeds
from catalog.desk.pages import Problem
from catalog.memory.selection import Selection
from catalog.models import Offer
from catalog.parameters.filterset import InvalidParameters
from catalog.parameters.offer_filters import OfferFilterSet
from catalog.publication.batches import batches


def keys_of(query: str) -> list[int]:
    """Return the primary keys of all offers that a query string finds. Raises InvalidParameters."""
    served = feeds.snapshot()
    if served is None:
        raise Problem("Nothing is served yet.", "This process has not read a revision. Try again soon.", status=503)
    rows = OfferFilterSet(QueryDict(query)).narrowed(Selection.of(served)).rows
    keys = {
        (gateway, model_id): pk
        for batch in batches(sorted({row.id for row in rows}))
        for pk, gateway, model_id in Offer.objects.filter(model_id__in=batch).values_list(
            "pk", "gateway__slug", "model_id"
        )
    }
    return [keys[row.gateway, row.id] for row in rows if (row.gateway, row.id) in keys]


def chosen(texts: Sequence[str]) -> list[int]:
    """Return the primary keys that a form has sent. Raises Problem if one is none."""
    if not all(text.isascii() and text.isdigit() and len(text) <= len("9" * 18) for text in texts):
        raise Problem("These are not offers.", "Choose them from the list of offers.", status=400)
    return _existing(dict.fromkeys(map(int, texts)))


def _existing(keys: Iterable[int]) -> list[int]:
    wanted = list(keys)
    found = {
        pk
        for batch in batches(sorted(wanted))
        for pk in Offer.objects.filter(pk__in=batch).values_list("pk", flat=True)
    }
    return [pk for pk in wanted if pk in found]


def found_by(query: str) -> list[int]:
    """Return the primary keys of all that a list finds. Raises Problem if its parameters are wrong."""
    try:
        return keys_of(query)
    except InvalidParameters as error:
        raise Problem("This selection cannot be read.", f"{error}.", status=400) from error
