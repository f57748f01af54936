"""The first page: the question, the search, six ways in, and the table at once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from catalog.memory import derived
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, Query
from catalog.reports.statistics import nearest_rank
from catalog.web import figures, pages
from catalog.web.list_page import ListPage, list_answer
from catalog.web.parameters import ListFilterSet
from catalog.web.standing import standing_of
from front.answers import Answer

View = dict[str, Any]


def read_front_page(snapshot: Snapshot, query: Query) -> Answer:
    page = ListPage.of(snapshot, query)
    hero = None if page.is_narrowed else _hero(snapshot)
    return list_answer(page, "models.html", current="Models", more={"hero": hero})


class FrontPage(pages.CatalogPage):
    endpoint = Endpoint(media_type=pages.HTML, is_cacheable=True, filterset=ListFilterSet, answer=read_front_page)


@derived.Once
def _ladder(snapshot: Snapshot, last: Sequence[View] | None) -> Sequence[View]:
    """Return how the input prices of all offers are distributed, each the price of some offer."""
    rows = snapshot.index.rows
    counted: dict[Decimal, int] = {}
    for position in Selection.of(snapshot).members:
        amount = rows[position].tariff.per_million_input
        if amount:
            counted[amount] = counted.get(amount, 0) + 1
    if not counted:
        return ()
    names = ("cheapest", "a quarter cost at most", "half cost at most", "three quarters", "dearest")
    amounts = nearest_rank(counted, (0, 25, 50, 75, 100))
    return [
        {"name": name, "amount": figures.per_million_view(amount)} for name, amount in zip(names, amounts, strict=True)
    ]


def _hero(snapshot: Snapshot) -> View:
    standing, active = standing_of(snapshot), Selection.of(snapshot)
    gateways = figures.counted(len(active.counts("gateway")), "gateway")
    models, sold = figures.counted(len(standing.models), "model"), figures.counted(len(active), "offer")
    return {
        "sentence": f"{models} in {sold} at {gateways}. Exact prices, each with its date.",
        "ladder": _ladder(snapshot),
    }
