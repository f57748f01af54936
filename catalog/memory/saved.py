"""The filters that curators saved under names, as a snapshot has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.models import SavedFilter


@dataclass(frozen=True, slots=True)
class Saved:
    """One saved filter. Requests use it as `view=NAME`."""

    name: str
    title: str
    expression: str
    """A query string of the list's parameters, canonical when it was saved."""


def read_saved() -> Mapping[str, Saved]:
    """Read all saved filters, by name."""
    rows = SavedFilter.objects.order_by("name").values_list("name", "title", "expression")
    return {name: Saved(name, title, expression) for name, title, expression in rows}
