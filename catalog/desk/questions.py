"""The questions about prices, computed once for each state of what they depend on."""

from __future__ import annotations

from typing import Any

from django.db.models import Subquery, Sum, Value

from catalog.curation import holds
from catalog.models import CurationAction, Revision, RunCount
from catalog.publication.prices.questions import Question

_last: tuple[Any, list[Question]] | None = None
"""The last state that was seen, and its questions. Replaced as a whole, so threads need no lock."""


def open_questions() -> list[Question]:
    """Return the questions. One indexed query, unless something was published, read or decided since the last time."""
    global _last
    state, known = _state(), _last
    if known is None or known[0] != state:
        known = _last = (state, holds.open_questions())
    return known[1]


def _state() -> Any:
    """Return what grows with everything that questions depend on.

    Prices and models change with a revision, readings of held prices with the end of a run, and holds with actions.
    """
    ended = RunCount.objects.order_by().annotate(all=Value(1)).values("all").annotate(runs=Sum("count"))
    actions = CurationAction.objects.order_by("-number").values("number")
    newest = Revision.objects.order_by("-number")
    return newest.values_list("number", "published_at", Subquery(ended.values("runs")), Subquery(actions[:1]))[:1].get()
