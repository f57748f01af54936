"""Fixes a selection of offers: their primary keys, so that a sync cannot add to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catalog.desk import offers_found
from catalog.desk.pages import Problem
from catalog.models import Offer
from catalog.parameters.filterset import InvalidParameters
from catalog.publication.batches import batches


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
        return offers_found.keys_of(query)
    except InvalidParameters as error:
        raise Problem("This selection cannot be read.", f"{error}.", status=400) from error
